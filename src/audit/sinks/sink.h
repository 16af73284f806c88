// src/audit/sinks/sink.h: what a receiver of the record is told, and what its answer means. Pure:
// whoever holds the connection is in audit/ship.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "base/units.h"
#include "policy/audit_policy.h"

namespace berm {

/// One line of the record on its way.
struct ShippedEvent {
  std::string line;      ///< as it stands in the record, without its line feed
  std::string document;  ///< in another format; "" = the line
  std::uint64_t sequence = 0;
  std::string type;
  std::string time;          ///< RFC 3339 with nanoseconds
  std::int64_t time_ns = 0;  ///< the same since 1970
  bool is_json = true;       ///< the document is a JSON object
  [[nodiscard]] const std::string& text() const { return document.empty() ? line : document; }
};

/// Events in their order, with gaps where a filter took some. Never empty.
struct SinkBatch {
  std::string run;
  std::vector<ShippedEvent> events;
};

/// A field of a request: `text`, then the secret behind it if there is one.
struct SinkHeader {
  std::string name;
  std::string text;
  const Secret* secret = nullptr;
};

struct SinkRequest {
  std::string method = "POST";
  std::string url;
  std::vector<SinkHeader> headers;
  std::string content_type;
  std::string body;
};

struct SinkResponse {
  unsigned status = 0;
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string_view body;
};

/// What an answer means for the batch that was asked about.
struct SinkStep {
  enum class Kind : std::uint8_t {
    accepted,   ///< `count` events from the front are at the sink, or will never be: `refused`
    next,       ///< the batch needs another request, after `after`
    retry,      ///< the same again, after `after` (0: as the caller thinks)
    too_large,  ///< fewer events at a time
  };
  Kind kind = Kind::retry;
  std::size_t count = 0;
  Milliseconds after{0};
  std::string why;                                           ///< of retry and too_large
  std::vector<std::pair<std::size_t, std::string>> refused;  ///< index in the batch, and why
};

/// What a sink is made of. The secrets outlive it.
struct SinkSettings {
  SinkGrant grant;
  std::string run;
  const std::map<std::string, Secret>* secrets = nullptr;
};

/// A receiver that is asked by HTTP. One thread at a time.
class HttpSink {
 public:
  virtual ~HttpSink() = default;
  /// The request that comes next for `batch`. @param now_s  since 1970
  [[nodiscard]] virtual Result<SinkRequest> request(const SinkBatch& batch, std::int64_t now_s) = 0;
  /// What the answer to it means.
  [[nodiscard]] virtual SinkStep judge(const SinkBatch& batch, const SinkResponse& response) = 0;
  /// The batch was given up in its middle: the next one, or this again, begins anew.
  virtual void begin_anew() {}
  /// A batch ends with this event, whatever else waits.
  [[nodiscard]] virtual bool ends_batch(const ShippedEvent&) const { return false; }
  /// It would rather wait for such an event than end a batch by time.
  [[nodiscard]] virtual bool waits_for_end() const { return false; }
};

/// The sink of settings.grant, which speaks HTTP.
/// @return Errc::usage  its token is none that the type can use.
[[nodiscard]] Result<std::unique_ptr<HttpSink>> make_http_sink(const SinkSettings& settings);

// One file each.
using MakeSink = Result<std::unique_ptr<HttpSink>> (*)(const SinkSettings&);
[[nodiscard]] Result<std::unique_ptr<HttpSink>> make_http(const SinkSettings& settings);
[[nodiscard]] Result<std::unique_ptr<HttpSink>> make_otlp(const SinkSettings& settings);
[[nodiscard]] Result<std::unique_ptr<HttpSink>> make_splunk_hec(const SinkSettings& settings);
[[nodiscard]] Result<std::unique_ptr<HttpSink>> make_elasticsearch(const SinkSettings& settings);
[[nodiscard]] Result<std::unique_ptr<HttpSink>> make_loki(const SinkSettings& settings);
[[nodiscard]] Result<std::unique_ptr<HttpSink>> make_cloudwatch_logs(const SinkSettings& settings);
[[nodiscard]] Result<std::unique_ptr<HttpSink>> make_s3(const SinkSettings& settings);

}  // namespace berm
