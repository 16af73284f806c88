#include "host/doctor.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace berm {
namespace {

// What a user reads when the kernel says no: the cause that the facts tell, and what to do about
// it.
TEST(ExplainSetupFailure, NamesTheFixForWhatTheHostLacks) {
  const HostFacts plain{.kernel = "5.10.0", .uid = 1000};
  HostFacts apparmor = plain;
  apparmor.apparmor_restricts_userns = true;
  HostFacts debian10 = plain;
  debian10.userns_clone_disabled = true;
  HostFacts none = plain;
  none.max_user_namespaces = 0;
  const struct {
    Error error;
    HostFacts facts;
    const char* fix;
  } cases[] = {
      {{.code = Errc::unsupported, .what = "clone", .os_errno = ENOSPC},
       none,
       "user.max_user_namespaces"},
      {{.code = Errc::unsupported, .what = "clone", .os_errno = EPERM},
       debian10,
       "unprivileged_userns_clone"},
      {{.code = Errc::unsupported, .what = "clone", .os_errno = EPERM},
       apparmor,
       "apparmor_restrict_unprivileged_userns"},
      // Ubuntu 24.04: the namespace can be made, its capabilities do nothing.
      {{.code = Errc::kernel, .what = "take the agent's identity", .os_errno = EPERM},
       apparmor,
       "apparmor_restrict_unprivileged_userns"},
      {{.code = Errc::kernel, .what = "build the root", .os_errno = EPERM},
       plain,
       "seccomp profile"},
      {{.code = Errc::kernel, .what = "build the root", .os_errno = ENOSYS}, plain, "Linux 5.12"},
      {{.code = Errc::kernel, .what = "install the seccomp filter", .os_errno = ENOSYS},
       plain,
       "CONFIG_SECCOMP_FILTER"},
      {{.code = Errc::kernel, .what = "x", .os_errno = EPERM, .fix = "its own"},
       apparmor,
       "its own"},
  };
  for (const auto& [error, facts, fix] : cases) {
    EXPECT_NE(explain_setup_failure(error, facts).fix.find(fix), std::string::npos)
        << error.what << ": " << explain_setup_failure(error, facts).fix;
  }
  EXPECT_EQ(
      explain_setup_failure({.code = Errc::kernel, .what = "x", .os_errno = ENOENT}, plain).fix, "")
      << "no advice is better than a wrong one";
}

TEST(ExamineHost, TellsWhatIsWeakerAndWhy) {
  HostFacts facts{.kernel = "6.1", .uid = 1000, .state_unfit = "overlayfs"};
  const auto state_of = [&](std::string_view name) {
    for (const HealthCheck& check : examine_host(facts)) {
      if (check.name == name) return check.state;
    }
    return Health::broken;
  };
  EXPECT_EQ(state_of("Landlock"), Health::weaker);
  EXPECT_EQ(state_of("control groups"), Health::weaker);
  EXPECT_EQ(state_of("workspace overlay"), Health::weaker);
  EXPECT_EQ(state_of("identity"), Health::good);
  facts.uid = 0;
  facts.inside_user_namespace = true;
  EXPECT_EQ(state_of("identity"), Health::broken);
  facts.cgroup = CgroupKind::scope;
  facts.cgroup_memory = facts.cgroup_pids = true;
  EXPECT_EQ(state_of("control groups"), Health::good);
}

}  // namespace
}  // namespace berm
