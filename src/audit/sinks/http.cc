// http: any server that takes a POST of JSON lines, or of one JSON array.
#include <fmt/format.h>

#include "audit/sinks/answers.h"

namespace berm {
namespace {

class Http final : public TokenSink {
 public:
  explicit Http(const SinkSettings& settings) : TokenSink(settings, "Bearer {}") {}

  Result<SinkRequest> request(const SinkBatch& batch, std::int64_t) override {
    const bool array = setting(grant_, "body") == "json";
    SinkRequest request{.url = setting(grant_, "url"),
                        .content_type = array ? "application/json" : "application/x-ndjson"};
    for (const auto& [name, value] : table(grant_, "headers")) {
      request.headers.push_back({name, value});
    }
    authorization_.add_to(request);
    // For a receiver that keeps what it has seen without reading what it is.
    request.headers.push_back(
        {"Idempotency-Key", fmt::format("{}-{}-{}", batch.run, batch.events.front().sequence,
                                        batch.events.back().sequence)});
    std::string& body = request.body;
    if (array) body += '[';
    for (const ShippedEvent& event : batch.events) {
      if (array && body.size() > 1) body += ',';
      body += array ? json_value(event) : event.text();
      if (!array) body += '\n';
    }
    if (array) body += ']';
    return request;
  }
};

}  // namespace

Result<std::unique_ptr<HttpSink>> make_http(const SinkSettings& settings) {
  return std::make_unique<Http>(settings);
}

}  // namespace berm
