#include "rules/hooks/telemetry.h"

#include <algorithm>

#include "rules/model/strict_json.h"

namespace berm {
namespace {

constexpr std::size_t kMostEvents = 1000;
constexpr std::size_t kMostAttributes = 24;
constexpr std::size_t kLongest = 256;
constexpr JsonBounds kBounds{.bytes = 4U << 20, .depth = 32, .values = 200'000, .members = 1000};

constexpr std::string_view kTold[] = {"hook_registered",         "managed_settings_resolved",
                                      "hook_execution_complete", "permission_mode_changed",
                                      "mcp_server_connection",   "internal_error"};
constexpr std::string_view kKept[] = {"hook_event",
                                      "hook_source",
                                      "hook_name",
                                      "num_hooks",
                                      "num_success",
                                      "num_blocking",
                                      "num_cancelled",
                                      "num_non_blocking_error",
                                      "sources",
                                      "from_mode",
                                      "to_mode",
                                      "trigger",
                                      "server_name",
                                      "server_scope",
                                      "transport_type",
                                      "status",
                                      "error_name",
                                      "app.version",
                                      "service.version",
                                      "managed_settings.sources",
                                      "managed_settings.source",
                                      "policy_sources"};

std::string_view value_of(const TelemetryEvent& event, std::string_view key) {
  const auto found =
      std::ranges::find(event.attributes, key, &std::pair<std::string, std::string>::first);
  return found == event.attributes.end() ? std::string_view() : std::string_view(found->second);
}

// Twenty hooks of ours are registered and run well at each step: what is said once is the one that
// decides, whoever else has one, and what went wrong.
bool says_something(const TelemetryEvent& event) {
  if (event.name == "hook_registered") {
    return value_of(event, "hook_event") == "PreToolUse" ||
           value_of(event, "hook_source") != "policySettings";
  }
  if (event.name == "hook_execution_complete") {
    return value_of(event, "num_non_blocking_error") != "0" ||
           value_of(event, "num_cancelled") != "0";
  }
  return true;
}

template <class F>
void each(const Json* list, F visit) {
  if (list == nullptr || !list->is_array()) return;
  for (const Json& one : *list) visit(one);
}

// AnyValue of OTLP: {"stringValue": "x"}, {"intValue": "1"}, {"boolValue": true}.
std::string text_of(const Json* value) {
  if (value == nullptr || !value->is_object() || value->empty()) return "";
  const Json& inner = value->front();
  if (inner.is_string()) return inner.get_ref<const std::string&>().substr(0, kLongest);
  if (const Json* values = member(inner, "values"); values != nullptr && values->is_array()) {
    std::string out;
    for (const Json& one : *values) {
      const std::string_view word = text_member(one, "stringValue");
      if (out.size() + word.size() < kLongest) out.append(out.empty() ? "" : ",").append(word);
    }
    return out;
  }
  if (inner.is_boolean()) return inner.get<bool>() ? "true" : "false";
  if (inner.is_number_integer()) return std::to_string(inner.get<std::int64_t>());
  return "";
}

void read_record(const Json& record, std::vector<TelemetryEvent>& out) {
  TelemetryEvent event;
  event.name = text_of(member(record, "body"));
  each(member(record, "attributes"), [&](const Json& attribute) {
    const std::string_view key = text_member(attribute, "key");
    if (key == "event.name") event.name = text_of(member(attribute, "value"));
    const bool kept = std::ranges::find(kKept, key) != std::end(kKept);
    if (!kept || event.attributes.size() == kMostAttributes) return;
    event.attributes.emplace_back(key, text_of(member(attribute, "value")));
  });
  constexpr std::string_view kPrefix = "claude_code.";
  if (event.name.starts_with(kPrefix)) event.name.erase(0, kPrefix.size());
  const bool told = std::ranges::find(kTold, event.name) != std::end(kTold);
  if (told && says_something(event)) out.push_back(std::move(event));
}

}  // namespace

Result<std::vector<TelemetryEvent>> read_telemetry(std::string_view body) {
  const Json parsed = BERM_TRY(parse_strict_json(body, kBounds));
  std::vector<TelemetryEvent> out;
  each(member(parsed, "resourceLogs"), [&](const Json& resource) {
    each(member(resource, "scopeLogs"), [&](const Json& scope) {
      each(member(scope, "logRecords"), [&](const Json& record) {
        if (out.size() < kMostEvents) read_record(record, out);
      });
    });
  });
  return out;
}

}  // namespace berm
