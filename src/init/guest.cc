// The second stage of a virtual machine, on the root that the monitor serves: what the supervisor
// is outside, for an agent whose kernel is another one. The agent is confined here as it is in
// every tier; the machine around it is one layer more, not one instead.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/landlock_uapi.h"
#include "init/machine.h"
#include "init/machine_wire.h"
#include "init/setup.h"

namespace berm::init {
namespace {

using machine::Frame;
using machine::Kind;

struct Channel {
  int fd = -1;
};

// What the loop looks after.
struct Guest {
  int port = machine::kPortFd;
  int control = -1;
  int signals = -1;
  int in = -1;   ///< to the agent
  int out = -1;  ///< of the agent
  int err = -1;
  pid_t init = -1;
  bool terminal = false;
  bool ended = false;
  std::int32_t status = 125 << 8;  ///< unless it is told otherwise
  char pending[machine::kInputWindow];
  std::uint32_t pending_size = 0;
  bool input_ended = false;
  Channel channels[machine::kMostChannels];
  machine::FrameReader reader;
};
Guest guest;

[[noreturn]] void power_off() {
  ::sync();
  ::reboot(RB_AUTOBOOT);
  ::_exit(125);
}

[[noreturn]] void fail_guest(wire::Step step, int error) {
  const machine::Failure failure{static_cast<std::uint32_t>(step), error};
  machine::send_frame(guest.port, Kind::failed, 0, &failure, sizeof failure);
  power_off();
}

// The program was made for the host's kernel: what this one's Landlock does not know is left out,
// and said.
std::uint64_t known_rights(int abi) { return abi > 0 ? landlock::handled_fs(abi) : 0; }

int adapt_program() {
  const int from = ::open(machine::kProgram, O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (from < 0 || ::fstat(from, &status) != 0) return errno;
  const auto size = static_cast<std::size_t>(status.st_size);
  const int to = ::memfd_create("berm-program", MFD_CLOEXEC);
  if (to < 0 || ::ftruncate(to, status.st_size) != 0) return errno;
  void* bytes = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, to, 0);
  if (bytes == MAP_FAILED || size < sizeof(wire::Program)) return EINVAL;
  for (std::size_t at = 0; at < size;) {
    const ssize_t got = ::read(from, static_cast<char*>(bytes) + at, size - at);
    if (got <= 0) return EIO;
    at += static_cast<std::size_t>(got);
  }
  ::close(from);
  const int abi = static_cast<int>(
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, landlock::kCreateRulesetVersion));
  auto* program = static_cast<wire::Program*>(bytes);
  program->landlock_fs &= known_rights(abi);
  program->landlock_scoped &= landlock::scopes(abi > 0 ? abi : 0);
  ::munmap(bytes, size);
  return ::dup2(to, wire::kProgramFd) < 0 ? errno : 0;
}

int mount_own(const char* what, const char* type, const char* at, unsigned long flags,
              const char* options) {
  return ::mount(what, at, type, flags | MS_NOSUID, options) == 0 ? 0 : errno;
}

// Each place that the plan makes writable, from the mount that is for that.
int mount_writable(const ProgramView& program) {
  for (const wire::PathRule& rule : program.slice<wire::PathRule>(program.header().path_rules)) {
    const char* path = program.string(rule.path);
    const bool device = ::strncmp(path, "/dev/", 5) == 0;
    if ((rule.access & landlock::kWriteFile) == 0 || device || ::strcmp(path, "/tmp") == 0)
      continue;
    char from[4200];
    ::snprintf(from, sizeof from, "/proc/self/fd/%d%s", machine::kWritableFd, path);
    if (::mount(from, path, nullptr, MS_BIND, nullptr) != 0 && errno != ENOENT) return errno;
  }
  ::close(machine::kWritableFd);
  return 0;
}

// No socket can be made on 9p: /tmp is this kernel's. What the plan mounted below it (a repository
// there) is laid over again.
int mount_scratch() {
  const int served = ::open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (served < 0) return errno;
  if (const int error = mount_own("tmpfs", "tmpfs", "/tmp", MS_NODEV, "mode=1777,size=50%");
      error != 0) {
    return error;
  }
  DIR* entries = ::fdopendir(served);
  int error = entries == nullptr ? errno : 0;
  while (error == 0) {
    const dirent* entry = ::readdir(entries);
    if (entry == nullptr) break;
    if (entry->d_type != DT_DIR || entry->d_name[0] == '.') continue;
    char from[300];
    char to[300];
    ::snprintf(from, sizeof from, "/proc/self/fd/%d/%s", served, entry->d_name);
    ::snprintf(to, sizeof to, "/tmp/%s", entry->d_name);
    const bool laid =
        ::mkdir(to, 0755) == 0 && ::mount(from, to, nullptr, MS_BIND | MS_REC, nullptr) == 0;
    if (!laid) error = errno;
  }
  if (entries != nullptr) ::closedir(entries);
  return error;
}

// What must be of this kernel: memory that is shared, sockets and terminals.
int mount_all(const ProgramView& program) {
  int error = mount_own("proc", "proc", "/proc", MS_NODEV | MS_NOEXEC, nullptr);
  if (error == 0) error = mount_writable(program);
  if (error == 0) error = mount_scratch();
  if (error == 0) error = mount_own("tmpfs", "tmpfs", "/dev/shm", MS_NODEV, "mode=1777,size=64m");
  if (error != 0) return error;
  return mount_own("devpts", "devpts", "/dev/pts", MS_NOEXEC,
                   "newinstance,ptmxmode=0666,mode=0600");
}

struct Pipes {
  int in[2] = {-1, -1};
  int out[2] = {-1, -1};
  int err[2] = {-1, -1};
  int control[2] = {-1, -1};
};

int make_pipes(Pipes& pipes) {
  if (::pipe2(pipes.in, O_CLOEXEC) != 0 || ::pipe2(pipes.out, O_CLOEXEC) != 0 ||
      ::pipe2(pipes.err, O_CLOEXEC) != 0) {
    return errno;
  }
  return ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pipes.control) == 0 ? 0 : errno;
}

