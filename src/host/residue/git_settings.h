// src/host/residue/git_settings.h: credentials in git's configuration files, found and taken out by
// git itself.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace berm::residue {

/// What is to be done about one setting.
enum class SettingRemedy : std::uint8_t {
  keep,      ///< no credential
  unset,     ///< it is nothing but the credential
  clean_url  ///< a URL that works without its user and password
};

struct GitEntry {
  std::string name;   ///< as git lists it: section and key in lower case
  std::string value;  ///< may be a secret: never leaves this room
};

/// Every setting of a configuration file, read by git from a pipe, without includes.
/// @return Errc::unsupported if git is missing or cannot read it.
[[nodiscard]] Result<std::vector<GitEntry>> list_settings(const std::string& content);

[[nodiscard]] SettingRemedy remedy_of(const GitEntry& entry);

/// True if `url` carries a password, or a user name so long that it is a token.
[[nodiscard]] bool has_url_login(std::string_view url);

/// `text` with every user and password in URLs replaced by "***".
[[nodiscard]] std::string without_logins(std::string_view text);

/// The file an includeIf of actions/checkout names, if `entry` is one: its credentials.
[[nodiscard]] std::string credentials_include(const GitEntry& entry);

/// `content` without the settings `names`; URLs lose only their login. git does it, on a private
/// copy.
[[nodiscard]] Result<std::string> without_settings(const std::string& content,
                                                   const std::vector<std::string>& names);

}  // namespace berm::residue
