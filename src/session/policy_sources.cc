#include "session/policy_sources.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "agents/agent.h"
#include "base/text.h"
#include "host/registries.h"
#include "policy/bundles.h"
#include "policy/parse.h"
#include "record/sha256.h"
#include "sys/fd.h"
#include "workspace/git.h"
#include "workspace/repository.h"

namespace berm {
namespace {

constexpr const char* kManaged = "/etc/berm/policy.toml";

std::string variable(const char* name) {
  const char* value = ::getenv(name);
  return value != nullptr ? value : "";
}

// The base of a pull or merge request, as this CI system tells it; "" outside of one.
std::string ci_base_ref() {
  for (const char* name :
       {"GITHUB_BASE_REF", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "BITBUCKET_PR_DESTINATION_BRANCH",
        "BUILDKITE_PULL_REQUEST_BASE_BRANCH", "SYSTEM_PULLREQUEST_TARGETBRANCH", "CHANGE_TARGET",
        "CI_COMMIT_TARGET_BRANCH"}) {
    std::string branch = variable(name);
    if (branch.starts_with("refs/heads/")) branch.erase(0, 11);
    if (!branch.empty()) return "refs/remotes/origin/" + branch;
  }
  return "";
}

Result<PolicyLayer> parsed(const std::string& text, const std::string& source,
                           ResolvedPolicy& out) {
  out.sources.push_back({source, sha256_hex(text)});
  return parse_policy(text, source);
}

Result<NamedLayer> read_ceiling(ResolvedPolicy& out) {
  NamedLayer ceiling{.source = kManaged, .layer = {}};
  // Not to be allowed to look is not the same as that there is none.
  struct stat status {};
  if (::lstat(kManaged, &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return ceiling;
    return os_error(fmt::format("look for the managed policy '{}'", kManaged));
  }
  const std::string text = BERM_TRY(read_file(kManaged, 1 << 20));
  ceiling.layer = BERM_TRY(parsed(text, kManaged, out));
  return ceiling;
}

Result<void> expand(NamedLayer& named, const RegistryHosts& registries, ResolvedPolicy& out) {
  std::optional<std::vector<HostGrant>>& allow = named.layer.network.allow;
  if (!allow) return {};
  for (const HostGrant& grant : *allow) {
    if (!grant.pattern.starts_with('@')) continue;
    std::vector<std::string> notes;
    for (const HostGrant& host : BERM_TRY(expand_bundle(grant.pattern, registries, notes))) {
      out.bundle_hosts.push_back(
          {grant.pattern, to_text(host), origin_of(host, grant.pattern, registries)});
    }
  }
  *allow = BERM_TRY(expand_bundles(*allow, registries, out.notes));
  return {};
}

// Bundles of every layer, and of the ceiling, become hosts before anything is compared: "@node" of
// a file lies within "@node" of the ceiling, and a mirror that the ceiling names within neither.
Result<void> expand_all(std::vector<NamedLayer>& layers, std::vector<NamedLayer>& ceilings,
                        const std::string& repository, ResolvedPolicy& out) {
  std::set<std::string> clients;
  const auto collect = [&](const NamedLayer& named) {
    if (named.layer.network.allow) clients.merge(registry_clients(*named.layer.network.allow));
  };
  for (const NamedLayer& named : layers) collect(named);
  for (const NamedLayer& ceiling : ceilings) collect(ceiling);
  RegistryHosts registries;
  if (!clients.empty()) {
    registries =
        read_registries(clients, host_environment(variable("HOME"), variable("PATH"), repository));
  }
  for (NamedLayer& named : layers) BERM_TRY(expand(named, registries, out));
  // A ceiling means the machine's registries, not those of whoever is to be bound by it.
  RegistryHosts of_machine;
  std::set<std::string> bounding;
  for (const NamedLayer& ceiling : ceilings) {
    if (ceiling.layer.network.allow) bounding.merge(registry_clients(*ceiling.layer.network.allow));
  }
  if (!bounding.empty()) {
    HostEnvironment machine = host_environment("", "/usr/bin:/bin", repository);
    machine.variables.clear();
    of_machine = read_registries(bounding, machine);
  }
  ResolvedPolicy of_ceiling;  // what it would grant is told only where a layer asks for it
  for (NamedLayer& ceiling : ceilings) BERM_TRY(expand(ceiling, of_machine, of_ceiling));
  return {};
}

bool runs_a_program(const CredentialGrant& grant) {
  const auto runs = [](std::string_view text) { return trim(text).starts_with("command:"); };
  return runs(grant.from) ||
         std::ranges::any_of(grant.with, [&](const auto& option) { return runs(option.second); });
}

// Everything that is agreed to: the source, how it is asked, and every host.
std::string wish_of(const CredentialGrant& grant) {
  std::string out = fmt::format("'{}'", printable(grant.from));
  for (const auto& [key, value] : grant.with) {
    out += fmt::format(" (with {} = '{}')", printable(key), printable(value));
  }
  std::string hosts;
  for (const CredentialUse& use : grant.to) {
    if (hosts.find(use.host) != std::string::npos) continue;
    hosts += (hosts.empty() ? "" : ", ") + use.host;
  }
  return fmt::format("{} to be sent to {}", out, printable(hosts));
}

class Resolver {
 public:
  Resolver(const PolicyRequest& request, const RepositoryFacts& repository,
           const std::string& state)
      : request_(request), repository_(repository), state_(state) {}

  Result<ResolvedPolicy> resolve() {
    std::vector<NamedLayer> ceilings = {BERM_TRY(read_ceiling(out_))};
    layers_.push_back({.source = fmt::format("profile {}", spelling(request_.agent)),
                       .layer = profile_layer(request_.agent)});
    BERM_TRY(add_file());
    layers_.push_back({.source = "the command line", .layer = request_.flags});
    BERM_TRY(add_team(ceilings));
    bool bounded = false;
    for (const NamedLayer& ceiling : ceilings) {
      const PolicyLayer::Network& bounds = ceiling.layer.network;
      const bool bounds_it = bounds.allow || !bounds.rules.empty() || bounds.mode;
      bounded = bounded || bounds_it;
      if (!request_.learn || !bounds_it) continue;
      return failure(Errc::invalid_policy,
                     fmt::format("learn: {} bounds what may be reached", ceiling.source),
                     "learn on a machine whose managed policy leaves the network open");
    }
    BERM_TRY(expand_all(layers_, ceilings, repository_.root.str(), out_));
    out_.merged = BERM_TRY(merge_under(layers_, ceilings));
    out_.merged.policy.learn = request_.learn;
    // What an administrator bounds, nobody at a terminal widens.
    out_.merged.policy.ask = request_.can_ask && !bounded;
    return std::move(out_);
  }

 private:
  Result<void> add(const std::string& text, const std::string& source) {
    layers_.push_back({.source = source, .layer = BERM_TRY(parsed(text, source, out_))});
    return {};
  }

  // Before the machine's own, which has the last word.
  Result<void> add_team(std::vector<NamedLayer>& ceilings) {
    if (!request_.team) return {};
    // Which tier and which namespace: only bundles are not known yet, and they say nothing of it.
    Policy policy;
    policy.tier = ceilings.front().layer.tier.value_or(policy.tier);
    for (const NamedLayer* named : by_rank(ceilings)) {
      const std::optional<TierChoice> tier = named->layer.tier;
      if (tier && *tier != TierChoice::automatic) policy.tier = *tier;
      const std::optional<std::string>& where = named->layer.kubernetes.name_space;
      if (where) policy.kubernetes.name_space = *where;
    }
    if (policy.tier != TierChoice::kubernetes) return {};
    const std::string& name_space = policy.kubernetes.name_space;
    const std::optional<std::string> text = BERM_TRY(request_.team(name_space));
    if (!text) return {};
    const std::string source = fmt::format("the namespace '{}'", printable(name_space));
    NamedLayer team{.source = source, .layer = BERM_TRY(parsed(*text, source, out_))};
    // It would be another team's.
    if (team.layer.kubernetes.name_space.value_or(name_space) != name_space) {
      return failure(Errc::invalid_policy,
                     fmt::format("the policy of {} names another namespace", source));
    }
    ceilings.insert(ceilings.begin(), std::move(team));
    return {};
  }

  // As they are merged: the ceiling's namespace is the one that counts.
  [[nodiscard]] std::vector<const NamedLayer*> by_rank(
      const std::vector<NamedLayer>& ceilings) const {
    std::vector<const NamedLayer*> out;
    for (const NamedLayer& named : layers_) out.push_back(&named);
    out.push_back(&ceilings.front());
    return out;
  }

  Result<void> add_file() {
    const std::string worktree_file = repository_.root.str() + "/berm.toml";
    if (!request_.file.empty()) {
      const std::string text = BERM_TRY(read_plain_file(request_.file, 1 << 20));
      return add(text, request_.file);
    }
    if (request_.from_worktree) {
      if (!exists(worktree_file)) return {};
      const std::string text = BERM_TRY(read_plain_file(worktree_file, 1 << 20));
      out_.notes.emplace_back(
          "the policy is taken from the working tree, which the agent's predecessors may have "
          "changed");
      BERM_TRY(add(text, "berm.toml"));
      return check_consent();
    }
    return add_trusted(worktree_file);
  }

  Result<void> add_trusted(const std::string& worktree_file) {
    std::string ref = ci_base_ref();
    std::string commit = repository_.head;
    if (ref.empty()) {
      ref = "HEAD";
    } else {
      commit = resolve_ref(repository_, ref);
      if (commit.empty()) {
        return failure(
            Errc::denied, fmt::format("read the policy of the base branch: {} is not fetched", ref),
            "fetch it (actions/checkout: fetch-depth: 0), or name a policy with --policy FILE");
      }
    }
    std::optional<std::string> text;
    if (!commit.empty()) text = BERM_TRY(committed_policy(repository_, commit, state_));
    const Result<std::string> live = read_plain_file(worktree_file, 1 << 20);
    if (live && (!text || *text != *live)) {
      out_.notes.push_back(fmt::format(
          "berm.toml of the working tree {} {}, and is not used (--policy-from-worktree uses it)",
          text ? "differs from" : "is not in", ref));
    }
    if (!text) return {};
    BERM_TRY(add(*text, ref + ":berm.toml"));
    return check_consent();
  }

  // A sink carries the record to whom the repository likes, with a secret that it names.
  Result<void> check_sink_consent() const {
    const AuditLayer& audit = layers_.back().layer.audit;
    const std::string& source = layers_.back().source;
    for (const SinkGrant& sink : audit.sinks) {
      const bool runs = std::ranges::any_of(
          sink.secret, [](const auto& one) { return trim(one.second).starts_with("command:"); });
      if (runs) return runs_on_machine(fmt::format("sink '{}'", sink.name));
      if (std::ranges::find(request_.sinks, sink.name) != request_.sinks.end()) continue;
      return failure(Errc::denied,
                     fmt::format("use sink '{}': the repository's policy ({}) would send the "
                                 "record there, and nobody on this machine has agreed",
                                 sink.name, source),
                     fmt::format("agree with --sink {}, or name a policy of your own with --policy "
                                 "FILE",
                                 sink.name));
    }
    if (!audit.key) return {};
    if (trim(*audit.key).starts_with("command:")) return runs_on_machine("audit.key");
    if (std::ranges::find(request_.credentials, "audit.key") != request_.credentials.end()) {
      return {};
    }
    return failure(Errc::denied,
                   fmt::format("sign the record with '{}': the repository's policy ({}) wants it, "
                               "and nobody on this machine has agreed",
                               printable(*audit.key), source),
                   "agree with --credential audit.key, or name a policy of your own with --policy "
                   "FILE");
  }

  [[nodiscard]] tl::unexpected<Error> runs_on_machine(const std::string& what) const {
    return failure(Errc::denied,
                   fmt::format("use {}: the repository's policy ({}) would run a program on this "
                               "machine ('command:')",
                               what, layers_.back().source),
                   "name a policy of your own with --policy FILE");
  }

  // Whoever wrote the repository's policy could name any secret of this user, and any host to send
  // it to. What the profile itself grants is not asked for again.
  Result<void> check_consent() const {
    BERM_TRY(check_sink_consent());
    const NamedLayer& profile = layers_.front();
    for (const auto& [name, grant] : layers_.back().layer.credentials) {
      const auto known = profile.layer.credentials.find(name);
      const bool same = known != profile.layer.credentials.end() && known->second == grant;
      if (same) continue;
      if (runs_a_program(grant)) {
        return failure(Errc::denied,
                       fmt::format("use credential '{}': the repository's policy ({}) would run a "
                                   "program on this machine ('command:')",
                                   printable(name), layers_.back().source),
                       "name a policy of your own with --policy FILE");
      }
      if (std::ranges::find(request_.credentials, name) != request_.credentials.end()) continue;
      return failure(Errc::denied,
                     fmt::format("use credential '{}': the repository's policy ({}) wants {}, and "
                                 "nobody on this machine has agreed",
                                 printable(name), layers_.back().source, wish_of(grant)),
                     fmt::format("agree with --credential {}, or name a policy of your own with "
                                 "--policy FILE",
                                 printable(name)));
    }
    return {};
  }

  const PolicyRequest& request_;
  const RepositoryFacts& repository_;
  const std::string& state_;
  std::vector<NamedLayer> layers_;
  ResolvedPolicy out_;
};

}  // namespace

// That a commit has none is true for ever, so it is remembered, in the private state directory:
// asking git costs milliseconds.
Result<std::optional<std::string>> committed_policy(const RepositoryFacts& repository,
                                                    const std::string& commit,
                                                    const std::string& state) {
  const std::string marker = fmt::format("{}/no-policy/{}", state, commit);
  if (exists(marker)) return std::nullopt;
  const GitInvocation where{.git_dir = repository.common_dir.str(),
                            .directory = repository.root.str()};
  const std::string entry =
      BERM_TRY(git_output(where, {"ls-tree", "-z", "--full-tree", commit, "--", "berm.toml"}));
  if (entry.empty()) {
    BERM_TRY(make_directories(state + "/no-policy", 0700));
    BERM_TRY(write_file(marker, ""));
    return std::nullopt;
  }
  const std::vector<std::string_view> fields =
      split(std::string_view(entry).substr(0, entry.find('\t')), ' ');
  if (fields.size() != 3 || fields[1] != "blob" || fields[0] == "120000") {
    return failure(Errc::invalid_policy,
                   fmt::format("berm.toml of commit {} is not a plain file", commit.substr(0, 12)));
  }
  return BERM_TRY(git_output(where, {"cat-file", "blob", std::string(fields[2])}));
}

Result<ResolvedPolicy> resolve_policy(const PolicyRequest& request,
                                      const RepositoryFacts& repository, const std::string& state) {
  return Resolver(request, repository, state).resolve();
}

Result<ResolvedPolicy> resolve_policy_file(const std::string& file) {
  ResolvedPolicy out;
  std::vector<NamedLayer> ceilings = {BERM_TRY(read_ceiling(out))};
  const std::string text = BERM_TRY(read_file(file, 1 << 20));
  std::vector<NamedLayer> layers = {{.source = file, .layer = BERM_TRY(parsed(text, file, out))}};
  BERM_TRY(expand_all(layers, ceilings, "", out));
  out.merged = BERM_TRY(merge_under(layers, ceilings));
  return out;
}

}  // namespace berm
