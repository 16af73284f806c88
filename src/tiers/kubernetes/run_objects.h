// src/tiers/kubernetes/run_objects.h: a plan as objects of a namespace. Pure: same plan, same
// objects (golden-tested).
//
// Two pods. The agent's has no way out at all: its NetworkPolicy allows no connection to leave it,
// not even to a resolver; the egress pod connects to it, and carries what the policy grants. The
// egress pod alone has credentials, and names to resolve.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plan/plan.h"
#include "tiers/kubernetes/object.h"

namespace berm::kubernetes {

/// The port on which berm in the agent's pod listens for the egress pod, and it for the caller.
inline constexpr std::uint16_t kAgentPort = 7443;
inline constexpr std::uint16_t kEgressPort = 7444;

inline constexpr char kRunLabel[] = "berm.dev/run";
inline constexpr char kRoleLabel[] = "berm.dev/role";  ///< "agent", "egress"

/// What of the run, beside its plan, is in the objects.
struct RunMaterial {
  std::string plan_digest;  ///< "sha256:…"
  /// Of the two channels: certificates and keys made for this run. No credential is in the first.
  std::map<std::string, std::string> agent_files;
  std::map<std::string, std::string> egress_files;
  std::optional<Owner> owner;  ///< of all but the first object, which is the owner
  std::string shutdown_time;   ///< RFC 3339; of a Sandbox
};

/// In the order in which they are applied: the owner, what confines, what is confined.
/// @param plan  of the kubernetes tier
[[nodiscard]] std::vector<Object> run_objects(const Plan& plan, const RunMaterial& material);

/// What every object of a run has as its name, with "-agent", "-egress" behind it for some.
[[nodiscard]] std::string object_name(const Plan& plan);

/// Who may reach what: the agent's pod, then the egress pod's.
[[nodiscard]] std::vector<Object> network_objects(const Plan& plan, const Metadata& like);

}  // namespace berm::kubernetes
