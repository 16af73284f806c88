// src/base/host_name.h: the one grammar of host names. What is matched is what is dialled.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace berm {

/// One label: 1 to 63 of a-z, 0-9, '-', '_', neither beginning nor ending with '-'.
[[nodiscard]] bool is_host_label(std::string_view label);

/// Labels with dots between, at most 253 bytes, lower case, and not a number in the end: "127.1",
/// "0x7f.1" and "2130706433" are addresses to somebody's parser.
[[nodiscard]] bool is_host_name(std::string_view host);

/// The canonical form of a host that a client sent: lower case, one trailing dot removed. nullopt
/// for NUL, '%', '@', brackets, spaces, upper bytes (IDNA U-labels: send the A-label), two trailing
/// dots, numeric forms, and names of more than 253 bytes. Addresses are not host names: see
/// base/ip.h. (Claude Code 2.0.24: policy and resolver saw different strings.)
[[nodiscard]] std::optional<std::string> canonical_host(std::string_view text);

}  // namespace berm
