#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/landlock_uapi.h"
#include "init/setup.h"

namespace berm::init {
namespace {

int add_path_rule(int ruleset, const char* path, std::uint64_t access) {
  const int fd = ::open(path, O_PATH | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? 0 : errno;  // optional mounts that are not there
  struct stat status {};
  int error = ::fstat(fd, &status) == 0 ? 0 : errno;
  if (error == 0 && !S_ISDIR(status.st_mode)) access &= landlock::kFileRights;
  const landlock::PathBeneathAttr rule{access, fd};
  if (error == 0 &&
      ::syscall(SYS_landlock_add_rule, ruleset, landlock::kRulePathBeneath, &rule, 0) != 0) {
    error = errno;
  }
  ::close(fd);
  return error;
}

int install_filter(std::span<const sock_filter> filter) {
  if (filter.empty() || filter.size() > 4096) return EINVAL;
  const sock_fprog program{static_cast<unsigned short>(filter.size()),
                           const_cast<sock_filter*>(filter.data())};
  // No SECCOMP_FILTER_FLAG_SPEC_ALLOW: speculative store bypass stays mitigated.
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0 ? 0 : errno;
}

}  // namespace

int restrict_with_landlock(Setup& setup) {
  const wire::Program& program = setup.program.header();
  if (program.landlock_fs == 0) return 0;  // this kernel has none; the plan says so in its report
  const landlock::RulesetAttr attributes{program.landlock_fs, 0, program.landlock_scoped};
  // An older kernel takes a shorter structure; trailing zeros are accepted by a newer one.
  const std::size_t size = program.landlock_scoped != 0 ? sizeof attributes : sizeof(std::uint64_t);
  const int ruleset =
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, size, 0));
  if (ruleset < 0) return errno;
  int error = 0;
  for (const wire::PathRule& rule : setup.program.slice<wire::PathRule>(program.path_rules)) {
    error =
        add_path_rule(ruleset, setup.program.string(rule.path), rule.access & program.landlock_fs);
    if (error != 0) break;
  }
  if (error == 0 && ::syscall(SYS_landlock_restrict_self, ruleset, 0) != 0) error = errno;
  ::close(ruleset);
  return error;
}

int install_agent_filter(Setup& setup) {
  return install_filter(setup.program.slice<sock_filter>(setup.program.header().agent_filter));
}

int install_init_filter(Setup& setup) {
  return install_filter(setup.program.slice<sock_filter>(setup.program.header().init_filter));
}

}  // namespace berm::init
