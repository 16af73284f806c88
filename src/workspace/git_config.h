// src/workspace/git_config.h: git's configuration read without git, and rebuilt from what is safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace berm {

/// One setting: "core.filemode" = "true". Section and key in lower case, the sub-section as
/// written.
struct GitSetting {
  std::string name;
  std::string value;
  bool operator==(const GitSetting&) const = default;
};

/// Parses a config file as git-config(1) describes it: sections, sub-sections, quotes, escapes,
/// continuation lines, comments. Includes are not followed. A line that git would refuse ends the
/// parse: what was read so far is returned, because nothing unsafe is taken from it anyway.
[[nodiscard]] std::vector<GitSetting> parse_git_config(std::string_view text);

/// Settings that change how files and history are read, and run nothing: line endings, file modes,
/// sparse checkout, object format, identity, branch tracking, remote URLs without credentials.
/// Everything else stays out: hooks, filters, fsmonitor, ssh commands, credential helpers, headers,
/// includes, aliases (escapes.md §1, CVE-2026-26268).
[[nodiscard]] bool is_safe_git_setting(const GitSetting& setting);

/// The URL without user and password; "" for a transport that runs a command (ext::, fd::).
[[nodiscard]] std::string without_credentials(std::string_view url);

/// The settings as a config file that parse_git_config() reads back.
[[nodiscard]] std::string to_git_config(const std::vector<GitSetting>& settings);

}  // namespace berm
