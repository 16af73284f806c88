// src/egress/http_session.h: HTTP/1.1 spoken by egress itself, request by request: the plain proxy,
// inspected hosts and the model API.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "egress/connector.h"
#include "egress/model_meter.h"
#include "egress/model_route.h"
#include "egress/secret_store.h"
#include "egress/tool_result_log.h"
#include "net/authority.h"

namespace berm {

struct HttpTask {
  enum class Kind : std::uint8_t {
    proxy,      ///< absolute-form requests of a client that knows its proxy
    plain,      ///< requests to port 80 of one admitted name
    inspected,  ///< TLS of one admitted name, terminated with the run's CA
    model,      ///< requests to the model API's listener
    telemetry,  ///< what the agent tells of itself: goes nowhere
  };
  Kind kind = Kind::proxy;
  std::optional<Admission> admission = {};  ///< of plain and inspected
};

/// What speaking HTTP upstream needs. Set up before the process gives up its files.
struct HttpUpstream {
  SslContext trust;                       ///< the host's roots; none if nothing needs them
  std::optional<RunAuthority> authority;  ///< if a host is inspected
  std::optional<ModelRoute> model;
};

struct HttpContext {
  Gate& gate;
  HttpUpstream& upstream;
  SecretStore& secrets;
  ModelMeter& meter;
  ToolResultLog& tool_results;
  /// Resolves and dials; blocks. Refusals are recorded.
  std::function<Result<Dialled>(const Admission&)> connect;
  /// Many connections speak HTTP: who only keeps his open has to go.
  std::function<bool()> is_crowded;
};

/// Serves one client connection to its end. Blocks; for a thread of its own. Every request is read
/// strictly (rules/egress/http_head.h), judged, and written anew; what belongs to one hop stays on
/// it; the connection to the server is kept while the client's next request goes to the same place.
/// @param early  what the client has sent already
void serve_http(const HttpContext& context, UniqueFd client, std::string early, HttpTask task);

}  // namespace berm
