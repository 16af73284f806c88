// src/audit/sinks/syslog.h: events as messages of RFC 5424.
#pragma once

#include <string>

#include "audit/sinks/sink.h"

namespace berm {

/// <PRI>1 TIME HOST APP - TYPE [berm@32473 run="…" seq="…"] LINE. Without a byte order mark: the
/// message is MSG-ANY, which readers of JSON take as it is. Facility 13 is "log audit".
[[nodiscard]] std::string syslog_message(const SinkGrant& grant, const std::string& host,
                                         const std::string& run, const ShippedEvent& event);

/// "LENGTH MESSAGE" (RFC 6587 §3.4.1, RFC 5425 §4.3): a line feed inside ends nothing.
[[nodiscard]] std::string octet_counted(std::string_view message);

}  // namespace berm
