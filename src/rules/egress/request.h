// src/rules/egress/request.h: what an inspected host may be asked. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/policy.h"

namespace berm {

/// One request, as the rules see it.
struct RequestFacts {
  std::string method;
  std::string path;  ///< normalised, see normalized_path()
  std::string content_type;
  std::optional<std::uint64_t> content_length;  ///< nullopt: chunked
  bool has_body = false;
  bool websocket = false;
};

/// The path of an origin-form target in the one form that is matched and sent on: percent-encoded
/// unreserved characters decoded (RFC 3986 §6.2.2.2). nullopt if servers could read it in two ways:
/// '.' and '..' segments, empty segments, '\', '%2f', '%5c', '%25', '%00' and control characters,
/// malformed escapes, anything but origin-form.
[[nodiscard]] std::optional<std::string> normalized_path(std::string_view target);

/// The same where "%2f" is read as '/': what a server may make of a path that normalized_path()
/// refuses for it, "/@scope%2fname" of npm's. nullopt if there is more than that to it.
[[nodiscard]] std::optional<std::string> path_with_slashes(std::string_view target);

/// True if `pattern` ('*' within a segment, '**' across segments) matches the whole `path`.
[[nodiscard]] bool path_matches(std::string_view pattern, std::string_view path);

struct RequestDecision {
  bool allowed = false;
  std::string rule;
  std::string why;
  std::optional<Bytes> max_upload;
};

/// The first rule of `host` that admits the request; else what the nearest one lacks.
[[nodiscard]] RequestDecision decide_request(const std::vector<NetworkRule>& rules,
                                             std::string_view host, const RequestFacts& request);

}  // namespace berm
