// fuzz/telemetry_fuzz.cc: whatever an agent sends as telemetry, the events are few and small, and
// sent again as telemetry they are read as the same events.
#include <cstdlib>

#include "rules/hooks/telemetry.h"
#include "rules/model/strict_json.h"

namespace {

using berm::Json;
using berm::TelemetryEvent;

// The bounds of rules/hooks/telemetry.cc, written apart.
bool is_bounded(const std::vector<TelemetryEvent>& events) {
  if (events.size() > 1000) return false;
  for (const TelemetryEvent& event : events) {
    if (event.name.empty() || event.name.size() > 256 || event.attributes.size() > 24) return false;
    for (const auto& [key, value] : event.attributes) {
      if (key.size() > 64 || value.size() > 256) return false;
    }
  }
  return true;
}

Json text(const std::string& value) { return {{"stringValue", value}}; }

Json body_of(const std::vector<TelemetryEvent>& events) {
  Json records = Json::array();
  for (const TelemetryEvent& event : events) {
    Json attributes = Json::array();
    for (const auto& [key, value] : event.attributes) {
      attributes.push_back({{"key", key}, {"value", text(value)}});
    }
    records.push_back({{"body", text("claude_code." + event.name)}, {"attributes", attributes}});
  }
  Json scope = Json::array();
  scope.push_back({{"logRecords", std::move(records)}});
  Json resource = Json::array();
  resource.push_back({{"scopeLogs", std::move(scope)}});
  return {{"resourceLogs", std::move(resource)}};
}

bool same(const TelemetryEvent& a, const TelemetryEvent& b) {
  return a.name == b.name && a.attributes == b.attributes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto events = berm::read_telemetry({reinterpret_cast<const char*>(data), size});
  if (!events) return 0;
  if (!is_bounded(*events)) std::abort();
  const std::string again = body_of(*events).dump(-1, ' ', false, Json::error_handler_t::ignore);
  const auto second = berm::read_telemetry(again);
  if (!second || second->size() != events->size()) std::abort();
  for (std::size_t i = 0; i < events->size(); ++i) {
    // A value that was cut inside of a character loses the rest of it by the dump.
    const TelemetryEvent& old = (*events)[i];
    bool cut = false;
    for (const auto& [key, value] : old.attributes) cut = cut || value.size() > 252;
    if (!cut && !same(old, (*second)[i])) std::abort();
  }
  return 0;
}
