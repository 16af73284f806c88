// src/egress/model_proxy.h: the model API behind a base URL; the real key is added here, outside.
#pragma once

#include <memory>
#include <string>

#include "base/secret.h"
#include "egress/events.h"
#include "sys/fd.h"

namespace berm {

/// Where a model API lives, from ANTHROPIC_BASE_URL or the provider's own address.
struct ModelTarget {
  std::string host;
  std::uint16_t port = 0;
  bool tls = true;
  std::string prefix;  ///< path before /v1, without a trailing slash
  std::string header;  ///< "x-api-key" or "authorization"
  std::shared_ptr<Secret> key;
};

/// "https://host[:port][/prefix]" or "http://…" (a gateway of the user's own).
[[nodiscard]] Result<ModelTarget> parse_model_target(const std::string& url);

/// Serves one client connection: every request is parsed and written anew; every authentication the
/// agent sends is dropped and ours is set; only messages and models are reachable; bodies and event
/// streams are carried as they come.
void serve_model(UniqueFd client, const ModelTarget& target, EventSink& events);

}  // namespace berm
