#include "host/doctor.h"

#include <fmt/format.h>

#include <cerrno>

#include "host/namespaces.h"
#include "plan/make_plan.h"
#include "sys/child.h"

namespace berm {
namespace {

HealthCheck check_namespaces(const HostFacts& facts) {
  const int error = try_namespaces();
  if (error == 0) {
    return {"user namespaces", Health::good, "a run's seven namespaces can be made", ""};
  }
  const Error explained = explain_user_namespace_failure(error, facts);
  return {"user namespaces", Health::broken, fmt::format("{}", ::strerrordesc_np(error)),
          explained.fix};
}

HealthCheck check_identity(const HostFacts& facts) {
  if (facts.uid == 0 && facts.inside_user_namespace) {
    return {"identity", Health::broken,
            "root of a user namespace, which owns no uid that an agent could have",
            "run berm as an ordinary user of this container"};
  }
  return {"identity", Health::good,
          facts.uid == 0 ? "root: each run gets a uid of its own"
                         : fmt::format("uid {}: mapped to itself", facts.uid),
          ""};
}

HealthCheck check_landlock(const HostFacts& facts) {
  if (facts.landlock_abi == 0) {
    return {"Landlock", Health::weaker,
            "this kernel has none: the mounts alone hold the file system",
            "boot a kernel 5.13 or later with lsm=landlock,…"};
  }
  if (facts.landlock_abi < 6) {
    return {
        "Landlock", Health::good,
        fmt::format("ABI {} (6 adds scopes for signals and abstract sockets)", facts.landlock_abi),
        ""};
  }
  return {"Landlock", Health::good, fmt::format("ABI {}", facts.landlock_abi), ""};
}

HealthCheck check_cgroups(const HostFacts& facts) {
  if (facts.cgroup == CgroupKind::none) {
    return {"control groups", Health::weaker,
            "none can be made here: memory and processes are sampled by the supervisor",
            "give the user a systemd manager (loginctl enable-linger), or run inside 'systemd-run "
            "--user --scope -p Delegate=yes'"};
  }
  const std::string held =
      fmt::format("{}{}{}", facts.cgroup_memory ? " memory" : "", facts.cgroup_pids ? " pids" : "",
                  facts.cgroup_cpu ? " cpu" : "");
  return {"control groups",
          facts.cgroup_memory && facts.cgroup_pids ? Health::good : Health::weaker,
          fmt::format("{}:{}",
                      facts.cgroup == CgroupKind::scope ? "v2, a systemd scope a run"
                      : facts.cgroup == CgroupKind::v2  ? "v2"
                                                        : "v1",
                      held),
          ""};
}

HealthCheck check_git() {
  const Result<CommandResult> result = run_command({.argv = {"git", "--version"},
                                                    .env = {"PATH=/usr/local/bin:/usr/bin:/bin"},
                                                    .directory = {},
                                                    .input = {}});
  if (!result || result->code != 0) {
    return {"git", Health::broken, "not found", "install git 2.39 or later"};
  }
  return {"git", Health::good, result->output.substr(0, result->output.find('\n')), ""};
}

}  // namespace

std::string_view name_of(Health health) {
  switch (health) {
    case Health::good:
      return "good";
    case Health::weaker:
      return "weaker";
    case Health::broken:
      break;
  }
  return "broken";
}

Error explain_setup_failure(Error error, const HostFacts& facts) {
  // "clone3: EPERM" says little; the facts know why.
  if (error.code == Errc::unsupported && error.os_errno != 0) {
    return explain_user_namespace_failure(error.os_errno, facts);
  }
  if (!error.fix.empty()) return error;
  const bool refused = error.os_errno == EPERM || error.os_errno == EACCES;
  if (refused && facts.apparmor_restricts_userns && facts.uid != 0) {
    // Ubuntu 24.04 lets the namespace be made and takes its capabilities away.
    error.fix = explain_user_namespace_failure(EPERM, facts).fix;
  } else if (error.os_errno == ENOSYS && error.what.find("seccomp") != std::string::npos) {
    error.fix = "boot a kernel built with CONFIG_SECCOMP_FILTER";
  } else if (error.os_errno == ENOSYS) {
    error.fix = fmt::format(
        "berm needs Linux 5.12 or later (here: {}) and nothing around it that hides its system "
        "calls",
        facts.kernel);
  } else if (refused && error.code == Errc::kernel) {
    error.fix =
        "what surrounds berm forbids it: start the container with a seccomp profile that allows "
        "unshare(2) and mounts in user "
        "namespaces, or look for an LSM's refusal in the kernel log";
  }
  return error;
}

std::vector<HealthCheck> examine_host(const HostFacts& facts) {
  std::vector<HealthCheck> checks;
  checks.push_back({"kernel", Health::good, facts.kernel, ""});
  checks.push_back(check_identity(facts));
  checks.push_back(check_namespaces(facts));
  checks.push_back(check_landlock(facts));
  checks.push_back(check_cgroups(facts));
  if (!facts.state_unfit.empty()) {
    checks.push_back({"workspace overlay", Health::weaker,
                      fmt::format("the state directory lies on {}: a run works on a copy instead",
                                  facts.state_unfit),
                      "set XDG_STATE_HOME to a directory on ext4, xfs or btrfs"});
  } else {
    checks.push_back(
        {"workspace overlay", Health::good, "the state directory can hold an upper layer", ""});
  }
  checks.push_back(check_git());
  return checks;
}

}  // namespace berm
