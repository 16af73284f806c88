// src/policy/audit_policy.h: what the policy says of the record: its key, and where it goes live.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"

namespace berm {

/// When the record is written through to the disk.
enum class RecordSync : std::uint8_t { event, checkpoint, never };
enum class SinkType : std::uint8_t {
  file,
  fd,
  syslog,
  http,
  otlp,
  splunk_hec,
  elasticsearch,
  loki,
  cloudwatch_logs,
  s3
};
/// What to do when more is unshipped than the spool may hold.
enum class OverflowAction : std::uint8_t {
  end,    ///< the run ends
  block,  ///< the run waits until the sinks have caught up
};

/// One receiver of the record.
struct SinkGrant {
  std::string name;  ///< [a-z0-9-], also the name of a file
  SinkType type = SinkType::file;
  std::string format = "native";              ///< "ocsf", "ecs", "cef"
  std::vector<std::string> filter;            ///< patterns of event types with '*'; empty = all
  std::uint64_t batch_events = 500;           ///< at most, in one request
  Milliseconds batch_time{1000};              ///< an event waits no longer
  std::map<std::string, std::string> with;    ///< what the type needs: "url", "header.x-team"
  std::map<std::string, std::string> secret;  ///< where secrets are: "token" → "env:HEC_TOKEN"
  bool operator==(const SinkGrant&) const = default;
};

struct AuditPolicy {
  std::string key;         ///< env:NAME, file:PATH or command:…; "" = one of the run's own
  std::string public_key;  ///< of `key`
  RecordSync fsync = RecordSync::checkpoint;
  bool require_sink = false;  ///< without its sinks the run ends
  Milliseconds grace{30'000};
  Bytes spool{256ULL << 20};
  OverflowAction overflow = OverflowAction::end;
  std::vector<SinkGrant> sinks;
  bool operator==(const AuditPolicy&) const = default;
};

/// What one source of the policy says of it. Absent = nothing.
struct AuditLayer {
  std::optional<std::string> key;
  std::optional<std::string> public_key;
  std::optional<RecordSync> fsync;
  std::optional<bool> require_sink;
  std::optional<Milliseconds> grace;
  std::optional<Bytes> spool;
  std::optional<OverflowAction> overflow;
  std::vector<SinkGrant> sinks;
  bool operator==(const AuditLayer&) const = default;
};

}  // namespace berm
