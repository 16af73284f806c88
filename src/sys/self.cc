#include "sys/self.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace berm {
namespace {

// Between fork and exec: no allocation.
[[noreturn]] void become_self(int program, const int (&fds)[3], char* const* argv, char* const* env,
                              const SelfStart& how) {
  if (!how.directory.empty() && ::chdir(how.directory.c_str()) != 0) ::_exit(125);
  for (int i = 0; i < 3; ++i) {
    if (::dup2(fds[i], i) < 0) ::_exit(125);
  }
  ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  // A broken connection is an error of one write.
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // A terminal's Ctrl-C is the run's.
  ::setsid();
  if (how.ends_with_parent) ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  ::fexecve(program, argv, env);
  ::_exit(125);
}

// Above the numbers that the child overwrites.
UniqueFd lift(int fd) { return UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 16)); }

std::vector<char*> c_strings(std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (std::string& text : strings) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

}  // namespace

Result<ChildProcess> start_self(std::vector<std::string> arguments,
                                std::vector<std::string> environment, int in, int out) {
  return start_self(std::move(arguments), std::move(environment), {.in = in, .out = out});
}

Result<ChildProcess> start_self(std::vector<std::string> arguments,
                                std::vector<std::string> environment, const SelfStart& how) {
  const UniqueFd self = BERM_TRY(open_file("/proc/self/exe", O_RDONLY));
  const UniqueFd lifted[3] = {lift(how.in), lift(how.out), lift(how.err)};
  const int fds[3] = {lifted[0].get(), lifted[1].get(), lifted[2].get()};
  arguments.insert(arguments.begin(), "berm");
  const std::vector<char*> argv = c_strings(arguments);
  const std::vector<char*> env = c_strings(environment);
  const pid_t pid = ::fork();
  if (pid < 0) return os_error("start a process of berm");
  if (pid == 0) become_self(self.get(), fds, argv.data(), env.data(), how);
  return ChildProcess::adopt(pid);
}

Result<SocketPair> make_socket_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return os_error("make a pair of sockets");
  }
  return SocketPair{.ours = UniqueFd(ends[0]), .theirs = UniqueFd(ends[1])};
}

}  // namespace berm
