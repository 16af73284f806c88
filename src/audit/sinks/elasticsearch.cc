// elasticsearch: Elasticsearch and OpenSearch. Every event has its own _id, and "create" never
// writes twice: what comes again is answered with 409, and is there.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "audit/sinks/answers.h"

namespace berm {
namespace {

using nlohmann::json;

// {"create": {"status": 201, …}}
unsigned status_of(const json& item) {
  if (!item.is_object() || !item.contains("create") || !item["create"].is_object()) return 0;
  const json& created = item["create"];
  const bool number = created.contains("status") && created["status"].is_number_unsigned();
  return number ? created["status"].get<unsigned>() : 0;
}

std::string reason_of(const json& item) {
  const json& created = item["create"];
  if (!created.contains("error")) return "";
  return excerpt(created["error"].dump(-1, ' ', false, json::error_handler_t::replace));
}

class Elasticsearch final : public TokenSink {
 public:
  explicit Elasticsearch(const SinkSettings& settings) : TokenSink(settings, "ApiKey {}") {}

  Result<SinkRequest> request(const SinkBatch& batch, std::int64_t) override {
    SinkRequest request{.url = beneath(setting(grant_, "url"), "_bulk"),
                        .content_type = "application/x-ndjson"};
    authorization_.add_to(request);
    const std::string index = json_text(setting(grant_, "index"));
    for (const ShippedEvent& event : batch.events) {
      request.body += fmt::format("{{\"create\":{{\"_index\":{},\"_id\":{}}}}}\n", index,
                                  json_text(fmt::format("{}-{}", batch.run, event.sequence)));
      request.body += document(event) + "\n";
    }
    return request;
  }

  SinkStep judge(const SinkBatch& batch, const SinkResponse& response) override {
    const SinkStep whole = step_of(batch, response);
    if (whole.kind != SinkStep::Kind::accepted) return whole;
    const json answer = json::parse(response.body, nullptr, false);
    const bool understood = answer.is_object() && answer.contains("items") &&
                            answer["items"].is_array() &&
                            answer["items"].size() == batch.events.size();
    if (!understood) {
      return retry_because("its answer does not name every event: " + excerpt(response.body));
    }
    return count(answer["items"]);
  }

 private:
  // A data stream demands "@timestamp". It sorts before every member of a line: without it the line
  // is again what was hashed.
  [[nodiscard]] std::string document(const ShippedEvent& event) const {
    if (event.document.empty()) {
      return fmt::format("{{\"@timestamp\":{},{}", json_text(event.time), event.line.substr(1));
    }
    if (!event.is_json) {
      return fmt::format("{{\"@timestamp\":{},\"message\":{}}}", json_text(event.time),
                         json_text(event.document));
    }
    return event.document;
  }

  // Up to the first that must come again; those behind it that are there answer 409 then.
  static SinkStep count(const json& items) {
    SinkStep step{.kind = SinkStep::Kind::accepted, .why = {}, .refused = {}};
    for (const json& item : items) {
      const unsigned status = status_of(item);
      const bool there = (status >= 200 && status < 300) || status == 409;
      const bool busy = status == 0 || status == 429 || status >= 500;
      if (busy && step.count == 0) {
        return retry_because(fmt::format("it answers {} for an event: {}", status,
                                         status == 0 ? "" : reason_of(item)));
      }
      if (busy) break;
      if (!there) {
        step.refused.emplace_back(step.count, fmt::format("{}: {}", status, reason_of(item)));
      }
      ++step.count;
    }
    return step;
  }
};

}  // namespace

Result<std::unique_ptr<HttpSink>> make_elasticsearch(const SinkSettings& settings) {
  return std::make_unique<Elasticsearch>(settings);
}

}  // namespace berm
