#include "session/prepare_run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

#include "base/text.h"
#include "host/engines.h"
#include "host/microvm.h"
#include "plan/ladder.h"
#include "plan/make_plan.h"
#include "plan/process.h"
#include "sys/mount.h"
#include "workspace/checkout.h"
#include "workspace/hidden.h"
#include "workspace/repository.h"

namespace berm {
namespace {

// The uid of a run that root started: above every range that distributions hand out (systemd's
// "HIC SUNT LEONES"), another one for each run, owner of nothing.
std::uint32_t run_uid_for(const std::string& id) {
  std::uint32_t hash = 2166136261;
  for (const char c : id) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619;
  return 0x70000000 + hash % 0x01000000;
}

}  // namespace

Result<HostPath> find_init() {
  char buffer[4096];
  const ssize_t length = ::readlink("/proc/self/exe", buffer, sizeof buffer);
  if (length <= 0) return os_error("find berm's own program");
  const std::string self(buffer, static_cast<std::size_t>(length));
  const std::string directory = self.substr(0, self.rfind('/'));
  for (const std::string& candidate :
       {directory + "/berm-init", directory + "/../libexec/berm/berm-init"}) {
    if (::access(candidate.c_str(), X_OK) == 0) {
      return HostPath::parse(candidate.ends_with("libexec/berm/berm-init")
                                 ? directory.substr(0, directory.rfind('/')) +
                                       "/libexec/berm/berm-init"
                                 : candidate);
    }
  }
  return failure(Errc::unsupported, fmt::format("find the program berm-init beside '{}'", self),
                 "install it next to berm");
}

namespace {

std::map<std::string, std::string> passed_variables(const Policy& policy) {
  std::map<std::string, std::string> out;
  for (const std::string& name : policy.env_pass) {
    if (const char* value = ::getenv(name.c_str())) out[name] = value;
  }
  return out;
}

// The plan of one tier.
Result<Plan> plan_in(TierChoice tier, const RunRequest& request, const RunPlace& place,
                     PreparedRun& prepared) {
  const Policy policy = with_tier(prepared.policy.merged.policy, tier);
  // Asking engines takes tens of milliseconds: only where one may be taken.
  if (tier == TierChoice::container) {
    prepared.host.engines = probe_engines(policy.container.engine);
    // An engine that was named is not passed over for want of an image: it says so when it starts.
    if (policy.container.engine == ContainerEngine::automatic) {
      check_image(prepared.host.engines, policy.container.image);
    }
  }
  if (tier == TierChoice::microvm) prepared.host.microvm = probe_microvm();
  AgentRequest wanted = request.agent;
  wanted.repository = prepared.repository.root.str();
  wanted.tools = policy.tools;
  wanted.can_ask = request.can_ask;
  wanted.tier = tier;
  wanted.places = places_for(tier, place.directory);
  const AgentFacts agent = BERM_TRY(prepare_agent(wanted));
  prepared.agent_version = agent.version;
  return make_plan(policy, prepared.host, prepared.repository, agent, place,
                   passed_variables(policy));
}

// The first tier of the ladder that holds what the policy requires. What was passed over, and why,
// stands in the report.
Result<void> climb(const RunRequest& request, const RunPlace& place, PreparedRun& prepared) {
  const std::vector<TierChoice> tiers = candidates(prepared.policy.merged.policy);
  std::vector<std::string> passed_over;
  std::string all;
  std::optional<Error> first;
  for (const TierChoice tier : tiers) {
    Result<Plan> plan = plan_in(tier, request, place, prepared);
    if (plan) {
      prepared.plan = *std::move(plan);
      prepared.plan.notes.insert(prepared.plan.notes.begin(), passed_over.begin(),
                                 passed_over.end());
      return {};
    }
    // Only what this host lacks may be made good by another tier.
    if (plan.error().code != Errc::unsupported || tiers.size() == 1) {
      return tl::unexpected(plan.error());
    }
    passed_over.push_back(
        fmt::format("the {} tier was passed over: {}", spelling(tier), sentence(plan.error())));
    all +=
        fmt::format("{}{}: cannot {}", all.empty() ? "" : "; ", spelling(tier), plan.error().what);
    if (!first) first = plan.error();
  }
  Error none = *first;
  none.what = "find a tier that holds what the policy requires: " + all;
  none.os_errno = 0;
  return tl::unexpected(std::move(none));
}

}  // namespace

Result<PreparedRun> prepare_run(const RunRequest& request, Footprint footprint) {
  PreparedRun prepared{
      .state = BERM_TRY(state_directory()),
      .run = {},
      .repository = BERM_TRY(find_repository(request.directory, ::geteuid())),
      .host = {},
      .policy = {},
      .agent_version = "",
      .plan = {.cwd = *SandboxPath::parse("/"),
               .workspace = {.repository = *HostPath::parse("/"), .at = *SandboxPath::parse("/")},
               .run_directory = *HostPath::parse("/"),
               .init = *HostPath::parse("/")}};
  prepared.policy = BERM_TRY(resolve_policy(request.policy, prepared.repository, prepared.state));
  if (request.pod && request.pod->bounded) prepared.policy.merged.policy.tools.bounded = true;
  const Policy& policy = prepared.policy.merged.policy;
  prepared.cgroups = find_cgroups();
  prepared.host = BERM_TRY(probe_host(prepared.state, prepared.cgroups));
  if (prepared.host.uid == 0) {
    prepared.repository.idmappable = can_idmap(prepared.repository.root.str());
  }
  std::vector<Glob> hide = built_in_hidden();
  hide.insert(hide.end(), policy.hide.begin(), policy.hide.end());
  const bool on_cluster = policy.tier == TierChoice::kubernetes;
  if (policy.git == GitHistory::none || on_cluster) {
    // At any depth; the topmost is dealt with apart. To a pod only that one travels.
    hide.push_back(BERM_TRY(Glob::parse(".git")));
  }
  if (policy.mode == WorkspaceMode::worktree) {
    BERM_TRY(
        in_context("planning the checkout", plan_checkout(prepared.repository, policy.ref, hide)));
  } else {
    BERM_TRY(in_context("looking for files to hide", find_hidden(prepared.repository, hide)));
    if (!on_cluster) {
      BERM_TRY(in_context("looking for inner repositories",
                          find_inner_repositories(prepared.repository)));
    }
  }
  RunPlace place{
      .id = "r-00000000-00000000",
      .directory = BERM_TRY(HostPath::parse(prepared.state + "/runs/r-00000000-00000000")),
      .init = BERM_TRY(find_init()),
      .run_uid = prepared.host.uid,
      .run_gid = prepared.host.gid,
      .terminal = request.agent.interactive};
  if (footprint == Footprint::run_directory) {
    prepared.run =
        BERM_TRY(create_run_directory(prepared.state, request.pod ? request.pod->id : ""));
    place.id = prepared.run.id;
    place.directory = BERM_TRY(HostPath::parse(prepared.run.path));
  }
  if (prepared.host.uid == 0) place.run_uid = place.run_gid = run_uid_for(place.id);
  const Result<void> planned = climb(request, place, prepared);
  if (planned) return prepared;
  if (footprint == Footprint::run_directory) (void)remove_tree(prepared.run.path);
  return tl::unexpected(planned.error());
}

}  // namespace berm
