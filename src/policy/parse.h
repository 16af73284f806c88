// src/policy/parse.h: berm.toml to PolicyLayer and back.
#pragma once

#include <string>
#include <string_view>

#include "policy/policy.h"

namespace berm {

/// Parses and validates one policy file.
///
/// @param text  TOML, at most 1 MiB, UTF-8.
/// @param file  Name for messages, e.g. "berm.toml" or "HEAD:berm.toml".
/// @return Errc::invalid_policy with `<file>:<line>:<column>: <reason>`, the source line and a
///         caret: syntax error, unknown key (with the nearest name), wrong type, unit or value, a
///         grant that contradicts another, or a key that is valid but whose capability this
///         version does not enforce ("not yet enforced": never ignored).
[[nodiscard]] Result<PolicyLayer> parse_policy(std::string_view text, std::string_view file);

/// The layer as a policy file; parse_policy() gives the same layer back.
[[nodiscard]] std::string to_toml(const PolicyLayer& layer);

/// "api.example.com:443", "*.example.com", "@npm" to a grant.
/// @return Errc::invalid_policy for an address with an odd character (NUL, '%', '@' inside, upper
///         bytes), an over-broad wildcard ("*.com", "*"), a bad port. See escapes.md §3.
[[nodiscard]] Result<HostGrant> parse_host_grant(std::string_view text);

/// "resources" or "resources:kernel".
[[nodiscard]] Result<Requirement> parse_requirement(std::string_view text);

/// "keep", "apply", "branch:NAME", "patch:FILE".
[[nodiscard]] Result<OnSuccess> parse_on_success(std::string_view text);

/// A variable name that may be passed or set. Loader and interpreter injection variables
/// (LD_PRELOAD, NODE_OPTIONS, BASH_ENV, GIT_CONFIG_*, …) are refused even when named.
[[nodiscard]] Result<void> check_env_name(std::string_view name);

/// A path beyond the workspace: absolute or "~/…", normal form, not "/" and not a directory that
/// holds the host's credentials or control sockets (/proc, /sys, /run, /var/run, /dev).
[[nodiscard]] Result<void> check_extra_path(std::string_view path);

}  // namespace berm
