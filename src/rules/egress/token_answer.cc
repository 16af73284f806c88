#include "rules/egress/token_answer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr std::size_t kShortestToken = 16;  // a shorter one could not be told from ordinary text
constexpr std::size_t kLongestToken = 32 << 10;
constexpr std::int64_t kLongestLife = 366 * 86400;

tl::unexpected<Error> refused(const char* why) {
  return failure(Errc::denied, std::string("trust the token service's answer: ") + why);
}

// "" where there is none.
Result<std::string> string_at(const json& answer, const char* key) {
  const auto found = answer.find(key);
  if (found == answer.end() || found->is_null()) return std::string();
  if (!found->is_string()) return refused("a field that should be text is not");
  return found->get_ref<const std::string&>();
}

bool may_be_a_token(std::string_view text) {
  return text.size() >= kShortestToken && text.size() <= kLongestToken &&
         std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

Result<std::optional<std::int64_t>> life_of(const json& answer) {
  const auto found = answer.find("expires_in");
  if (found == answer.end() || found->is_null()) return std::nullopt;
  // A number that does not fit is not an integer to the parser either.
  const std::int64_t seconds = found->is_number_integer() ? found->get<std::int64_t>() : -1;
  if (seconds >= 0 && seconds <= kLongestLife) return seconds;
  return refused("'expires_in' is no life");
}

}  // namespace

Result<TokenAnswer> read_token_answer(std::string_view body) {
  const json answer = json::parse(body, nullptr, false);
  if (!answer.is_object()) return refused("it is no JSON object");
  std::string token = BERM_TRY(string_at(answer, "token"));
  const std::string other = BERM_TRY(string_at(answer, "access_token"));
  if (!token.empty() && !other.empty() && token != other) return refused("it has two tokens");
  if (token.empty()) token = other;
  if (!may_be_a_token(token)) return refused("it has no token that could stand in a header");
  TokenAnswer out;
  out.expires_in = BERM_TRY(life_of(answer));
  out.issued_at = parse_wall_time(BERM_TRY(string_at(answer, "issued_at")));
  out.token = Secret(std::move(token));
  return out;
}

std::string write_token_answer(const TokenAnswer& answer, std::string_view placeholder) {
  json out = {{"token", placeholder}, {"access_token", placeholder}};
  if (answer.expires_in) out["expires_in"] = *answer.expires_in;
  if (answer.issued_at) out["issued_at"] = to_text(*answer.issued_at);
  return out.dump();
}

std::string_view bearer_token(std::string_view authorization) {
  const std::string_view value = trim(authorization);
  constexpr std::size_t kScheme = 7;
  if (lower(value.substr(0, kScheme)) != "bearer ") return "";
  return trim(value.substr(kScheme));
}

}  // namespace berm