[[noreturn]] void become_run(const Pipes& pipes) {
  ::dup2(pipes.in[0], 0);
  ::dup2(pipes.out[1], 1);
  ::dup2(pipes.err[1], 2);
  ::dup2(pipes.control[1], wire::kControlFd);
  ::close_range(wire::kProgramFd + 1, ~0U, 0);
  run_in_guest();
}

int start_run(bool terminal) {
  Pipes pipes;
  if (const int error = make_pipes(pipes); error != 0) return error;
  clone_args arguments{};
  arguments.flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
  arguments.exit_signal = SIGCHLD;
  guest.init = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
  if (guest.init < 0) return errno;
  if (guest.init == 0) become_run(pipes);
  ::close(pipes.in[0]);
  ::close(pipes.out[1]);
  ::close(pipes.err[1]);
  ::close(pipes.control[1]);
  guest.control = pipes.control[0];
  guest.in = pipes.in[1];
  guest.out = pipes.out[0];
  guest.err = pipes.err[0];
  guest.terminal = terminal;
  ::fcntl(guest.in, F_SETFL, O_NONBLOCK);
  return 0;
}

void send_bytes(int& fd, Kind kind) {
  char buffer[machine::kMostPayload];
  const ssize_t got = ::read(fd, buffer, sizeof buffer);
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (got > 0 && machine::send_frame(guest.port, kind, 0, buffer, static_cast<std::size_t>(got))) {
    return;
  }
  ::close(fd);  // EIO is the end of a terminal
  fd = -1;
}

// A terminal's ends are one descriptor, which replaces the pipes.
void take_terminal(int master) {
  ::close(guest.in);
  ::close(guest.out);
  guest.out = master;
  guest.in = ::fcntl(master, F_DUPFD_CLOEXEC, 0);
  ::fcntl(guest.in, F_SETFL, O_NONBLOCK);
}

void hear_run() {
  wire::Message message{};
  iovec part{&message, sizeof message};
  alignas(cmsghdr) char space[CMSG_SPACE(sizeof(int) * 4)] = {};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = space;
  header.msg_controllen = sizeof space;
  const ssize_t got = ::recvmsg(guest.control, &header, MSG_CMSG_CLOEXEC);
  if (got != sizeof message) {
    ::close(guest.control);
    guest.control = -1;
    guest.ended = true;  // with the status of a run that nobody told the end of
    return;
  }
  int fd = -1;
  const cmsghdr* rights = CMSG_FIRSTHDR(&header);
  if (rights != nullptr && rights->cmsg_type == SCM_RIGHTS)
    ::memcpy(&fd, CMSG_DATA(rights), sizeof fd);
  switch (message.kind) {
    case wire::MessageKind::terminal:
      return take_terminal(fd);
    case wire::MessageKind::started:
      machine::send_frame(guest.port, Kind::started, 0, nullptr, 0);
      break;
    case wire::MessageKind::failed:
      fail_guest(message.step, message.value);
    case wire::MessageKind::exited:
      guest.status = message.value;
      guest.ended = true;
      break;
    default:
      break;
  }
  if (fd >= 0) ::close(fd);
}

