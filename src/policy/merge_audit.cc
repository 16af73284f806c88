#include "policy/merge_audit.h"

#include <fmt/format.h>

#include <algorithm>

#include "policy/merge_values.h"

namespace berm {
namespace {

template <class T>
void replace(T& target, const std::optional<T>& value) {
  if (value) target = *value;
}

// Puts `sink` where one of its name is, or behind all. @return true if that one was another.
bool put(std::vector<SinkGrant>& sinks, const SinkGrant& sink) {
  const auto found = std::ranges::find(sinks, sink.name, &SinkGrant::name);
  if (found == sinks.end()) {
    sinks.push_back(sink);
    return false;
  }
  const bool other = !(*found == sink);
  *found = sink;
  return other;
}

bool at_least(RecordSync value, const std::optional<RecordSync>& ceiling) {
  return !ceiling || value <= *ceiling;  // in the order of strictness
}

}  // namespace

void overlay_audit(AuditPolicy& audit, const AuditLayer& layer) {
  replace(audit.key, layer.key);
  replace(audit.public_key, layer.public_key);
  replace(audit.fsync, layer.fsync);
  replace(audit.require_sink, layer.require_sink);
  replace(audit.grace, layer.grace);
  replace(audit.spool, layer.spool);
  replace(audit.overflow, layer.overflow);
  for (const SinkGrant& sink : layer.sinks) put(audit.sinks, sink);
}

void tighten_audit(AuditPolicy& audit, const AuditLayer& ceiling, std::vector<std::string>& notes) {
  for (const SinkGrant& sink : ceiling.sinks) {
    if (put(audit.sinks, sink)) {
      notes.push_back(fmt::format("audit: sink '{}' is the managed policy's", sink.name));
    }
  }
  // A key of another would make a record that the ceiling's owner cannot tell from a forged one.
  if (ceiling.key && audit.key != *ceiling.key) {
    if (!audit.key.empty()) notes.emplace_back("audit.key is the managed policy's");
    audit.key = *ceiling.key;
    audit.public_key = ceiling.public_key.value_or("");
  } else {
    replace(audit.public_key, ceiling.public_key);
  }
  if (ceiling.require_sink.value_or(false)) audit.require_sink = true;
  if (!at_least(audit.fsync, ceiling.fsync)) audit.fsync = *ceiling.fsync;
  const auto time = [](Milliseconds t) { return to_text(t); };
  const auto bytes = [](Bytes b) { return to_text(b); };
  lower_to(audit.grace, ceiling.grace, "audit.grace", time, notes);
  lower_to(audit.spool, ceiling.spool, "audit.spool", bytes, notes);
}

bool audit_within(const AuditPolicy& audit, const AuditLayer& ceiling) {
  const bool has_sinks = std::ranges::all_of(ceiling.sinks, [&](const SinkGrant& sink) {
    return std::ranges::find(audit.sinks, sink) != audit.sinks.end();
  });
  return has_sinks && (!ceiling.key || audit.key == *ceiling.key) &&
         (!ceiling.require_sink.value_or(false) || audit.require_sink) &&
         at_least(audit.fsync, ceiling.fsync) &&
         (!ceiling.grace || audit.grace <= *ceiling.grace) &&
         (!ceiling.spool || audit.spool <= *ceiling.spool);
}

}  // namespace berm
