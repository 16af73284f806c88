// src/session/policy_sources.h: whose policy counts. ARCHITECTURE §4, "Whose policy".
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "plan/facts.h"
#include "policy/merge.h"

namespace berm {

/// The policy of a team, for all its runs in a namespace of a cluster; nullopt: it has none.
/// @return an Error refuses the run: not to be allowed to look is not the same.
using TeamPolicy = std::function<Result<std::optional<std::string>>(const std::string& name_space)>;

struct PolicyRequest {
  std::string file;            ///< --policy FILE; "" = from the trusted ref
  bool from_worktree = false;  ///< --policy-from-worktree
  AgentKind agent = AgentKind::none;
  bool learn = false;    ///< --learn: every name is let through and noted
  bool can_ask = false;  ///< somebody at the terminal may grant a host for this run
  std::vector<std::string>
      credentials;                      ///< --credential NAME: what the repository's policy may use
  std::vector<std::string> sinks = {};  ///< --sink NAME: where it may send the record
  PolicyLayer flags;
  TeamPolicy team =
      {};  ///< asked for where the run is one of a cluster; a ceiling, like the managed
};

/// Where one part of the policy came from, for the record.
struct PolicySourceDigest {
  std::string source;
  std::string sha256;
};

/// A host that a bundle granted, for who reads the plan.
struct BundleHost {
  std::string bundle;  ///< "@node"
  std::string grant;   ///< "npm.corp.example:443"
  std::string origin;  ///< "npm: ~/.npmrc", or "" if the bundle's own list names it
};

struct ResolvedPolicy {
  MergedPolicy merged;
  std::vector<PolicySourceDigest> sources;
  std::vector<std::string> notes;  ///< e.g. "berm.toml in the working tree differs and is not used"
  std::vector<BundleHost> bundle_hosts;
};

/// Reads and merges the managed ceiling, the profile, the file of the trusted ref and the flags.
/// The trusted ref is the base branch of the pull or merge request in CI, else HEAD: a pull request
/// can edit berm.toml.
/// @return Errc::invalid_policy; Errc::denied if a CI base branch is named but not fetched.
[[nodiscard]] Result<ResolvedPolicy> resolve_policy(const PolicyRequest& request,
                                                    const RepositoryFacts& repository,
                                                    const std::string& state);

/// berm.toml as `commit` has it; nullopt if it has none. Errc::invalid_policy: it is no plain file.
[[nodiscard]] Result<std::optional<std::string>> committed_policy(const RepositoryFacts& repository,
                                                                  const std::string& commit,
                                                                  const std::string& state);

/// The managed ceiling and one file, without a repository: for `berm egress`.
[[nodiscard]] Result<ResolvedPolicy> resolve_policy_file(const std::string& file);

}  // namespace berm
