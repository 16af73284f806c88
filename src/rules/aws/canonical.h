// src/rules/aws/canonical.h: the one form of a request that both sides of SigV4 hash.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rules/aws/sigv4.h"

namespace berm {

/// Every value of the field `name` (lower case), in order.
[[nodiscard]] std::vector<std::string_view> values_of(std::span<const AwsHeader> headers,
                                                      std::string_view name);

/// True for the services of the S3 family: their path is signed as it is on the wire and they
/// demand x-amz-content-sha256.
[[nodiscard]] bool signs_like_s3(std::string_view service);

/// S3: the path as on the wire. Others: without empty, '.' and '..' segments, and encoded once
/// more.
[[nodiscard]] std::string canonical_path(std::string_view path, std::string_view service);

/// Decoded and encoded again, sorted by name, then value. '+' is a blank, as the services read it.
[[nodiscard]] std::string canonical_query(std::string_view query);

/// Without blanks at both ends, runs of blanks as one. A value in quotes is no exception.
[[nodiscard]] std::string folded(std::string_view value);

/// "%XX" as the byte it stands for, and '+' as a blank; a malformed escape stays.
[[nodiscard]] std::string query_decoded(std::string_view text);

}  // namespace berm
