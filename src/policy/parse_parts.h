// src/policy/parse_parts.h: the parts of the policy's parser, and what they share. Internal.
#pragma once

#include "base/text.h"
#include "policy/parse.h"
#include "policy/reader.h"

namespace berm {

// A conversion from one word to an enum, for TableReader::parsed.
template <class E>
std::function<Result<E>(std::string_view)> one_of(std::string_view what) {
  return [what](std::string_view text) -> Result<E> {
    std::string all;
    std::vector<std::string_view> spellings;
    for (const auto& [name, value] : names(E{})) {
      if (name == text) return value;
      spellings.push_back(name);
      all += fmt::format("{}{}", all.empty() ? "" : ", ", name);
    }
    const std::string_view near = nearest(text, spellings);
    return failure(Errc::invalid_policy,
                   fmt::format("unknown {} '{}'; {}", what, text,
                               near.empty() ? fmt::format("one of {}", all)
                                            : fmt::format("did you mean '{}'?", near)));
  };
}

// Conversions of one value, for TableReader::parsed.
[[nodiscard]] Result<std::string> env_name(std::string_view text);
[[nodiscard]] Result<Bytes> positive_bytes(std::string_view text);
[[nodiscard]] Result<Milliseconds> positive_time(std::string_view text);
[[nodiscard]] Result<std::string> http_method(std::string_view text);
/// "/repos/acme/**": matched against the normalised path, so it must be one itself.
[[nodiscard]] Result<std::string> url_path(std::string_view text);

void read_network(PolicySource& source, const toml::table& table, PolicyLayer::Network& out);
void read_credentials(PolicySource& source, const toml::table& all,
                      std::map<std::string, CredentialGrant>& out);
void read_tools(PolicySource& source, const toml::table& table, PolicyLayer::Tools& out);
void read_audit(PolicySource& source, const toml::table& table, AuditLayer& out);
void read_kubernetes(PolicySource& source, const toml::table& table, KubernetesLayer& out);
void read_lint(PolicySource& source, const toml::table& table, LintLayer& out);

}  // namespace berm
