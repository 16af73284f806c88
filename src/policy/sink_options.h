// src/policy/sink_options.h: what each type of sink can be told. Pure tables.
#pragma once

#include <span>
#include <string_view>

#include "policy/policy.h"

namespace berm {

enum class SinkValue : std::uint8_t {
  text,      ///< printable ASCII
  path,      ///< absolute
  url,       ///< https://…, or http:// with a loopback address
  syslog,    ///< udp://, tcp://, tls://HOST:PORT or unix:///path
  stream,    ///< "stdout", "stderr" or "fd:N"
  flag,      ///< true, false
  duration,  ///< "90d"
  body,      ///< "ndjson", "json"
  signals,   ///< "logs", "traces", "logs+traces"
  lock,      ///< "COMPLIANCE", "GOVERNANCE"
  facility,  ///< 0..23
  table,     ///< a table of texts
};

struct SinkOption {
  std::string_view name;
  SinkValue value = SinkValue::text;
  bool required = false;
};

/// In the order in which they are printed.
[[nodiscard]] std::span<const SinkOption> options_of(SinkType type);

/// True if the type speaks TLS or HTTP: it has ca_file, client_cert, client_key and timeout.
[[nodiscard]] bool speaks_to_a_server(SinkType type);
[[nodiscard]] bool needs_token(SinkType type);
[[nodiscard]] bool takes_token(SinkType type);

}  // namespace berm
