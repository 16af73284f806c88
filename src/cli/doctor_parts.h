// src/cli/doctor_parts.h: what `berm doctor` looks at beside the host itself.
#pragma once

#include <string>
#include <vector>

#include "cli/commands.h"
#include "policy/policy.h"

namespace berm {

struct CredentialCheck {
  std::string policy;  ///< file; "" = the repository's
  std::string agent;   ///< whose profile counts, too: "claude"
  std::vector<std::string> credentials;
  bool as_json = false;
};
/// Mints every credential of the policy, tells what it is, and revokes it.
[[nodiscard]] int doctor_credentials(const CredentialCheck& wanted);

struct ClusterCheck {
  std::string context;  ///< of the kubeconfig; "" = the current one
  KubernetesPolicy policy;
  bool as_json = false;
};
/// Whether runs can be had in a namespace of a cluster. @return kDone if so, else kNo.
[[nodiscard]] int doctor_cluster(const ClusterCheck& wanted);

/// Lists what earlier agents left in home, /tmp and the workspace; removes what it may with
/// `remove`. @return kDone if nothing is left, kNo if something is.
[[nodiscard]] int doctor_residue(bool remove, bool as_json);

/// For `berm run --sweep`: removes what nobody can miss; a sentence for each, and for what stays.
[[nodiscard]] std::vector<std::string> sweep_residue();

}  // namespace berm
