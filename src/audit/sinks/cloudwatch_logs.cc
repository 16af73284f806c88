// cloudwatch-logs: Amazon CloudWatch Logs, PutLogEvents. The stream is made when it is missing; the
// group is the account's own business.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "audit/sinks/answers.h"
#include "audit/sinks/aws.h"

namespace berm {
namespace {

using nlohmann::json;

// PutLogEvents: at most 1,048,576 bytes, each event counting 26 more; 10,000 events; 24 hours.
constexpr std::size_t kMostBytes = 1'048'576;
constexpr std::size_t kEventBytes = 26;
constexpr std::size_t kMostEvents = 10'000;
constexpr std::int64_t kLongestSpan = 24LL * 3600 * 1000;

// "com.amazonaws.logs#ResourceNotFoundException" and the bare name.
std::string exception_of(const SinkResponse& response) {
  const json answer = json::parse(response.body, nullptr, false);
  if (!answer.is_object() || !answer.contains("__type") || !answer["__type"].is_string()) return "";
  const std::string type = answer["__type"].get<std::string>();
  const std::size_t mark = type.find('#');
  return mark == std::string::npos ? type : type.substr(mark + 1);
}

class CloudwatchLogs final : public HttpSink {
 public:
  CloudwatchLogs(const SinkSettings& settings, AwsKey key)
      : grant_(settings.grant),
        key_(std::move(key)),
        region_(setting(grant_, "region")),
        stream_(setting(grant_, "log_stream", settings.run)) {}

  Result<SinkRequest> request(const SinkBatch& batch, std::int64_t now_s) override {
    SinkRequest request{
        .url = setting(grant_, "url", fmt::format("https://logs.{}.amazonaws.com/", region_)),
        .content_type = "application/x-amz-json-1.1"};
    request.headers.push_back(
        {"x-amz-target",
         fmt::format("Logs_20140328.{}", makes_stream_ ? "CreateLogStream" : "PutLogEvents")});
    request.body = fmt::format("{{\"logGroupName\":{},\"logStreamName\":{}{}}}",
                               json_text(setting(grant_, "log_group")), json_text(stream_),
                               makes_stream_ ? "" : ",\"logEvents\":[" + events_of(batch) + "]");
    BERM_TRY(sign_for_aws(request, key_, "logs", region_, now_s));
    return request;
  }

  SinkStep judge(const SinkBatch& batch, const SinkResponse& response) override {
    const std::string exception = exception_of(response);
    if (makes_stream_) return judge_stream(batch, response, exception);
    if (exception == "ResourceNotFoundException" && !made_stream_) {
      makes_stream_ = true;
      return {.kind = SinkStep::Kind::next, .why = {}, .refused = {}};
    }
    SinkStep step = step_of(batch, response);
    if (exception == "DataAlreadyAcceptedException") step = all_of(batch);
    if (step.kind != SinkStep::Kind::accepted) return step;
    step.count = covered_;
    name_rejected(response, step);
    return step;
  }

  void begin_anew() override { makes_stream_ = false; }

 private:
  SinkStep judge_stream(const SinkBatch& batch, const SinkResponse& response,
                        const std::string& exception) {
    makes_stream_ = false;
    SinkStep step = step_of(batch, response);
    const bool there = exception == "ResourceAlreadyExistsException";
    if (step.kind != SinkStep::Kind::accepted && !there) return step;
    made_stream_ = true;
    return {.kind = SinkStep::Kind::next, .why = {}, .refused = {}};
  }

  // As many as one request takes. Their times must not go back; a clock may.
  std::string events_of(const SinkBatch& batch) {
    std::string out;
    std::size_t bytes = 0;
    covered_ = 0;
    std::int64_t first = 0;
    std::int64_t last = 0;
    for (const ShippedEvent& event : batch.events) {
      const std::int64_t time = std::max(last, event.time_ns / 1'000'000);
      if (covered_ == 0) first = time;
      bytes += event.text().size() + kEventBytes;
      const bool full =
          bytes > kMostBytes || covered_ == kMostEvents || time - first > kLongestSpan;
      if (full && covered_ > 0) break;
      out += fmt::format("{}{{\"timestamp\":{},\"message\":{}}}", out.empty() ? "" : ",", time,
                         json_text(event.text()));
      last = time;
      ++covered_;
    }
    return out;
  }

  // Indexes: older ones end before it, newer ones begin with it.
  void name_rejected(const SinkResponse& response, SinkStep& step) const {
    const json answer = json::parse(response.body, nullptr, false);
    if (!answer.is_object() || !answer.contains("rejectedLogEventsInfo")) return;
    const json& info = answer["rejectedLogEventsInfo"];
    const auto index = [&](const char* key) -> std::optional<std::size_t> {
      if (!info.is_object() || !info.contains(key) || !info[key].is_number_unsigned()) return {};
      return std::min(info[key].get<std::size_t>(), step.count);
    };
    const std::size_t old = std::max(index("tooOldLogEventEndIndex").value_or(0),
                                     index("expiredLogEventEndIndex").value_or(0));
    for (std::size_t i = 0; i < old; ++i) step.refused.emplace_back(i, "it is too old");
    for (std::size_t i = index("tooNewLogEventStartIndex").value_or(step.count); i < step.count;
         ++i) {
      step.refused.emplace_back(i, "it lies in the future");
    }
  }

  SinkGrant grant_;
  AwsKey key_;
  std::string region_;
  std::string stream_;
  std::size_t covered_ = 0;    ///< events of the last request
  bool makes_stream_ = false;  ///< the next request does
  bool made_stream_ = false;
};

}  // namespace

Result<std::unique_ptr<HttpSink>> make_cloudwatch_logs(const SinkSettings& settings) {
  return std::make_unique<CloudwatchLogs>(settings, BERM_TRY(aws_key_of(settings)));
}

}  // namespace berm
