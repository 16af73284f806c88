// Around a virtual machine: the "agent" of a sandbox of the namespace tier, whose child is the
// monitor (QEMU). What reaches the monitor is what reaches any agent there: the workspace, egress,
// no privilege. This program has no right that the monitor has not; it carries bytes.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <initializer_list>

#include "init/machine.h"
#include "init/machine_wire.h"
#include "init/wire.h"

namespace berm::init {
namespace {

using machine::Frame;
using machine::Kind;

constexpr int kCannot = 125;
constexpr std::size_t kConsoleKept = 2048;  // of the guest's console, to explain a failure

struct Hook {
  pid_t pid = -1;
  int fd = -1;  ///< a socket pair: its standard input and output
};
struct Monitor {
  pid_t pid = -1;
  int port = -1;
  int console = -1;
  int signals = -1;
  bool booted = false;
  bool started = false;
  bool input_open = true;
  std::uint32_t unread = 0;  ///< bytes of input that the guest has not taken yet
  long began = 0;
  char said[kConsoleKept];
  std::size_t said_size = 0;
  Hook hooks[machine::kMostChannels];
  machine::FrameReader reader;
};
Monitor monitor;
termios cooked;
bool is_raw = false;

long now_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

void restore_terminal() {
  if (is_raw) ::tcsetattr(0, TCSANOW, &cooked);
  is_raw = false;
}

[[noreturn]] void leave(int code) {
  restore_terminal();
  if (monitor.pid > 0) ::kill(monitor.pid, SIGKILL);
  ::_exit(code);
}

void keep_console(const char* from, std::size_t size) {
  if (size >= kConsoleKept) {
    from += size - kConsoleKept;
    size = kConsoleKept;
  }
  if (monitor.said_size + size > kConsoleKept) {
    const std::size_t over = monitor.said_size + size - kConsoleKept;
    ::memmove(monitor.said, monitor.said + over, monitor.said_size - over);
    monitor.said_size -= over;
  }
  ::memcpy(monitor.said + monitor.said_size, from, size);
  monitor.said_size += size;
}

[[noreturn]] void end_by(int signal) {
  ::signal(signal, SIG_DFL);
  sigset_t one;
  ::sigemptyset(&one);
  ::sigaddset(&one, signal);
  ::sigprocmask(SIG_UNBLOCK, &one, nullptr);
  ::kill(::getpid(), signal);
  ::_exit(128 + signal);
}

// The guest's words are hostile bytes on somebody's terminal.
[[noreturn]] void fail_with(const char* what) {
  restore_terminal();
  ::dprintf(2, "berm: the virtual machine %s\n", what);
  for (std::size_t i = 0; i < monitor.said_size; ++i) {
    char& c = monitor.said[i];
    if (c != '\n' && (c < ' ' || c > '~')) c = c == '\r' || c == '\t' ? ' ' : '?';
  }
  if (monitor.said_size > 0) {
    ::dprintf(2, "berm: the last of its console:\n%.*s\n", static_cast<int>(monitor.said_size),
              monitor.said);
  }
  if (monitor.pid > 0) ::kill(monitor.pid, SIGKILL);
  end_by(wire::kMachineLost);
}

[[noreturn]] void become_monitor(char** argv, int port, int console) {
  // The signals of the supervisor go to the agent inside, by this process; not to the monitor.
  ::setsid();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const int null_fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ::dup2(null_fd, 0);
  ::dup2(console, 1);
  ::dup2(console, 2);
  ::dup2(port, machine::kPortFd);
  ::execvp(argv[0], argv);
  ::dprintf(2, "cannot start %s: %s\n", argv[0], ::strerror(errno));
  ::_exit(127);
}

void start_monitor(char** argv) {
  int port[2];
  int console[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, port) != 0 ||
      ::pipe2(console, O_CLOEXEC) != 0) {
    fail_with("cannot be prepared");
  }
  monitor.pid = ::fork();
  if (monitor.pid < 0) fail_with("cannot be started: no process may be made");
  if (monitor.pid == 0) become_monitor(argv, port[1], console[1]);
  ::close(port[1]);
  ::close(console[1]);
  monitor.port = port[0];
  monitor.console = console[0];
  monitor.began = now_ms();
}

void stop_monitor() {
  ::kill(monitor.pid, SIGKILL);
  ::waitpid(monitor.pid, nullptr, 0);
  ::close(monitor.port);
  ::close(monitor.console);
  monitor.reader = {};  // half a frame of the one that is gone
  monitor.said_size = 0;
}

void tell_window() {
  winsize size{};
  if (is_raw && ::ioctl(0, TIOCGWINSZ, &size) == 0) {
    machine::send_frame(monitor.port, Kind::window, 0, &size, sizeof size);
  }
}

// The line discipline that matters is the one inside, where the agent's processes are.
void make_raw() {
  if (::tcgetattr(0, &cooked) != 0) return;
  termios raw = cooked;
  ::cfmakeraw(&raw);
  is_raw = ::tcsetattr(0, TCSANOW, &raw) == 0;
  tell_window();
}

// The agent's own end becomes ours, a signal too.
[[noreturn]] void end_like(std::int32_t status) {
  restore_terminal();
  ::kill(monitor.pid, SIGKILL);
  if (!WIFSIGNALED(status)) ::_exit(WEXITSTATUS(status));
  const int signal = WTERMSIG(status);
  if (signal == wire::kMachineLost) ::_exit(128 + signal);
  end_by(signal);
}

void end_hook(std::uint8_t index, bool tell) {
  Hook& hook = monitor.hooks[index];
  if (hook.fd < 0) return;
  ::close(hook.fd);
  if (hook.pid > 0) ::kill(hook.pid, SIGKILL);
  hook = {};
  if (tell) machine::send_frame(monitor.port, Kind::hang_up, index, nullptr, 0);
}

// A hook client of the sandbox's own, for each of the guest's: outside it is seen to be one.
void start_hook(std::uint8_t index) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return;
  const pid_t pid = ::fork();
  if (pid == 0) {
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    ::dup2(ends[1], 0);
    ::dup2(ends[1], 1);
    char mode[] = "hook";
    char relay[] = "--relay";
    char name[] = "berm-init";
    char* const argv[] = {name, mode, relay, nullptr};
    char* const env[] = {nullptr};
    ::execve(machine::kInit, argv, env);
    ::_exit(2);
  }
  ::close(ends[1]);
  if (pid < 0) {
    ::close(ends[0]);
    return;
  }
  monitor.hooks[index] = {.pid = pid, .fd = ends[0]};
}

