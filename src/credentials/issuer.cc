#include "credentials/issuer.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr int kDeepest = 32;
constexpr std::size_t kMostWords = 300;
constexpr std::size_t kLongestToken = 32 << 10;
constexpr std::size_t kShortestSecret = 8;
constexpr std::int64_t kFarthest = 10LL * 365 * 86400;

// GitHub: message · OAuth: error_description, error · Vault: errors[] · AWS: Error.Message
// · Google: error.message · Anthropic: error.message.
std::string words_of(const json& answer) {
  for (const char* key : {"message", "error_description"}) {
    if (const std::string text = text_of(answer, key); !text.empty()) return text;
  }
  for (const char* key : {"error", "Error"}) {
    if (!answer.contains(key)) continue;
    const json& error = answer[key];
    if (error.is_string()) return error.get_ref<const std::string&>();
    if (!error.is_object()) continue;
    for (const char* inner : {"message", "Message"}) {
      if (const std::string text = text_of(error, inner); !text.empty()) return text;
    }
  }
  if (answer.contains("errors") && answer["errors"].is_array() && !answer["errors"].empty() &&
      answer["errors"][0].is_string()) {
    return answer["errors"][0].get_ref<const std::string&>();
  }
  return "";
}

// Nothing an issuer says is deep. Depth is stack, wherever a value is written out again.
bool is_shallow(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (quoted && c == '\\') {
      ++at;
      continue;
    }
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    if (depth > kDeepest) return false;
  }
  return true;
}

std::string fix_for(unsigned status, const std::string& fix) {
  if (status == 429) return "wait: the issuer says that it was asked too often";
  if (status >= 500) return "try again later: the issuer is out of order";
  return fix;
}

std::vector<std::string_view> secrets_of(const HttpsRequest& request) {
  std::vector<std::string_view> out;
  for (const HttpsHeader& field : request.headers) {
    if (field.secret != nullptr) out.push_back(field.secret->reveal());
  }
  return out;
}

}  // namespace

json parse_answer(std::string_view body) {
  if (!is_shallow(body)) return json(json::value_t::discarded);
  return json::parse(body, nullptr, false);
}

std::string refusal_words(std::string_view body, const std::vector<std::string_view>& secrets) {
  const json answer = parse_answer(body);
  std::string words = answer.is_object() ? words_of(answer) : "";
  if (words.empty()) words = std::string(body.substr(0, 4 * kMostWords));
  for (const std::string_view secret : secrets) {
    if (secret.size() < kShortestSecret) continue;
    for (std::size_t at = words.find(secret); at != std::string::npos; at = words.find(secret)) {
      words.replace(at, secret.size(), "<secret>");
    }
  }
  words = printable(words);
  if (words.size() > kMostWords) words = words.substr(0, kMostWords) + "…";
  return words;
}

Result<json> ask(const MintContext& context, const Question& question) {
  const HttpsResponse response =
      BERM_TRY(in_context(question.step, context.https.send(question.request)));
  const std::string_view body = response.body.reveal();
  const HttpsUrl url = BERM_TRY(parse_https_url(question.request.url));
  if (response.status < 200 || response.status >= 300) {
    std::vector<std::string_view> secrets = secrets_of(question.request);
    // An issuer that repeats the question would repeat the assertion in it.
    secrets.push_back(question.request.body.reveal());
    return failure(Errc::denied,
                   fmt::format("{}: {} answers {}: '{}'", question.step, to_text(url.to),
                               response.status, refusal_words(body, secrets)),
                   fix_for(response.status, question.fix));
  }
  if (trim(body).empty()) return json::object();
  json answer = parse_answer(body);
  if (answer.is_object()) return answer;
  return failure(Errc::denied,
                 fmt::format("{}: {} answers {} with something that is not a JSON object",
                             question.step, to_text(url.to), response.status),
                 "check the endpoint: this is not the service it should be");
}

bool is_header_value(std::string_view text) {
  return !text.empty() && text.size() <= kLongestToken && text.front() != ' ' &&
         text.back() != ' ' &&
         std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

Result<Secret> take_token(json& answer, const std::string& key) {
  if (!answer.contains(key) || !answer[key].is_string()) {
    return failure(Errc::denied,
                   fmt::format("trust the issuer's answer: it has no string '{}'", key));
  }
  Secret token(std::move(answer[key].get_ref<std::string&>()));
  if (!is_header_value(token.reveal())) {
    return failure(Errc::denied,
                   fmt::format("trust the issuer's answer: '{}' is empty, too long, or has bytes "
                               "that a header must not have",
                               key));
  }
  return token;
}

Result<WallTime> take_lifetime(const json& answer, const std::string& key) {
  std::int64_t seconds = 0;
  if (answer.contains(key) && answer[key].is_number_integer()) {
    seconds = answer[key].get<std::int64_t>();
  } else if (const std::string text = text_of(answer, key);
             !text.empty() && text.size() < 10 &&
             std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; })) {
    seconds = std::stol(text);
  }
  if (seconds > 0 && seconds < kFarthest) return wall_now() + std::chrono::seconds(seconds);
  return failure(Errc::denied, fmt::format("trust the issuer's answer: '{}' is no life", key));
}

Result<WallTime> take_expiry(const json& answer, const std::string& key) {
  std::optional<WallTime> time;
  if (answer.contains(key) && answer[key].is_number()) {
    const double seconds = answer[key].get<double>();
    if (seconds > 0 && seconds < 253402300800.0) {
      time = WallTime(std::chrono::seconds(static_cast<std::int64_t>(seconds)));
    }
  } else {
    time = parse_wall_time(text_of(answer, key));
  }
  if (!time) {
    return failure(Errc::denied, fmt::format("trust the issuer's answer: '{}' is no date", key));
  }
  if (*time > wall_now()) return *time;
  return failure(Errc::denied,
                 fmt::format("use what the issuer gave: it expired at {}", to_text(*time)),
                 "compare this host's clock with the issuer's");
}

std::string text_of(const json& answer, const std::string& key) {
  if (!answer.is_object() || !answer.contains(key) || !answer[key].is_string()) return "";
  return answer[key].get_ref<const std::string&>();
}

std::string dumped(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

Secret dumped_secret(const json& value) { return Secret(dumped(value)); }

}  // namespace berm
