// s3: one object for each stretch of the record that ends in a checkpoint, written once and, with
// 'lock', kept from everybody until its time is over (Object Lock, WORM).
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
#include <fmt/format.h>

#include <chrono>

#include "audit/sinks/answers.h"
#include "audit/sinks/aws.h"
#include "base/base64.h"
#include "base/text.h"
#include "base/wall_time.h"
#include "record/sha256.h"

namespace berm {
namespace {

// '/' separates; everything else that is not unreserved is escaped, as SigV4 signs it.
std::string key_path(std::string_view key) {
  std::string out;
  for (const std::string_view part : split(key, '/')) {
    out += (out.empty() ? "" : "/") + percent_encoded(part);
  }
  return out;
}

class S3 final : public HttpSink {
 public:
  S3(const SinkSettings& settings, AwsKey key, Milliseconds retain)
      : grant_(settings.grant),
        key_(std::move(key)),
        retain_(retain),
        region_(setting(grant_, "region")) {}

  Result<SinkRequest> request(const SinkBatch& batch, std::int64_t now_s) override {
    std::string body;
    for (const ShippedEvent& event : batch.events) body += event.line + "\n";
    const std::string checksum = base64(from_hex(sha256_hex(body)));
    SinkRequest request{.method = compares_ ? "HEAD" : "PUT", .url = url_of(batch)};
    if (compares_) {
      request.headers.push_back({"x-amz-checksum-mode", "ENABLED"});
      checksum_ = checksum;
    } else {
      request.content_type = "application/x-ndjson";
      request.body = std::move(body);
      request.headers.push_back({"x-amz-checksum-sha256", checksum});
      request.headers.push_back({"If-None-Match", "*"});
      add_lock(request, batch, now_s);
    }
    BERM_TRY(sign_for_aws(request, key_, "s3", region_, now_s));
    return request;
  }

  SinkStep judge(const SinkBatch& batch, const SinkResponse& response) override {
    if (compares_) return compare(batch, response);
    if (response.status == 412) {
      // An object of this name is there: ours from before, or somebody else's.
      compares_ = true;
      return {.kind = SinkStep::Kind::next, .why = {}, .refused = {}};
    }
    return step_of(batch, response);
  }

  void begin_anew() override { compares_ = false; }

  [[nodiscard]] bool ends_batch(const ShippedEvent& event) const override {
    return event.type == "checkpoint";
  }

  [[nodiscard]] bool waits_for_end() const override { return true; }

 private:
  SinkStep compare(const SinkBatch& batch, const SinkResponse& response) {
    compares_ = false;
    SinkStep step = step_of(batch, response);
    if (step.kind != SinkStep::Kind::accepted) return step;
    const auto found = response.headers.find("x-amz-checksum-sha256");
    if (found != response.headers.end() && found->second == checksum_) return step;
    return retry_because("another object lies where this part of the record belongs");
  }

  [[nodiscard]] std::string url_of(const SinkBatch& batch) const {
    const std::string bucket = setting(grant_, "bucket");
    std::string base = setting(grant_, "url");
    if (base.empty()) {
      // A bucket with a dot has no certificate as a host.
      const bool dotted = bucket.find('.') != std::string::npos;
      base = dotted ? fmt::format("https://s3.{}.amazonaws.com/{}", region_, bucket)
                    : fmt::format("https://{}.s3.{}.amazonaws.com", bucket, region_);
    } else {
      base = beneath(base, bucket);
    }
    std::string prefix = setting(grant_, "prefix");
    while (prefix.ends_with('/')) prefix.pop_back();
    return beneath(
        base, key_path(fmt::format("{}{}{}/{:012}-{:012}.jsonl", prefix, prefix.empty() ? "" : "/",
                                   batch.run, batch.events.front().sequence,
                                   batch.events.back().sequence)));
  }

  void add_lock(SinkRequest& request, const SinkBatch& batch, std::int64_t now_s) const {
    if (setting(grant_, "legal_hold") == "true") {
      request.headers.push_back({"x-amz-object-lock-legal-hold", "ON"});
    }
    const std::string lock = setting(grant_, "lock");
    if (lock.empty()) return;
    const std::int64_t from = std::max(now_s, batch.events.back().time_ns / 1'000'000'000);
    const WallTime until(std::chrono::seconds(from + retain_.count() / 1000));
    request.headers.push_back({"x-amz-object-lock-mode", lock});
    request.headers.push_back({"x-amz-object-lock-retain-until-date", to_text(until)});
  }

  SinkGrant grant_;
  AwsKey key_;
  Milliseconds retain_;
  std::string region_;
  bool compares_ = false;  ///< the next request asks what lies there
  std::string checksum_;
};

}  // namespace

Result<std::unique_ptr<HttpSink>> make_s3(const SinkSettings& settings) {
  const std::string retain = setting(settings.grant, "retain");
  const Milliseconds time = retain.empty() ? Milliseconds(0) : BERM_TRY(parse_duration(retain));
  return std::make_unique<S3>(settings, BERM_TRY(aws_key_of(settings)), time);
}

}  // namespace berm
