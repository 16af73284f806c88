// src/policy/credential_presets.h: what is known of the usual places of credentials.
#pragma once

#include <string_view>
#include <vector>

#include "policy/policy.h"

namespace berm {

/// What a grant says beside its preset.
struct PresetOptions {
  std::string host;                       ///< of a registry, or of a forge of one's own
  std::string user;                       ///< of a registry with basic authentication
  std::vector<std::string> repositories;  ///< "acme/app"
  bool token = false;                     ///< the source gives a bearer's token, not a key
};

/// "anthropic", "aws", "cargo", "docker", "gemini", "github", "gitlab", "npm", "openai", "pypi".
[[nodiscard]] std::vector<std::string_view> preset_names();

/// Fills in `to`, `env`, `file` and `model` of `grant` as far as it does not say them itself.
/// @return Errc::invalid_policy if the preset needs what `options` does not give.
[[nodiscard]] Result<void> apply_preset(std::string_view preset, const PresetOptions& options,
                                        CredentialGrant& grant);

/// What stands for the secret inside: shaped like one of the preset's, so that clients accept it,
/// the same for the same run and name, and worth nothing.
[[nodiscard]] std::string make_placeholder(std::string_view preset, std::string_view run_id,
                                           std::string_view name);

}  // namespace berm