void feed_agent() {
  if (guest.in < 0) return;
  if (guest.pending_size > 0) {
    const ssize_t wrote = ::write(guest.in, guest.pending, guest.pending_size);
    if (wrote < 0 && (errno == EAGAIN || errno == EINTR)) return;
    // Nobody reads it any more: what comes is taken and dropped.
    const auto taken = wrote < 0 ? guest.pending_size : static_cast<std::uint32_t>(wrote);
    ::memmove(guest.pending, guest.pending + taken, guest.pending_size - taken);
    guest.pending_size -= taken;
    machine::send_frame(guest.port, Kind::taken, 0, &taken, sizeof taken);
  }
  if (guest.pending_size > 0 || !guest.input_ended) return;
  // The end of a terminal's input is a character of its line, not the end of the terminal.
  constexpr char kEndOfTransmission = 4;
  if (guest.terminal) (void)!::write(guest.in, &kEndOfTransmission, 1);
  ::close(guest.in);
  guest.in = -1;
}

void tell_agent(int signal) {
  const wire::Message message{wire::MessageKind::signal, wire::Step::exec, signal, 0};
  if (guest.control >= 0) ::send(guest.control, &message, sizeof message, MSG_NOSIGNAL);
}

void close_channel(std::uint8_t index, bool tell) {
  Channel& channel = guest.channels[index];
  if (channel.fd < 0) return;
  ::close(channel.fd);
  channel.fd = -1;
  if (tell) machine::send_frame(guest.port, Kind::hang_up, index, nullptr, 0);
}

void obey(const Frame& frame, const char* payload) {
  const int channel = guest.channels[frame.channel].fd;
  switch (frame.kind) {
    case Kind::input: {
      if (frame.size == 0) guest.input_ended = true;
      const std::uint32_t room = machine::kInputWindow - guest.pending_size;
      const std::uint32_t size = frame.size < room ? frame.size : room;
      ::memcpy(guest.pending + guest.pending_size, payload, size);
      guest.pending_size += size;
      return feed_agent();
    }
    case Kind::signal: {
      std::int32_t signal = 0;
      if (frame.size == sizeof signal) ::memcpy(&signal, payload, sizeof signal);
      if (signal > 0) tell_agent(signal);
      return;
    }
    case Kind::window: {
      winsize size{};
      if (frame.size != sizeof size || !guest.terminal || guest.out < 0) return;
      ::memcpy(&size, payload, sizeof size);
      ::ioctl(guest.out, TIOCSWINSZ, &size);
      return;
    }
    case Kind::answer:
      if (channel >= 0 && !machine::write_all(channel, payload, frame.size)) {
        close_channel(frame.channel, true);
      }
      return;
    case Kind::hang_up:
      return close_channel(frame.channel, false);
    default:
      return;
  }
}

void hear_monitor() {
  if (!guest.reader.read_from(guest.port)) power_off();
  Frame frame{};
  const char* payload = nullptr;
  while (guest.reader.next(frame, payload)) obey(frame, payload);
}

// Only the hook client asks: the sandbox's own berm-init, by the file, which nobody inside writes.
bool is_hook(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  char path[64];
  ::snprintf(path, sizeof path, "/proc/%d/exe", peer.pid);
  struct stat asker {
  }, own{};
  return ::stat(path, &asker) == 0 && ::stat("/proc/self/exe", &own) == 0 &&
         asker.st_dev == own.st_dev && asker.st_ino == own.st_ino;
}

void accept_hook() {
  const int fd = ::accept4(machine::kHookSocketFd, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd < 0) return;
  for (Channel& channel : guest.channels) {
    if (channel.fd >= 0 || !is_hook(fd)) continue;
    channel.fd = fd;
    return;
  }
  ::close(fd);  // its hook refuses
}

