#include "sys/confine.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/landlock_uapi.h"
#include "sys/fd.h"

namespace berm {
namespace {

Result<void> give_up_uid(std::uint32_t uid) {
  if (uid == 0) return {};
  if (::setgroups(0, nullptr) != 0 || ::setresgid(uid, uid, uid) != 0 ||
      ::setresuid(uid, uid, uid) != 0) {
    return os_error("give up the uid");
  }
  return {};
}

// No file at all: what it needs was read before.
Result<void> give_up_files() {
  const long abi =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, landlock::kCreateRulesetVersion);
  if (abi <= 0) return {};  // then seccomp alone forbids to open one
  const landlock::RulesetAttr attributes{landlock::handled_fs(static_cast<int>(abi)), 0, 0};
  const UniqueFd ruleset(static_cast<int>(
      ::syscall(SYS_landlock_create_ruleset, &attributes, sizeof(std::uint64_t), 0)));
  if (!ruleset || ::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) {
    return os_error("restrict the process with Landlock");
  }
  return {};
}

Result<void> give_up_calls(std::span<const sock_filter> filter) {
  const sock_fprog program{static_cast<unsigned short>(filter.size()),
                           const_cast<sock_filter*>(filter.data())};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) {
    return os_error("restrict the process with seccomp");
  }
  return {};
}

// A layer that was asked for and silently is not there would be found here.
Result<void> try_what_must_fail() {
  const UniqueFd file(::open("/", O_RDONLY | O_CLOEXEC));
  const UniqueFd local(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const UniqueFd raw(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  char* const nothing[] = {nullptr};
  const bool executed = ::execve("/nonexistent", nothing, nothing) == 0 || errno != EPERM;
  if (!file && !local && !raw && !executed) return {};
  return failure(Errc::denied, "confine the process: something that must fail worked");
}

}  // namespace

Result<void> confine_process(std::span<const sock_filter> filter, std::uint32_t uid,
                             Orphan orphan) {
  BERM_TRY(give_up_uid(uid));
  if (::prctl(PR_SET_PDEATHSIG, orphan == Orphan::dies ? SIGKILL : 0, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return os_error("confine the process");
  }
  BERM_TRY(give_up_files());
  BERM_TRY(give_up_calls(filter));
  return try_what_must_fail();
}

}  // namespace berm
