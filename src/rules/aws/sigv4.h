// src/rules/aws/sigv4.h: AWS Signature Version 4, so that egress can sign anew what an agent signed
// with a placeholder. Pure.
// See the IAM User Guide, "Create a signed AWS API request".
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "rules/aws/aws_key.h"

namespace berm {

struct AwsHeader {
  std::string name;
  std::string value;
  bool operator==(const AwsHeader&) const = default;
};

/// A request as it is on the wire, taken apart. The views must outlive it.
struct AwsRequest {
  std::string_view method;
  std::string_view path;               ///< of the origin-form target, still percent-encoded; "/…"
  std::string_view query;              ///< what follows '?'; "" if nothing
  std::span<const AwsHeader> headers;  ///< in their order; names in any case
};

/// What a credential may sign.
struct AwsGrant {
  std::vector<std::string> regions;   ///< globs; an empty list grants nothing
  std::vector<std::string> services;  ///< globs of signing names: "s3", "execute-api"
  bool unsigned_payload = false;      ///< only if what carries the body upstream is TLS
};

/// How a request says it is signed.
struct SigV4Claim {
  std::string access_key_id;  ///< the agent's: a placeholder, or somebody's key
  std::string time;           ///< x-amz-date, "20261122T101112Z"
  std::string region;
  std::string service;
  std::vector<std::string> signed_headers;  ///< lower case, ascending
  std::string payload_hash;  ///< x-amz-content-sha256: 64 hex digits, "UNSIGNED-PAYLOAD", "" = none
  std::string signature;     ///< 64 hex digits. Nothing here verifies it.
  bool operator==(const SigV4Claim&) const = default;
};

/// Reads how `request` is signed and holds it to `grant`.
///
/// @param now  Of the host; x-amz-date may be 15 minutes off, as at AWS.
/// @return Errc::denied  `what` says why: not signed; presigned; streaming payload; SigV4A; SigV2;
///         several Authorization headers; a malformed one; no, two or a wrong x-amz-date; a scope
///         of another day; a signed header that is not there; region, service or UNSIGNED-PAYLOAD
///         that is not granted; a request that could be read in two ways.
[[nodiscard]] Result<SigV4Claim> parse_sigv4(const AwsRequest& request, const AwsGrant& grant,
                                             std::chrono::sys_seconds now);

/// The hash to sign: of `body` if egress has buffered it, else what the agent claims, which AWS
/// then checks.
/// @return Errc::denied  the claim is not the hash of `body`, or there is neither.
[[nodiscard]] Result<std::string> payload_hash(const SigV4Claim& claim,
                                               std::optional<std::string_view> body);

/// What egress changes before it sends the request on.
struct SigV4Headers {
  std::vector<std::string> remove;  ///< every field of these names, lower case
  std::vector<AwsHeader> set;       ///< then add; holds the session token: wipe it with the request
};

/// Signs `request` with `key` for the claim's scope and time. Signed are host, content-type, every
/// x-amz-* and what the agent signed, except what a proxy may change on the way.
///
/// @param request  As it goes out but for what the result changes: a field that egress drops or
///                 rewrites after this breaks the signature.
/// @param payload_hash  From payload_hash().
/// @return Errc::denied  without a host header there is nothing to sign.
[[nodiscard]] Result<SigV4Headers> sign_sigv4(const AwsRequest& request, const AwsKey& key,
                                              const SigV4Claim& claim,
                                              std::string_view payload_hash);

/// The Authorization header of `claim`; parse_sigv4() reads it back.
[[nodiscard]] std::string authorization_of(const SigV4Claim& claim);

}  // namespace berm
