// otlp: OpenTelemetry's protocol over HTTP, in JSON: events as log records, the run and its tool
// calls as spans of one trace. https://opentelemetry.io/docs/specs/otlp/
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "audit/sinks/answers.h"
#include "record/chain.h"
#include "record/fields.h"
#include "record/sha256.h"

namespace berm {
namespace {

using nlohmann::json;

std::string trace_of(const std::string& run) {
  return sha256_hex("berm trace " + run).substr(0, 32);
}
std::string span_of(const std::string& run, std::string_view which) {
  return sha256_hex(fmt::format("berm span {} {}", run, which)).substr(0, 16);
}

std::string text_attribute(std::string_view key, std::string_view value) {
  return fmt::format("{{\"key\":{},\"value\":{{\"stringValue\":{}}}}}", json_text(key),
                     json_text(value));
}
// Numbers of 64 bits are strings in the JSON of protocol buffers.
std::string number_attribute(std::string_view key, std::uint64_t value) {
  return fmt::format("{{\"key\":{},\"value\":{{\"intValue\":\"{}\"}}}}", json_text(key), value);
}

std::string resource_of(const std::string& run) {
  return fmt::format("{{\"attributes\":[{},{},{}]}}", text_attribute("service.name", "berm"),
                     text_attribute("service.version", BERM_VERSION),
                     text_attribute("service.instance.id", run));
}

constexpr std::string_view kScope = R"({"name":"berm","version":")" BERM_VERSION R"("})";

bool is_refusal(const std::string& type) {
  return type.find("denied") != std::string::npos || type.find("limit") != std::string::npos ||
         type.find("lost") != std::string::npos;
}

std::string log_record(const std::string& run, const ShippedEvent& event) {
  const bool warns = is_refusal(event.type);
  return fmt::format(
      "{{\"timeUnixNano\":\"{0}\",\"observedTimeUnixNano\":\"{0}\",\"severityNumber\":{1},"
      "\"severityText\":\"{2}\",\"body\":{{\"stringValue\":{3}}},\"attributes\":[{4},{5},{6}],"
      "\"traceId\":\"{7}\",\"spanId\":\"{8}\"}}",
      event.time_ns, warns ? 13 : 9, warns ? "WARN" : "INFO", json_text(event.line),
      text_attribute("event.name", "berm." + event.type), text_attribute("berm.run", run),
      number_attribute("berm.seq", event.sequence), trace_of(run), span_of(run, "run"));
}

std::string span(const std::string& run, std::string_view which, std::string_view parent,
                 std::string_view name, std::int64_t begin, std::int64_t end,
                 const std::string& attributes, const std::optional<std::string>& failure) {
  return fmt::format(
      "{{\"traceId\":\"{}\",\"spanId\":\"{}\",{}\"name\":{},\"kind\":1,\"startTimeUnixNano\":"
      "\"{}\",\"endTimeUnixNano\":\"{}\",\"attributes\":[{}],\"status\":{}}}",
      trace_of(run), span_of(run, which),
      parent.empty() ? "" : fmt::format("\"parentSpanId\":\"{}\",", span_of(run, parent)),
      json_text(name), begin, end, attributes,
      !failure           ? "{}"  // not known: the verdict was sent by somebody before us
      : failure->empty() ? R"({"code":1})"
                         : fmt::format("{{\"code\":2,\"message\":{}}}", json_text(*failure)));
}

// "guard_refused: protected paths were changed" of an event "verdict"; "" if the run passed.
std::string verdict_failure(const json& data) {
  const json& code = member_of(data, "exit_code");
  if (code.is_number_integer() && code.get<std::int64_t>() == 0) return "";
  std::string out = text_of(data, "status");
  const json& reasons = member_of(data, "reasons");
  if (reasons.is_array() && !reasons.empty() && reasons[0].is_string()) {
    out += ": " + excerpt(reasons[0].get<std::string>());
  }
  return out.empty() ? "no verdict" : out;
}

// Of a tool call: it was refused, or its hook says that it failed; "" = neither.
std::string call_failure(const json& data) {
  if (text_of(data, "decision") == "deny") return "denied: " + excerpt(text_of(data, "reason"));
  return text_of(data, "kind") == "after-failure" ? "the tool failed" : "";
}

class Otlp final : public TokenSink {
 public:
  explicit Otlp(const SinkSettings& settings) : TokenSink(settings, "Bearer {}") {
    const std::string signals = setting(grant_, "signals", "logs");
    logs_ = signals != "traces";
    traces_ = signals != "logs";
  }

  Result<SinkRequest> request(const SinkBatch& batch, std::int64_t) override {
    const bool spans = sends_spans();
    SinkRequest request{.url = beneath(setting(grant_, "url"), spans ? "v1/traces" : "v1/logs"),
                        .content_type = "application/json"};
    for (const auto& [name, value] : table(grant_, "headers")) {
      request.headers.push_back({name, value});
    }
    authorization_.add_to(request);
    request.body = spans ? traces_of(batch) : logs_of(batch);
    return request;
  }

  SinkStep judge(const SinkBatch& batch, const SinkResponse& response) override {
    SinkStep step = step_of(batch, response);
    if (step.kind != SinkStep::Kind::accepted) return step;
    note_partial(batch, response, step);
    const bool were_logs = !sends_spans();
    if (were_logs && traces_ && !spans_of(batch).empty()) {
      logs_sent_ = true;
      refused_ = std::move(step.refused);
      return {.kind = SinkStep::Kind::next, .why = {}, .refused = {}};
    }
    step.refused.insert(step.refused.end(), refused_.begin(), refused_.end());
    remember(batch);
    begin_anew();
    return step;
  }

  void begin_anew() override {
    logs_sent_ = false;
    refused_.clear();
  }

 private:
  [[nodiscard]] bool sends_spans() const { return !logs_ || logs_sent_; }

  // "partialSuccess": the receiver says how many it will never have, not which.
  static void note_partial(const SinkBatch& batch, const SinkResponse& response, SinkStep& step) {
    const json answer = json::parse(response.body, nullptr, false);
    if (!answer.is_object() || !answer.contains("partialSuccess")) return;
    const json& partial = answer["partialSuccess"];
    for (const char* key : {"rejectedLogRecords", "rejectedSpans"}) {
      if (!partial.is_object() || !partial.contains(key)) continue;
      const json& count = partial[key];
      const std::string text = count.is_string() ? count.get<std::string>() : count.dump();
      if (text == "0") continue;
      step.refused.emplace_back(
          batch.events.size() - 1,
          fmt::format("of {} events up to this one it rejected {}: {}", batch.events.size(),
                      excerpt(text),
                      excerpt(partial.dump(-1, ' ', false, json::error_handler_t::replace))));
    }
  }

  [[nodiscard]] std::string logs_of(const SinkBatch& batch) const {
    std::string records;
    for (const ShippedEvent& event : batch.events) {
      records += (records.empty() ? "" : ",") + log_record(batch.run, event);
    }
    return fmt::format(
        "{{\"resourceLogs\":[{{\"resource\":{},\"scopeLogs\":[{{\"scope\":{},"
        "\"logRecords\":[{}]}}]}}]}}",
        resource_of(batch.run), kScope, records);
  }

  [[nodiscard]] std::string traces_of(const SinkBatch& batch) const {
    return fmt::format(
        "{{\"resourceSpans\":[{{\"resource\":{},\"scopeSpans\":[{{\"scope\":{},"
        "\"spans\":[{}]}}]}}]}}",
        resource_of(batch.run), kScope, spans_of(batch));
  }

  // The run is a span when it has ended; a tool call when its hook says how long it took.
  [[nodiscard]] std::string spans_of(const SinkBatch& batch) const {
    std::string out;
    const auto add = [&](const std::string& text) { out += (out.empty() ? "" : ",") + text; };
    std::int64_t began = began_ns_ != 0 ? began_ns_ : batch.events.front().time_ns;
    std::optional<std::string> failure = failure_;
    for (const ShippedEvent& event : batch.events) {
      if (event.type == "run.start") began = event.time_ns;
      if (event.type == "run.end") {
        add(span(batch.run, "run", "", "berm run", std::min(began, event.time_ns), event.time_ns,
                 text_attribute("berm.run", batch.run), failure));
        continue;
      }
      if (event.type == "verdict") failure = failure_of(event);
      if (event.line.find("\"duration_ms\":") == std::string::npos) continue;
      const json parsed = parse_event(event.line);
      if (!parsed.is_object() || !parsed.contains("data") || !parsed["data"].is_object()) continue;
      const json& data = parsed["data"];
      if (!data.contains("duration_ms") || !data["duration_ms"].is_number_unsigned()) continue;
      constexpr std::uint64_t kLongest = 7ULL * 24 * 3600 * 1000;  // the agent says how long
      const auto length = static_cast<std::int64_t>(
          std::min(data["duration_ms"].get<std::uint64_t>(), kLongest) * 1'000'000);
      const bool named = data.contains("tool") && data["tool"].is_string();
      const std::string name = named ? data["tool"].get<std::string>() : event.type;
      add(span(batch.run, std::to_string(event.sequence), "run", name, event.time_ns - length,
               event.time_ns, number_attribute("berm.seq", event.sequence), call_failure(data)));
    }
    return out;
  }

  static std::string failure_of(const ShippedEvent& verdict) {
    return verdict_failure(member_of(parse_event(verdict.line), "data"));
  }

  // For the span of the run, which comes with its last event.
  void remember(const SinkBatch& batch) {
    if (began_ns_ == 0) began_ns_ = batch.events.front().time_ns;
    for (const ShippedEvent& event : batch.events) {
      if (event.type == "verdict") failure_ = failure_of(event);
    }
  }

  bool logs_ = true;
  bool traces_ = false;
  bool logs_sent_ = false;  ///< of this batch
  std::vector<std::pair<std::size_t, std::string>> refused_;
  std::int64_t began_ns_ = 0;
  std::optional<std::string> failure_;  ///< of the run, by its verdict; "" = it passed
};

}  // namespace

Result<std::unique_ptr<HttpSink>> make_otlp(const SinkSettings& settings) {
  return std::make_unique<Otlp>(settings);
}

}  // namespace berm
