#include "audit/sinks/sink.h"

#include <utility>

namespace berm {
namespace {

// Explicit, not self-registered: this list is the whole answer to "what is asked by HTTP?".
constexpr std::pair<SinkType, MakeSink> kSinks[] = {
    {SinkType::http, make_http},
    {SinkType::otlp, make_otlp},
    {SinkType::splunk_hec, make_splunk_hec},
    {SinkType::elasticsearch, make_elasticsearch},
    {SinkType::loki, make_loki},
    {SinkType::cloudwatch_logs, make_cloudwatch_logs},
    {SinkType::s3, make_s3},
};

}  // namespace

Result<std::unique_ptr<HttpSink>> make_http_sink(const SinkSettings& settings) {
  for (const auto& [type, make] : kSinks) {
    if (type == settings.grant.type) return make(settings);
  }
  return failure(Errc::internal, "ask a sink by HTTP that does not speak it");
}

}  // namespace berm