void pass_question(std::uint8_t index) {
  char buffer[machine::kMostPayload];
  const ssize_t got = ::read(guest.channels[index].fd, buffer, sizeof buffer);
  if (got < 0 && errno == EINTR) return;
  if (got <= 0) return close_channel(index, true);
  machine::send_frame(guest.port, Kind::question, index, buffer, static_cast<std::size_t>(got));
}

void wait_once(bool hooks) {
  enum : std::size_t { port, control, signals, out, err, in, hook, first_channel };
  pollfd fds[first_channel + machine::kMostChannels] = {
      {guest.port, POLLIN, 0},
      {guest.control, POLLIN, 0},
      {guest.signals, POLLIN, 0},
      {guest.out, POLLIN, 0},
      {guest.err, POLLIN, 0},
      {guest.pending_size > 0 || guest.input_ended ? guest.in : -1, POLLOUT, 0},
      {hooks ? machine::kHookSocketFd : -1, POLLIN, 0}};
  for (int i = 0; i < machine::kMostChannels; ++i) {
    fds[first_channel + static_cast<std::size_t>(i)] = {guest.channels[i].fd, POLLIN, 0};
  }
  if (::poll(fds, first_channel + machine::kMostChannels, -1) < 0 && errno != EINTR) power_off();
  if (fds[out].revents != 0) send_bytes(guest.out, Kind::out);
  if (fds[err].revents != 0) send_bytes(guest.err, Kind::err);
  if (fds[port].revents != 0) hear_monitor();
  if (fds[in].revents != 0) feed_agent();
  if (fds[hook].revents != 0) accept_hook();
  for (std::uint8_t i = 0; i < machine::kMostChannels; ++i) {
    const pollfd& one = fds[first_channel + i];
    if (one.revents != 0 && one.fd >= 0 && one.fd == guest.channels[i].fd) pass_question(i);
  }
  if (fds[control].revents != 0) hear_run();
  if (fds[signals].revents != 0) {
    signalfd_siginfo drained;
    while (::read(guest.signals, &drained, sizeof drained) > 0) {
    }
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
  }
}

void drain(int& fd, Kind kind) {
  while (fd >= 0) {
    pollfd more{fd, POLLIN, 0};
    if (::poll(&more, 1, 0) <= 0) return;
    send_bytes(fd, kind);
  }
}

int look_after_signals() {
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_BLOCK, &all, nullptr);
  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  guest.signals = ::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  return guest.signals < 0 ? errno : 0;
}

}  // namespace

void run_guest() {
  ::signal(SIGPIPE, SIG_IGN);
  const bool hooks = ::fcntl(machine::kHookSocketFd, F_GETFD) >= 0;
  ::fcntl(machine::kPortFd, F_SETFD, FD_CLOEXEC);
  if (hooks) ::fcntl(machine::kHookSocketFd, F_SETFD, FD_CLOEXEC);
  machine::send_frame(guest.port, Kind::booted, 0, nullptr, 0);
  if (const int error = adapt_program(); error != 0) fail_guest(wire::Step::read_program, error);
  const ProgramView program(wire::kProgramFd);
  if (!program.valid()) fail_guest(wire::Step::read_program, EINVAL);
  const bool terminal = (program.header().flags & wire::kTerminal) != 0;
  if (const int error = mount_all(program); error != 0) fail_guest(wire::Step::build_root, error);
  const int error = set_up_guest_network(program);
  if (error != 0) fail_guest(wire::Step::raise_loopback, error);
  if ((program.header().flags & wire::kEngine) != 0) {
    if (const int failed = start_engine(program); failed != 0) {
      fail_guest(wire::Step::fork_agent, failed);
    }
  }
  if (const int failed = start_run(terminal); failed != 0) {
    fail_guest(wire::Step::fork_agent, failed);
  }
  if (const int failed = look_after_signals(); failed != 0) {
    fail_guest(wire::Step::guard_init, failed);
  }
  while (!guest.ended) wait_once(hooks);
  drain(guest.out, Kind::out);
  drain(guest.err, Kind::err);
  // What was written reaches the host before the end does.
  ::sync();
  machine::send_frame(guest.port, Kind::exited, 0, &guest.status, sizeof guest.status);
  for (;;) ::pause();  // the monitor is ended from outside
}

}  // namespace berm::init
