// src/audit/sinks/aws.h: requests to AWS, signed with the sink's key.
#pragma once

#include "audit/sinks/sink.h"
#include "rules/aws/aws_key.h"

namespace berm {

/// Signs `request` (Signature Version 4) for `service` in `region`.
/// @param now_s  since 1970
[[nodiscard]] Result<void> sign_for_aws(SinkRequest& request, const AwsKey& key,
                                        const std::string& service, const std::string& region,
                                        std::int64_t now_s);

/// The sink's token as a key. @return Errc::usage  it is none; or there is no token.
[[nodiscard]] Result<AwsKey> aws_key_of(const SinkSettings& settings);

}  // namespace berm
