// fuzz/token_answer_fuzz.cc: what goes in holds no byte of the token, reads as an answer itself,
// and the token may stand in a header.
#include <algorithm>
#include <cstdlib>

#include "rules/egress/token_answer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const auto read = berm::read_token_answer(body);
  if (!read) return 0;
  const std::string_view token = read->token.reveal();
  if (std::ranges::any_of(token, [](char c) { return c <= 0x20 || c >= 0x7f; })) std::abort();
  const std::string placeholder = "################################";
  const std::string written = berm::write_token_answer(*read, placeholder);
  // "#" 16 times and more is part of the placeholder itself.
  if (placeholder.find(token) == std::string::npos && written.find(token) != std::string::npos &&
      token.find_first_not_of("{}\":,abcdefghijklmnopqrstuvwxyz_0123456789-TZ#") !=
          std::string_view::npos) {
    std::abort();
  }
  const auto again = berm::read_token_answer(written);
  if (!again || again->token.reveal() != placeholder || again->expires_in != read->expires_in ||
      again->issued_at != read->issued_at) {
    std::abort();
  }
  return 0;
}
