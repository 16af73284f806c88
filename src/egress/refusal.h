// src/egress/refusal.h: a refusal that an agent can read.
#pragma once

#include <string>
#include <string_view>

namespace berm {

/// The text of a refusal that an agent can read: status line, x-berm-denied, one line of why.
[[nodiscard]] std::string http_refusal(std::string_view status, std::string_view rule,
                                       std::string_view why);

}  // namespace berm
