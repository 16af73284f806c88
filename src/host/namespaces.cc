#include "host/namespaces.h"

#include <fmt/format.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "plan/make_plan.h"
#include "sys/fd.h"

namespace berm {
namespace {

// The value of "Name:\tvalue" in /proc/self/status, as a number of `base`.
std::uint64_t own_status(std::string_view name, int base) {
  const Result<std::string> text = read_file("/proc/self/status", 1 << 16);
  if (!text) return 0;
  const std::string key = fmt::format("\n{}:\t", name);
  const std::size_t at = text->find(key);
  if (at == std::string::npos) return 0;
  std::uint64_t value = 0;
  std::from_chars(text->data() + at + key.size(), text->data() + text->size(), value, base);
  return value;
}

// PID 1 of new namespaces, with every capability in them: what a run does first.
[[noreturn]] void mount_and_exit() {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) ::_exit(errno);
  // A procfs may be mounted only where an unmasked one can be seen (mnt_already_visible()).
  if (::mount("proc", "/proc", "proc", 0, nullptr) != 0) ::_exit(errno);
  ::_exit(::mount("tmpfs", "/tmp", "tmpfs", 0, nullptr) == 0 ? 0 : errno);
}

}  // namespace

int try_namespaces() {
  constexpr unsigned long kFlags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |
                                   CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | SIGCHLD;
  const auto pid =
      static_cast<pid_t>(::syscall(SYS_clone, kFlags, nullptr, nullptr, nullptr, nullptr));
  if (pid < 0) return errno;
  if (pid == 0) mount_and_exit();
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : EPERM;
}

std::string namespaces_unfit(const HostFacts& facts) {
  const bool admin = (own_status("CapEff", 16) >> CAP_SYS_ADMIN & 1) != 0;
  if (facts.uid == 0 && !admin) {
    return "root without CAP_SYS_ADMIN can map no files to another user (a container's default)";
  }
  const bool filtered = own_status("Seccomp", 10) != 0;
  if (!filtered && !facts.apparmor_restricts_userns) return "";
  const int error = try_namespaces();
  if (error == 0) return "";
  return fmt::format("{} ({})", ::strerrordesc_np(error),
                     explain_user_namespace_failure(error, facts).fix);
}

}  // namespace berm
