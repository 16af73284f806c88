// src/rules/egress/credential.h: which secret belongs to a request, and what an agent may not send
// in its place. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/policy.h"

namespace berm {

/// One grant as egress needs it. Without the secret, which egress holds apart.
struct EgressCredential {
  std::string name;
  std::string placeholder;
  std::vector<CredentialUse> to;
  ModelRules model;
  bool operator==(const EgressCredential&) const = default;
};

struct CredentialMatch {
  std::size_t credential = 0;  ///< index
  std::size_t use = 0;
};

/// The use whose host, method and path admit the request; among several the one with the longest
/// path pattern that matches, then the first. `host` is canonical, `path` normalised.
[[nodiscard]] std::optional<CredentialMatch> find_credential(
    const std::vector<EgressCredential>& credentials, std::string_view host, std::uint16_t port,
    std::string_view method, std::string_view path);

/// True if `path` is one that the use leaves out.
[[nodiscard]] bool is_excepted(const CredentialUse& use, std::string_view path);

/// True if some use speaks of `host` and `port`, whatever the request.
[[nodiscard]] bool has_credential(const std::vector<EgressCredential>& credentials,
                                  std::string_view host, std::uint16_t port);

/// True for every header by which somebody could authenticate: by its name, in any case, with '_'
/// read as '-' (CGI makes them one). On a host with a grant all of them are taken off: an
/// attacker's own key would turn an allowed host into a way out.
[[nodiscard]] bool is_authentication_header(std::string_view name);

/// The query ("a=b&c=d", without '?') without the keys that authenticate.
/// @param host  Google's hosts read "key" so.
[[nodiscard]] std::string without_authentication(std::string_view query, std::string_view host);

/// The query without the key `name`.
[[nodiscard]] std::string without_key(std::string_view query, std::string_view name);

}  // namespace berm
