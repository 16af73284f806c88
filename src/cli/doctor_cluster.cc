#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/console.h"
#include "cli/doctor_parts.h"
#include "cluster/examine.h"
#include "policy/parse.h"
#include "sys/self.h"

namespace berm {

using nlohmann::json;

namespace {

constexpr std::size_t kLargestReport = 4 << 20;

// A repository with one commit, a policy, and a place for the run's state.
Result<void> make_scratch(const std::string& at, const KubernetesPolicy& policy) {
  BERM_TRY(make_directories(at + "/repository", 0755));
  std::vector<std::string> env = {"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + at,
                                  "GIT_CONFIG_NOSYSTEM=1"};
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"git", "init", "-q", "-b", "main"},
        {"git", "-c", "user.name=berm", "-c", "user.email=berm@localhost", "commit", "-q",
         "--allow-empty", "-m", "empty"}}) {
    const CommandResult done = BERM_TRY(
        run_command({.argv = words, .env = env, .directory = at + "/repository", .input = ""}));
    if (done.code != 0) {
      return failure(Errc::unsupported, "make a repository to try: " + printable(done.errors));
    }
  }
  PolicyLayer layer;
  layer.tier = TierChoice::kubernetes;
  layer.kubernetes.image = policy.image;
  layer.kubernetes.name_space = policy.name_space;
  if (!policy.runtime_class.empty()) layer.kubernetes.runtime_class = policy.runtime_class;
  return write_file(at + "/policy.toml", to_toml(layer), 0600);
}

Result<json> run_in(const std::string& at) {
  Pipe out = BERM_TRY(make_pipe());
  const UniqueFd nothing = BERM_TRY(open_file("/dev/null", O_RDWR));
  std::vector<std::string> env;
  for (char** one = environ; *one != nullptr; ++one) {
    if (!std::string_view(*one).starts_with("XDG_STATE_HOME=")) env.emplace_back(*one);
  }
  env.push_back("XDG_STATE_HOME=" + at + "/state");
  ChildProcess run = BERM_TRY(start_self(
      {"run", "--json", "--ci-report", "off", "--policy", at + "/policy.toml", "--", "true"},
      std::move(env),
      {.in = nothing.get(),
       .out = out.write.get(),
       .err = nothing.get(),
       .directory = at + "/repository",
       .ends_with_parent = true}));
  out.write.reset();
  const std::string told = BERM_TRY(read_all(out.read.get(), kLargestReport));
  BERM_TRY(run.wait());
  json report = json::parse(told, nullptr, false);
  if (!report.is_object()) return failure(Errc::internal, "read the report of the run");
  return report;
}

// The only answer to whether images can be had, admission agrees, and the network holds policies.
HealthCheck try_run(const KubernetesPolicy& policy) {
  HealthCheck out{.name = "a run", .state = Health::broken, .found = "", .fix = ""};
  std::string at = "/tmp/berm-doctor-XXXXXX";
  if (::mkdtemp(at.data()) == nullptr) {
    out.found = sentence(os_error("make a directory").value());
    return out;
  }
  const auto begun = std::chrono::steady_clock::now();
  const Result<void> made = make_scratch(at, policy);
  const Result<json> report = made ? run_in(at) : tl::unexpected(made.error());
  (void)remove_tree(at);
  if (!report) {
    out.found = sentence(report.error());
    return out;
  }
  const std::string why = report->value("/verdict/reasons/0"_json_pointer, std::string());
  if (report->value("/verdict/status"_json_pointer, std::string()) == "success") {
    out.state = Health::good;
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
    out.found = fmt::format(
        "took {:.1f} s; both pods started, and the agent's was kept from connecting to egress'",
        took.count());
    return out;
  }
  out.found = printable(why.empty() ? "ended without success" : why);
  out.fix = printable(report->value("/error/fix"_json_pointer, std::string()));
  return out;
}

}  // namespace

int doctor_cluster(const ClusterCheck& wanted) {
  Result<ClusterClient> cluster = ClusterClient::open(wanted.context);
  if (cluster) cluster->set_patience(std::chrono::seconds(1));
  if (!cluster) return fail(cluster.error());
  KubernetesPolicy policy = wanted.policy;
  if (policy.name_space.empty()) policy.name_space = cluster->name_space();
  if (policy.name_space.empty()) policy.name_space = KubernetesPolicy{}.name_space;
  Result<std::vector<HealthCheck>> checks = examine_cluster(*cluster, policy);
  if (!checks) return fail(checks.error());
  if (!policy.image.empty()) checks->push_back(try_run(policy));
  bool can_run = true;
  json rows = json::array();
  for (const HealthCheck& check : *checks) {
    can_run = can_run && check.state != Health::broken;
    rows.push_back({{"name", check.name},
                    {"state", name_of(check.state)},
                    {"found", check.found},
                    {"fix", check.fix}});
    if (wanted.as_json) continue;
    const char* mark = check.state == Health::good     ? "ok  "
                       : check.state == Health::weaker ? "weak"
                                                       : "FAIL";
    put(fmt::format("{}  {:<22} {}\n", mark, check.name, check.found));
    if (!check.fix.empty()) put(fmt::format("      fix: {}\n", check.fix));
  }
  if (wanted.as_json) {
    put_json({{"schema", "berm.doctor.cluster/1"},
              {"server", cluster->server()},
              {"namespace", policy.name_space},
              {"checks", std::move(rows)},
              {"ready", can_run}});
  }
  return can_run ? kDone : kNo;
}

}  // namespace berm
