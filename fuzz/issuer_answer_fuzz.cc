// fuzz/issuer_answer_fuzz.cc: whatever an issuer answers, a token taken from it may stand in one
// line of a header, its life ends in the future, and its words do nothing to a terminal and name no
// secret.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "credentials/issuer.h"
#include "credentials/jwt.h"

namespace {

void check_token(nlohmann::json& answer) {
  const auto token = berm::take_token(answer, "token");
  if (!token) return;
  for (const char c : token->reveal()) {
    if (c < 0x20 || c == 0x7f) std::abort();
  }
  if (token->empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string words = berm::refusal_words(text, {"hunter2-hunter2"});
  if (berm::printable(words) != words && words.find("…") == std::string::npos) std::abort();
  if (words.find("hunter2-hunter2") != std::string::npos) std::abort();
  (void)berm::claimed_expiry(text);
  (void)berm::parse_https_url(text);
  nlohmann::json answer = berm::parse_answer(text);
  if (!answer.is_object()) return 0;
  for (const char* key : {"expires_in", "expires_at"}) {
    const auto life = berm::take_lifetime(answer, key);
    const auto date = berm::take_expiry(answer, key);
    const berm::WallTime before = berm::wall_now() - std::chrono::seconds(5);
    if ((life && *life < before) || (date && *date < before)) std::abort();
  }
  (void)berm::dumped(answer);
  check_token(answer);
  return 0;
}
