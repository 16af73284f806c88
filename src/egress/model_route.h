// src/egress/model_route.h: the model API behind a base URL; the real key is added here, outside.
#pragma once

#include <string>

#include "base/result.h"
#include "rules/egress/destination.h"

namespace berm {

/// Where a model API lives, from ANTHROPIC_BASE_URL or the provider's own address.
struct ModelRoute {
  Destination to;
  bool tls = true;
  std::string prefix;  ///< path before /v1, without a trailing slash
};

/// "https://host[:port][/prefix]" or "http://…" (a gateway of the user's own), without key.
[[nodiscard]] Result<ModelRoute> parse_model_route(const std::string& url);

}  // namespace berm
