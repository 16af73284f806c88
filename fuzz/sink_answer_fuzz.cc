// fuzz/sink_answer_fuzz.cc: whatever a receiver answers, a step speaks only of events of the batch.
#include <cstdint>
#include <cstdlib>

#include "audit/sinks/sink.h"

namespace {

constexpr berm::SinkType kTypes[] = {
    berm::SinkType::http, berm::SinkType::otlp,          berm::SinkType::splunk_hec,
    berm::SinkType::loki, berm::SinkType::elasticsearch, berm::SinkType::cloudwatch_logs,
    berm::SinkType::s3,
};

berm::SinkBatch a_batch() {
  berm::SinkBatch batch{.run = "r-1", .events = {}};
  for (std::uint64_t i = 0; i < 3; ++i) {
    berm::ShippedEvent event;
    event.line = "{\"type\":\"exec\"}";
    event.sequence = i;
    event.type = "exec";
    batch.events.push_back(event);
  }
  return batch;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  berm::SinkSettings settings;
  settings.grant.type = kTypes[data[0] % std::size(kTypes)];
  settings.grant.with = {{"url", "http://127.0.0.1:1"}, {"ack", "true"}, {"region", "r"}};
  settings.run = "r-1";
  std::map<std::string, berm::Secret> secrets;
  secrets["token"] = berm::Secret(std::string("AKID:secret"));
  settings.secrets = &secrets;
  const auto sink = berm::make_http_sink(settings);
  if (!sink) std::abort();
  constexpr unsigned kStatus[] = {200, 400, 412, 413, 500};
  const berm::SinkBatch batch = a_batch();
  // Several answers in a row: what one leaves behind must not trip the next.
  for (int turn = 0; turn < 3; ++turn) {
    if (!(*sink)->request(batch, 1'700'000'000)) std::abort();
    const berm::SinkStep step =
        (*sink)->judge(batch, {.status = kStatus[data[1] % std::size(kStatus)],
                               .headers = {{"retry-after", std::string(data + 2, data + size)}},
                               .body = {reinterpret_cast<const char*>(data) + 2, size - 2}});
    if (step.count > batch.events.size() || step.after > std::chrono::minutes(10)) std::abort();
    for (const auto& [index, why] : step.refused) {
      if (index >= batch.events.size()) std::abort();
    }
  }
  return 0;
}