void ask(const Frame& frame, const char* payload) {
  Hook& hook = monitor.hooks[frame.channel];
  if (hook.fd < 0) start_hook(frame.channel);
  if (hook.fd < 0 || !machine::write_all(hook.fd, payload, frame.size)) {
    end_hook(frame.channel, false);
    machine::send_frame(monitor.port, Kind::hang_up, frame.channel, nullptr, 0);
  }
}

void answer(std::uint8_t index) {
  char buffer[machine::kMostPayload];
  const ssize_t got = ::read(monitor.hooks[index].fd, buffer, sizeof buffer);
  if (got < 0 && errno == EINTR) return;
  if (got <= 0) return end_hook(index, true);
  machine::send_frame(monitor.port, Kind::answer, index, buffer, static_cast<std::size_t>(got));
}

[[noreturn]] void tell_failure(const Frame& frame, const char* payload) {
  machine::Failure failure{};
  if (frame.size == sizeof failure) ::memcpy(&failure, payload, sizeof failure);
  char text[160];
  if (failure.step == static_cast<std::uint32_t>(wire::Step::exec)) {
    restore_terminal();
    ::dprintf(2, "berm: cannot start the command in the machine: %s\n", ::strerror(failure.error));
    leave(failure.error == ENOENT ? 127 : 126);
  }
  ::snprintf(text, sizeof text, "cannot confine the agent (step %u): %s", failure.step,
             ::strerror(failure.error));
  monitor.said_size = 0;
  fail_with(text);
}

void obey(const Frame& frame, const char* payload) {
  std::uint32_t number = 0;
  if (frame.size == sizeof number) ::memcpy(&number, payload, sizeof number);
  switch (frame.kind) {
    case Kind::booted:
      monitor.booted = true;
      return;
    case Kind::started:
      monitor.started = true;
      return tell_window();
    case Kind::failed:
      tell_failure(frame, payload);
    case Kind::out:
    case Kind::err:
      if (!machine::write_all(frame.kind == Kind::out ? 1 : 2, payload, frame.size)) {
        // Whoever read it is gone: as for every program, that is the agent's to hear of.
        const std::int32_t broken = SIGPIPE;
        machine::send_frame(monitor.port, Kind::signal, 0, &broken, sizeof broken);
      }
      return;
    case Kind::exited:
      end_like(static_cast<std::int32_t>(number));
    case Kind::taken:
      monitor.unread -= number < monitor.unread ? number : monitor.unread;
      return;
    case Kind::question:
      return ask(frame, payload);
    case Kind::hang_up:
      return end_hook(frame.channel, false);
    default:
      fail_with("speaks no sense");
  }
}

void hear_guest() {
  if (!monitor.reader.read_from(monitor.port)) {
    monitor.port = -1;
    return;
  }
  Frame frame{};
  const char* payload = nullptr;
  while (monitor.reader.next(frame, payload)) obey(frame, payload);
}

