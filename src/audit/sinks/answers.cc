#include "audit/sinks/answers.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/base64.h"
#include "base/text.h"
#include "record/canonical.h"

namespace berm {
namespace {

constexpr Milliseconds kLongestWait{120'000};

Milliseconds retry_after(const SinkResponse& response) {
  const auto found = response.headers.find("retry-after");
  if (found == response.headers.end()) return Milliseconds(0);
  const std::string_view text = found->second;
  const bool number = !text.empty() && text.size() < 7 &&
                      std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  if (!number) return Milliseconds(0);  // a date: our own backoff is as good
  return std::min(Milliseconds(1000 * std::stoll(std::string(text))), kLongestWait);
}

}  // namespace

std::string excerpt(std::string_view body) {
  constexpr std::size_t kMost = 200;
  return printable(trim(body.substr(0, kMost)));
}

SinkStep all_of(const SinkBatch& batch) {
  return {.kind = SinkStep::Kind::accepted, .count = batch.events.size(), .why = {}, .refused = {}};
}

SinkStep retry_because(std::string why, Milliseconds after) {
  return {.kind = SinkStep::Kind::retry, .after = after, .why = std::move(why), .refused = {}};
}

SinkStep step_of(const SinkBatch& batch, const SinkResponse& response) {
  if (response.status >= 200 && response.status < 300) return all_of(batch);
  SinkStep step =
      retry_because(fmt::format("it answers {}: {}", response.status, excerpt(response.body)),
                    retry_after(response));
  if (response.status == 413) step.kind = SinkStep::Kind::too_large;
  return step;
}

std::string setting(const SinkGrant& grant, const std::string& key, std::string otherwise) {
  const auto found = grant.with.find(key);
  return found == grant.with.end() ? std::move(otherwise) : found->second;
}

std::map<std::string, std::string> table(const SinkGrant& grant, std::string_view name) {
  std::map<std::string, std::string> out;
  const std::string prefix = fmt::format("{}.", name);
  for (const auto& [key, value] : grant.with) {
    if (key.starts_with(prefix)) out.emplace(key.substr(prefix.size()), value);
  }
  return out;
}

std::string json_text(std::string_view text) {
  std::string out;
  CanonicalWriter(out).text(text);
  return out;
}

std::string json_value(const ShippedEvent& event) {
  return event.is_json ? event.text() : json_text(event.text());
}

std::string beneath(std::string_view url, std::string_view path) {
  while (url.ends_with('/')) url.remove_suffix(1);
  return fmt::format("{}/{}", url, path);
}

Authorization::Authorization(const SinkSettings& settings, std::string_view usual) {
  const auto token = settings.secrets->find("token");
  if (token == settings.secrets->end()) return;
  const std::string user = setting(settings.grant, "user");
  if (!user.empty()) {
    std::string pair = user + ":";
    pair.reserve(pair.size() + token->second.reveal().size());  // no shorter copy is left behind
    pair += token->second.reveal();
    value_ = Secret("Basic " + base64(pair));
    ::explicit_bzero(pair.data(), pair.size());
    return;
  }
  std::string text = setting(settings.grant, "token_format", std::string(usual));
  const std::size_t place = text.find("{}");
  text.reserve(text.size() + token->second.reveal().size());
  text.replace(place, 2, token->second.reveal());
  value_ = Secret(std::move(text));
}

void Authorization::add_to(SinkRequest& request) const {
  if (!value_.empty()) request.headers.push_back({"Authorization", "", &value_});
}

}  // namespace berm
