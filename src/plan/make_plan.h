// src/plan/make_plan.h: the pure heart. Policy + facts → Plan.
#pragma once

#include "plan/plan.h"

namespace berm {

/// What an agent profile adds to a run (agents/ makes it; the planner only places it).
struct AgentFacts {
  AgentKind kind = AgentKind::none;
  std::string version;                     ///< of the client, by its package; "" = not told
  std::vector<std::string> argv;           ///< the whole command line
  std::map<std::string, std::string> env;  ///< placeholders, switches; no secret
  std::vector<File> files;                 ///< e.g. managed settings
  std::vector<HostPath> programs;          ///< read-only, at their own path
  std::optional<ModelProxy> model;
  bool hooked = false;         ///< its hooks ask berm before each tool call
  bool hooks_hold = false;     ///< and it runs no tool when they fail
  bool skips_prompts = false;  ///< it asks nobody before it acts: only behind every layer
  std::uint16_t telemetry_port = 0;
  std::vector<std::string> weaknesses;
};

/// Built-in hide patterns: files that hold credentials wherever they lie in a repository.
[[nodiscard]] const std::vector<Glob>& built_in_hidden();

/// Pure: the same input gives the same plan. Reads no file, makes no system call.
/// @return Errc::unsupported if a required layer cannot be enforced on this host, with the fix.
[[nodiscard]] Result<Plan> make_plan(const Policy& policy, const HostFacts& host,
                                     const RepositoryFacts& repository, const AgentFacts& agent,
                                     const RunPlace& place,
                                     const std::map<std::string, std::string>& passed_env);

/// A layer that `plan` requires and this host does not enforce well enough; empty = launch.
[[nodiscard]] std::vector<std::string> missing_layers(const Plan& plan);

/// Turns the failure of a set-up step into cause and fix. Pure, so every row is a table test.
[[nodiscard]] Error explain_user_namespace_failure(int os_errno, const HostFacts& host);

/// Where the objects of inner repository `index` are mounted inside.
[[nodiscard]] std::string inner_objects_path(std::size_t index, std::size_t object_dir);

}  // namespace berm
