// splunk-hec: Splunk's HTTP Event Collector. With 'ack', an event counts when the indexers say so.
// https://docs.splunk.com/Documentation/Splunk/latest/Data/AboutHECIDXAck
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "audit/sinks/answers.h"
#include "record/sha256.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr Milliseconds kAskAgain{500};
constexpr int kMostQuestions = 120;  // a minute: then the batch is sent again

// One a run and sink, so that acknowledgements of two runs are never mixed up.
std::string channel_of(const SinkSettings& settings) {
  const std::string hash = sha256_hex(settings.run + "/" + settings.grant.name);
  return fmt::format("{}-{}-4{}-8{}-{}", hash.substr(0, 8), hash.substr(8, 4), hash.substr(12, 3),
                     hash.substr(15, 3), hash.substr(18, 12));
}

class SplunkHec final : public TokenSink {
 public:
  explicit SplunkHec(const SinkSettings& settings)
      : TokenSink(settings, "Splunk {}"),
        channel_(channel_of(settings)),
        waits_for_acks_(setting(grant_, "ack") == "true") {}

  Result<SinkRequest> request(const SinkBatch& batch, std::int64_t) override {
    SinkRequest request{.content_type = "application/json"};
    authorization_.add_to(request);
    request.headers.push_back({"X-Splunk-Request-Channel", channel_});
    if (ack_) {
      request.url = beneath(setting(grant_, "url"), "services/collector/ack");
      request.body = fmt::format("{{\"acks\":[{}]}}", *ack_);
      return request;
    }
    request.url = beneath(setting(grant_, "url"), "services/collector/event");
    for (const ShippedEvent& event : batch.events) request.body += envelope(batch, event);
    return request;
  }

  SinkStep judge(const SinkBatch& batch, const SinkResponse& response) override {
    const SinkStep step = step_of(batch, response);
    if (step.kind != SinkStep::Kind::accepted) return step;
    const json answer = json::parse(response.body, nullptr, false);
    if (ack_) return hear_acks(batch, answer);
    if (!answer.is_object() || !answer.contains("code") || answer["code"] != 0) {
      return retry_because("it does not say success: " + excerpt(response.body));
    }
    if (!waits_for_acks_) return step;
    if (!answer.contains("ackId") || !answer["ackId"].is_number_unsigned()) {
      return retry_because("it gives no ackId: indexer acknowledgement is off for this token");
    }
    ack_ = answer["ackId"].get<std::uint64_t>();
    questions_ = 0;
    return {.kind = SinkStep::Kind::next, .after = kAskAgain / 5, .why = {}, .refused = {}};
  }

  void begin_anew() override { ack_.reset(); }

 private:
  SinkStep hear_acks(const SinkBatch& batch, const json& answer) {
    const std::string id = std::to_string(*ack_);
    const bool understood = answer.is_object() && answer.contains("acks") &&
                            answer["acks"].is_object() && answer["acks"].contains(id);
    if (understood && answer["acks"][id] == true) {
      ack_.reset();
      return all_of(batch);
    }
    if (++questions_ >= kMostQuestions) {
      ack_.reset();
      return retry_because("its indexers did not acknowledge the batch within a minute");
    }
    return {.kind = SinkStep::Kind::next, .after = kAskAgain, .why = {}, .refused = {}};
  }

  [[nodiscard]] std::string envelope(const SinkBatch& batch, const ShippedEvent& event) const {
    std::string out = fmt::format("{{\"time\":{}.{:03}", event.time_ns / 1'000'000'000,
                                  event.time_ns / 1'000'000 % 1000);
    for (const auto& [key, usual] :
         {std::pair{"host", ""}, {"index", ""}, {"source", "berm"}, {"sourcetype", "berm:event"}}) {
      const std::string value = setting(grant_, key, usual);
      if (!value.empty()) out += fmt::format(",\"{}\":{}", key, json_text(value));
    }
    return out + fmt::format(",\"fields\":{{\"run\":{},\"seq\":{},\"type\":{}}},\"event\":{}}}\n",
                             json_text(batch.run), event.sequence, json_text(event.type),
                             json_value(event));
  }

  std::string channel_;
  bool waits_for_acks_;
  std::optional<std::uint64_t> ack_;  ///< of the batch that was sent
  int questions_ = 0;
};

}  // namespace

Result<std::unique_ptr<HttpSink>> make_splunk_hec(const SinkSettings& settings) {
  return std::make_unique<SplunkHec>(settings);
}

}  // namespace berm
