#include "sys/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace berm {
namespace {

int pidfd_send_kill(int pidfd) {
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0));
}

// Between fork and exec: nothing that allocates.
[[noreturn]] void exec_child(const Command& command, char* const* argv, char* const* env, int in,
                             int out, int err) {
  if (::dup2(in, 0) < 0 || ::dup2(out, 1) < 0 || ::dup2(err, 2) < 0) ::_exit(126);
  ::close_range(3, ~0U, 0);
  if (!command.directory.empty() && ::chdir(command.directory.c_str()) != 0) ::_exit(126);
  ::signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execvpe(argv[0], argv, env);
  ::_exit(errno == ENOENT ? 127 : 126);
}

std::vector<char*> c_strings(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  for (const std::string& text : strings) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

using Clock = std::chrono::steady_clock;

// What poll(2) is to wait; -1 = for ever.
int time_left(const Command& command, Clock::time_point start) {
  if (!command.deadline) return -1;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(start + *command.deadline - Clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1 << 30));
}

tl::unexpected<Error> too_late(const Command& command) {
  return failure(Errc::unsupported, fmt::format("wait for {}: it took more than {} ms",
                                                command.argv[0], command.deadline->count()));
}

// Feeds `input` and collects both outputs until the child has closed them.
Result<void> converse(const Command& command, Clock::time_point start, Pipe& in, Pipe& out,
                      Pipe& err, CommandResult& result) {
  std::string_view pending = command.input;
  if (pending.empty()) in.write.reset();
  char buffer[65536];
  while (out.read || err.read) {
    pollfd fds[3] = {
        {out.read.get(), POLLIN, 0}, {err.read.get(), POLLIN, 0}, {in.write.get(), POLLOUT, 0}};
    const int ready = ::poll(fds, 3, time_left(command, start));
    if (ready < 0 && errno != EINTR) return os_error("wait for a program");
    if (ready < 0) continue;
    if (ready == 0 || time_left(command, start) == 0) return too_late(command);
    if ((fds[2].revents & (POLLOUT | POLLERR)) != 0) {
      const ssize_t wrote =
          ::write(in.write.get(), pending.data(), std::min<std::size_t>(pending.size(), 65536));
      if (wrote > 0) pending.remove_prefix(static_cast<std::size_t>(wrote));
      if (pending.empty() || (wrote < 0 && errno != EINTR && errno != EAGAIN)) in.write.reset();
    }
    for (const auto& [pipe, text, index] :
         {std::tuple{&out, &result.output, 0}, {&err, &result.errors, 1}}) {
      if ((fds[index].revents & (POLLIN | POLLHUP)) == 0) continue;
      const ssize_t got = ::read(pipe->read.get(), buffer, sizeof buffer);
      if (got > 0) text->append(buffer, static_cast<std::size_t>(got));
      if (got == 0 || (got < 0 && errno != EINTR)) pipe->read.reset();
      if (text->size() > command.output_limit) {
        return failure(Errc::unsupported, "hold the output of a program");
      }
    }
  }
  return {};
}

}  // namespace

Result<ChildProcess> ChildProcess::adopt(pid_t pid) {
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) return os_error(fmt::format("open a pidfd for child {}", pid));
  return ChildProcess(pid, std::move(pidfd));
}

ChildProcess ChildProcess::with_pidfd(pid_t pid, UniqueFd pidfd) { return {pid, std::move(pidfd)}; }

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(pidfd_, other.pidfd_);
  return *this;
}

ChildProcess::~ChildProcess() {
  if (!pidfd_) return;  // moved from, or already waited for
  pidfd_send_kill(pidfd_.get());
  siginfo_t ignored{};
  ::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd_.get()), &ignored, WEXITED);
}

void ChildProcess::kill() noexcept {
  if (pidfd_) pidfd_send_kill(pidfd_.get());
}

Result<ChildProcess::Ended> ChildProcess::wait() {
  siginfo_t info{};
  Ended ended;
  // The raw call: glibc's waitid has no place for the resource usage.
  while (::syscall(SYS_waitid, P_PIDFD, pidfd_.get(), &info, WEXITED, &ended.usage) != 0) {
    if (errno != EINTR) return os_error("wait for a child");
  }
  pidfd_.reset();
  ended.signaled = info.si_code != CLD_EXITED;
  ended.code = info.si_status;
  return ended;
}

Result<CommandResult> run_command(const Command& command) {
  Pipe in = BERM_TRY(make_pipe());
  Pipe out = BERM_TRY(make_pipe());
  Pipe err = BERM_TRY(make_pipe());
  const std::vector<char*> argv = c_strings(command.argv);
  const std::vector<char*> env = c_strings(command.env);
  const Clock::time_point start = Clock::now();
  const pid_t pid = ::fork();
  if (pid < 0) return os_error(fmt::format("start {}", command.argv[0]));
  if (pid == 0) {
    exec_child(command, argv.data(), env.data(), in.read.get(), out.write.get(), err.write.get());
  }
  ChildProcess child = BERM_TRY(ChildProcess::adopt(pid));
  in.read.reset();
  out.write.reset();
  err.write.reset();
  // A git that does not read its input must not stop us: writes are small parts, poll says when.
  ::fcntl(in.write.get(), F_SETFL, O_NONBLOCK);
  CommandResult result;
  BERM_TRY(converse(command, start, in, out, err, result));
  // It may have closed both and go on.
  pollfd end{child.pidfd(), POLLIN, 0};
  while (command.deadline && ::poll(&end, 1, time_left(command, start)) <= 0) {
    if (time_left(command, start) == 0) return too_late(command);
  }
  const ChildProcess::Ended ended = BERM_TRY(child.wait());
  result.code = ended.signaled ? 128 + ended.code : ended.code;
  return result;
}

}  // namespace berm
