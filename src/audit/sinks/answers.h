// src/audit/sinks/answers.h: what the answers of HTTP receivers have in common.
#pragma once

#include "audit/sinks/sink.h"

namespace berm {

/// The step for a status: 2xx accepts all of `batch`; 413 is too large; anything else is a retry
/// with the status, the beginning of the body and Retry-After (RFC 9110 §10.2.3, seconds).
[[nodiscard]] SinkStep step_of(const SinkBatch& batch, const SinkResponse& response);

/// The whole batch is there.
[[nodiscard]] SinkStep all_of(const SinkBatch& batch);
[[nodiscard]] SinkStep retry_because(std::string why, Milliseconds after = Milliseconds(0));

/// The beginning of `body` for a message.
[[nodiscard]] std::string excerpt(std::string_view body);

/// The value of `key` in `with`, or `otherwise`.
[[nodiscard]] std::string setting(const SinkGrant& grant, const std::string& key,
                                  std::string otherwise = "");
/// "headers.x-a" → {"x-a": …}
[[nodiscard]] std::map<std::string, std::string> table(const SinkGrant& grant,
                                                       std::string_view name);

/// `text` as a JSON string.
[[nodiscard]] std::string json_text(std::string_view text);
/// The document of `event` as a JSON value: an object, or text of another format.
[[nodiscard]] std::string json_value(const ShippedEvent& event);

/// `url` with `path` behind it, one '/' between them.
[[nodiscard]] std::string beneath(std::string_view url, std::string_view path);

/// The Authorization field of a sink: Basic with 'user', else 'token_format' (else `usual`) around
/// the token; nothing without a token. Holds the secret, and must outlive the requests.
class Authorization {
 public:
  Authorization(const SinkSettings& settings, std::string_view usual);
  void add_to(SinkRequest& request) const;

 private:
  Secret value_;
};

/// A sink that is asked with a token, and whose answer is its status unless it says more.
class TokenSink : public HttpSink {
 public:
  [[nodiscard]] SinkStep judge(const SinkBatch& batch, const SinkResponse& response) override {
    return step_of(batch, response);
  }

 protected:
  TokenSink(const SinkSettings& settings, std::string_view usual)
      : grant_(settings.grant), authorization_(settings, usual) {}

  SinkGrant grant_;
  Authorization authorization_;
};

}  // namespace berm
