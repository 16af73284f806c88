// src/rules/model/usage.h: what a model response says it used, read while it passes. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "rules/model/call.h"
#include "rules/model/json_scanner.h"
#include "rules/model/sse.h"

namespace berm {

/// Tokens of one response. The four counts do not overlap: `input` is what was neither read from
/// nor written to the provider's cache, whatever the API counts in.
struct TokenUsage {
  std::string model;  ///< as the response names it, else as the request did
  std::uint64_t input = 0;
  std::uint64_t output = 0;  ///< thinking included
  std::uint64_t cache_read = 0;
  std::uint64_t cache_write = 0;       ///< all of it
  std::uint64_t cache_write_hour = 0;  ///< the part that is kept for an hour, at its own price
  std::uint64_t web_searches = 0;      ///< by the provider; billed one by one
  bool premium = false;                ///< a faster tier, at a multiple of the list price
  bool estimated = false;              ///< the response ended before it said; see UsageMeter
  bool operator==(const TokenUsage&) const = default;
};

/// What limits.tokens counts: all but reads of the cache. An agent sends its whole history with
/// every request; counted, the reads would hide what it really does. limits.cost has them.
[[nodiscard]] std::uint64_t counted_tokens(const TokenUsage& usage);

enum class ResponseForm : std::uint8_t { json, event_stream };

/// Known before the response starts; what an estimate is made of.
struct MeteredRequest {
  ModelApi api = ModelApi::anthropic;
  std::string model;
  std::uint64_t body_bytes = 0;
  std::optional<std::uint64_t> max_tokens;  ///< CheckedRequest::max_tokens
};

/// Reads usage off a successful response (2xx) in pieces of any size. Decoded bytes: egress asks
/// the provider for identity encoding, or decodes first. Keeps no part of the response: memory is
/// a few hundred bytes however long it is, so no size makes it fall back to a guess.
///
/// If the response ends before it said what it used (cut off, an error in the stream, or a body
/// that is none of the API's), the missing counts are estimated, upwards:
///   input   what the response had said so far, else body_bytes / 2: text of programs and prose has
///           3 to 4 bytes a token, most other scripts more than 2; pictures in base64 far more
///   output  max_tokens: the one number that thinking which is not streamed cannot exceed, and the
///           one that a SpendLedger has reserved. Without max_tokens, or if the provider itself
///           reported an error, the response's bytes / 2 (an event has some 100 bytes for its 1 to
///           20 tokens), or what it had said so far if that is more.
/// An agent that hangs up early therefore pays more, never less.
class UsageMeter final : private SseSink, private JsonSink {
 public:
  UsageMeter(MeteredRequest request, ResponseForm form);
  UsageMeter(const UsageMeter&) = delete;
  UsageMeter& operator=(const UsageMeter&) = delete;

  void feed(std::string_view bytes);

  /// Call once, when the response has ended; `whole`: by its own framing, not by a reset.
  enum class End : std::uint8_t { whole, cut };
  [[nodiscard]] TokenUsage finish(End end);

 private:
  /// As the APIs count, overlaps included. nullopt: not said.
  using Counts = std::array<std::optional<std::uint64_t>, 8>;

  void data(std::string_view piece) override;
  void dispatch() override;
  void scalar(std::string_view path, JsonScalar kind, std::string_view value) override;

  void read_number(std::string_view path, std::uint64_t value);
  void read_text(std::string_view path, std::string_view value);
  void commit();
  [[nodiscard]] bool says_all() const;
  [[nodiscard]] bool has_said_all(End end) const;
  [[nodiscard]] TokenUsage as_billed() const;
  void estimate(TokenUsage& usage) const;

  MeteredRequest request_;
  ResponseForm form_;
  SseReader events_;
  JsonScanner scanner_;
  std::uint64_t bytes_ = 0;

  Counts event_;       ///< of the event, or the body, at hand
  Counts iterations_;  ///< the same, summed over the list of steps that Anthropic adds
  Counts total_;       ///< the highest of all events: they count from the start of the response
  bool last_ = false;  ///< the event at hand is of the kind that carries the final usage
  bool final_ = false;
  bool failed_ = false;  ///< the provider reported an error
  bool premium_ = false;
  std::string model_;
};

}  // namespace berm
