// src/rules/aws/key_services.h: services of AWS whose answers are credentials. Pure.
#pragma once

#include <string_view>

namespace berm {

/// What a policy must name in `services`, by this very word, before a request to `path`, signed for
/// `service`, goes out: its answer may be a key, a token or a password that would be inside, and
/// outlive the run. "" if no answer is known to be one.
[[nodiscard]] std::string_view hands_out_keys(std::string_view service, std::string_view path);

}  // namespace berm