void feed() {
  char buffer[machine::kMostPayload];
  const ssize_t got = ::read(0, buffer, sizeof buffer);
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
  const std::size_t size = got > 0 ? static_cast<std::size_t>(got) : 0;
  machine::send_frame(monitor.port, Kind::input, 0, buffer, size);
  monitor.unread += static_cast<std::uint32_t>(size);
  if (size == 0) monitor.input_open = false;
}

void hear_console() {
  char buffer[1024];
  const ssize_t got = ::read(monitor.console, buffer, sizeof buffer);
  if (got > 0) return keep_console(buffer, static_cast<std::size_t>(got));
  if (got < 0 && errno == EINTR) return;
  ::close(monitor.console);
  monitor.console = -1;
}

void hear_signals() {
  signalfd_siginfo one;
  while (::read(monitor.signals, &one, sizeof one) == sizeof one) {
    if (one.ssi_signo == SIGCHLD) continue;
    if (one.ssi_signo == SIGWINCH) {
      tell_window();
      continue;
    }
    const auto signal = static_cast<std::int32_t>(one.ssi_signo);
    // Before there is an agent, there is nobody else to end.
    if (!monitor.started) leave(128 + signal);
    machine::send_frame(monitor.port, Kind::signal, 0, &signal, sizeof signal);
  }
  for (;;) {
    const pid_t pid = ::waitpid(-1, nullptr, WNOHANG);
    if (pid <= 0) return;
    if (pid == monitor.pid) monitor.pid = -1;
    // Its number may be another's by the time its channel is closed.
    for (Hook& hook : monitor.hooks) {
      if (hook.pid == pid) hook.pid = -1;
    }
  }
}

void wait_once(int timeout) {
  enum : std::size_t { port, input, console, signals, first_hook };
  const bool wants_input = monitor.started && monitor.input_open &&
                           monitor.unread + machine::kMostPayload <= machine::kInputWindow;
  pollfd fds[first_hook + machine::kMostChannels] = {{monitor.port, POLLIN, 0},
                                                     {wants_input ? 0 : -1, POLLIN, 0},
                                                     {monitor.console, POLLIN, 0},
                                                     {monitor.signals, POLLIN, 0}};
  for (int i = 0; i < machine::kMostChannels; ++i) {
    fds[first_hook + static_cast<std::size_t>(i)] = {monitor.hooks[i].fd, POLLIN, 0};
  }
  if (::poll(fds, first_hook + machine::kMostChannels, timeout) < 0) return;
  if (fds[console].revents != 0) hear_console();
  if (fds[port].revents != 0) hear_guest();
  for (std::uint8_t i = 0; i < machine::kMostChannels; ++i) {
    const pollfd& one = fds[first_hook + i];
    if (one.revents != 0 && one.fd >= 0 && one.fd == monitor.hooks[i].fd) answer(i);
  }
  if (fds[input].revents != 0) feed();
  if (fds[signals].revents != 0) hear_signals();
}

// Whether the guest's second stage runs before the deadline. An emulated processor's clock may lead
// a kernel into waiting for ever: whoever asks twice hears an answer.
bool boots(long deadline_ms) {
  while (!monitor.booted && monitor.pid > 0) {
    const long left = monitor.began + deadline_ms - now_ms();
    if (left <= 0) return false;
    wait_once(static_cast<int>(left));
  }
  return monitor.booted;
}

void watch_signals() {
  sigset_t wanted;
  ::sigemptyset(&wanted);
  for (const int signal :
       {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGCHLD, SIGCONT, SIGTSTP}) {
    ::sigaddset(&wanted, signal);
  }
  ::sigprocmask(SIG_BLOCK, &wanted, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  monitor.signals = ::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
}

}  // namespace

void run_monitor(int argc, char** argv) {
  const long deadline = argc >= 2 ? ::atol(argv[0]) * 1000 : 0;
  if (deadline <= 0) ::_exit(kCannot);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);  // the monitor has our uid
  watch_signals();
  start_monitor(argv + 1);
  if (!boots(deadline) && monitor.pid > 0) {
    stop_monitor();
    start_monitor(argv + 1);
    if (!boots(deadline) && monitor.pid > 0) fail_with("did not boot within its deadline, twice");
  }
  make_raw();
  while (monitor.pid > 0 && monitor.port >= 0) wait_once(-1);
  for (int i = 0; i < 100 && monitor.console >= 0; ++i) wait_once(10);  // its last words
  fail_with(monitor.started  ? "ended while the agent ran in it"
            : monitor.booted ? "ended before the agent started"
                             : "did not boot");
}

}  // namespace berm::init
