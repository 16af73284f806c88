// loki: Grafana Loki's push API. Run, sequence and type are structured metadata: as labels each
// would make streams without number.
#include <fmt/format.h>

#include "audit/sinks/answers.h"

namespace berm {
namespace {

class Loki final : public TokenSink {
 public:
  explicit Loki(const SinkSettings& settings) : TokenSink(settings, "Bearer {}") {}

  Result<SinkRequest> request(const SinkBatch& batch, std::int64_t) override {
    SinkRequest request{.url = beneath(setting(grant_, "url"), "loki/api/v1/push"),
                        .content_type = "application/json"};
    authorization_.add_to(request);
    const std::string tenant = setting(grant_, "tenant");
    if (!tenant.empty()) request.headers.push_back({"X-Scope-OrgID", tenant});
    std::string labels = "\"job\":\"berm\"";
    for (const auto& [name, value] : table(grant_, "labels")) {
      if (name == "job") labels.clear();
    }
    for (const auto& [name, value] : table(grant_, "labels")) {
      labels +=
          fmt::format("{}{}:{}", labels.empty() ? "" : ",", json_text(name), json_text(value));
    }
    std::string values;
    for (const ShippedEvent& event : batch.events) {
      values += fmt::format("{}[\"{}\",{},{{\"run\":{},\"seq\":\"{}\",\"type\":{}}}]",
                            values.empty() ? "" : ",", event.time_ns, json_text(event.text()),
                            json_text(batch.run), event.sequence, json_text(event.type));
    }
    request.body =
        fmt::format("{{\"streams\":[{{\"stream\":{{{}}},\"values\":[{}]}}]}}", labels, values);
    return request;
  }
};

}  // namespace

Result<std::unique_ptr<HttpSink>> make_loki(const SinkSettings& settings) {
  return std::make_unique<Loki>(settings);
}

}  // namespace berm
