#include "rules/model/usage.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <span>
#include <utility>

namespace berm {
namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

std::uint64_t sum(std::uint64_t a, std::uint64_t b) { return a > kMost - b ? kMost : a + b; }

std::uint64_t less(std::uint64_t a, std::uint64_t b) { return a > b ? a - b : 0; }

// "12", also "12.0" and "1e3" from servers that have only floats. Negative and odd ones are none.
std::optional<std::uint64_t> parse_count(std::string_view text) {
  std::uint64_t whole = 0;
  const char* end = text.data() + text.size();
  const auto [after, error] = std::from_chars(text.data(), end, whole);
  if (error == std::errc() && after == end) return whole;
  double real = 0;
  const auto [real_after, real_error] = std::from_chars(text.data(), end, real);
  if (real_error != std::errc() || real_after != end) return std::nullopt;
  if (!(real >= 0 && real < 9e15)) return std::nullopt;
  return static_cast<std::uint64_t>(real);
}

enum Count : std::uint8_t {
  kInput,
  kToolInput,  // Gemini: what its own tools have put into the prompt
  kOutput,
  kThoughts,  // Gemini: not part of its output
  kCacheRead,
  kCacheWrite,
  kHour,
  kSearches,
};

struct Field {
  std::string_view name;
  Count count;
};

// platform.claude.com/docs/en/api/messages (Usage), developers.openai.com/api/docs/api-reference/
// responses/object and chat/object (usage), ai.google.dev/api/generate-content (UsageMetadata).
constexpr Field kAnthropic[] = {
    {"input_tokens", kInput},
    {"output_tokens", kOutput},
    {"cache_read_input_tokens", kCacheRead},
    {"cache_creation_input_tokens", kCacheWrite},
    {"cache_creation.ephemeral_1h_input_tokens", kHour},
    {"server_tool_use.web_search_requests", kSearches},
};
constexpr Field kOpenAi[] = {
    {"input_tokens", kInput},
    {"output_tokens", kOutput},
    {"input_tokens_details.cached_tokens", kCacheRead},
    {"input_tokens_details.cache_write_tokens", kCacheWrite},
    {"prompt_tokens", kInput},
    {"completion_tokens", kOutput},
    {"prompt_tokens_details.cached_tokens", kCacheRead},
    {"prompt_tokens_details.cache_write_tokens", kCacheWrite},
};
constexpr Field kGemini[] = {
    {"promptTokenCount", kInput},
    {"toolUsePromptTokenCount", kToolInput},
    {"candidatesTokenCount", kOutput},
    {"thoughtsTokenCount", kThoughts},
    {"cachedContentTokenCount", kCacheRead},
};

std::span<const Field> fields_of(ModelApi api) {
  if (api == ModelApi::anthropic) return kAnthropic;
  if (api == ModelApi::openai) return kOpenAi;
  return kGemini;
}

// Takes `prefix` off; false if `path` does not start with it.
bool cut(std::string_view& path, std::string_view prefix) {
  if (!path.starts_with(prefix)) return false;
  path.remove_prefix(prefix.size());
  return true;
}

// Takes off what this API wraps a response in: the first event of Anthropic, OpenAI's last one,
// Gemini's stream without alt=sse, which is a list.
void unwrap_path(ModelApi api, std::string_view& path) {
  constexpr std::string_view kWrap[] = {"message.", "response.", "[]."};
  cut(path, kWrap[static_cast<std::size_t>(api)]);
}

void raise(std::optional<std::uint64_t>& count, const std::optional<std::uint64_t>& to) {
  if (to && (!count || *count < *to)) count = to;
}

}  // namespace

std::uint64_t counted_tokens(const TokenUsage& usage) {
  return sum(sum(usage.input, usage.output), usage.cache_write);
}

UsageMeter::UsageMeter(MeteredRequest request, ResponseForm form)
    : request_(std::move(request)), form_(form), model_(request_.model) {}

void UsageMeter::feed(std::string_view bytes) {
  bytes_ = sum(bytes_, bytes.size());
  if (form_ == ResponseForm::event_stream) {
    events_.feed(bytes, *this);
  } else {
    scanner_.feed(bytes, *this);
  }
}

void UsageMeter::data(std::string_view piece) { scanner_.feed(piece, *this); }

void UsageMeter::dispatch() {
  if (scanner_.complete()) commit();
  scanner_.reset();
  event_ = {};
  iterations_ = {};
  last_ = false;
}

void UsageMeter::scalar(std::string_view path, JsonScalar kind, std::string_view value) {
  if (kind == JsonScalar::text) return read_text(path, value);
  if (kind != JsonScalar::number) return;
  unwrap_path(request_.api, path);
  const bool gemini = request_.api == ModelApi::gemini;
  if (!cut(path, gemini ? "usageMetadata." : "usage.")) return;
  const std::optional<std::uint64_t> count = parse_count(value);
  if (count) read_number(path, *count);
}

void UsageMeter::read_number(std::string_view path, std::uint64_t value) {
  // A request may run the model several times: to compact, to ask an advisor, to fall back. The
  // totals beside the list leave some of the runs out, the sum of the list does not
  // (platform.claude.com/docs/en/build-with-claude/compaction, "Understanding usage").
  const bool iteration = request_.api == ModelApi::anthropic && cut(path, "iterations.[].");
  for (const Field& field : fields_of(request_.api)) {
    if (field.name != path) continue;
    if (iteration) {
      iterations_[field.count] = sum(iterations_[field.count].value_or(0), value);
    } else {
      raise(event_[field.count], value);
    }
  }
}

void UsageMeter::read_text(std::string_view path, std::string_view value) {
  if (path == "type") {
    failed_ = failed_ || value == "error" || value == "response.failed";
    last_ = last_ || value == "message_delta" || value == "message" ||
            value == "response.completed" || value == "response.incomplete" ||
            value == "response.failed";
    return;
  }
  unwrap_path(request_.api, path);
  if (path.starts_with("error.")) failed_ = true;
  if (path == "model" || path == "modelVersion") model_ = value;
  if (path == "candidates.[].finishReason") last_ = true;
  if (path == "usage.speed") premium_ = value == "fast";
  if (path == "usageMetadata.trafficType") premium_ = value.ends_with("PRIORITY");
  if (path == "service_tier") {
    premium_ = value == "priority" || value == "fast" || value == "ultrafast";
  }
}

// Every API counts from the start of the response in every event, so the highest is the last.
void UsageMeter::commit() {
  for (std::size_t i = 0; i < total_.size(); ++i) {
    raise(total_[i], event_[i]);
    raise(total_[i], iterations_[i]);
  }
  final_ = final_ || (last_ && says_all());
}

bool UsageMeter::says_all() const {
  if (request_.api == ModelApi::gemini) return event_[kInput].has_value();
  return event_[kOutput].has_value();
}

bool UsageMeter::has_said_all(End end) const {
  if (final_) return true;
  // The chunks of a chat have no type, and some answers of Gemini no candidate.
  if (request_.api == ModelApi::anthropic || end == End::cut || failed_) return false;
  return total_[request_.api == ModelApi::gemini ? kInput : kOutput].has_value();
}

TokenUsage UsageMeter::as_billed() const {
  const auto count = [&](Count which) { return total_[which].value_or(0); };
  TokenUsage usage;
  usage.model = model_;
  usage.input = count(kInput);
  if (request_.api != ModelApi::anthropic) {  // the others count the cache into the input
    usage.input = less(usage.input, sum(count(kCacheRead), count(kCacheWrite)));
  }
  usage.input = sum(usage.input, count(kToolInput));
  usage.output = sum(count(kOutput), count(kThoughts));
  usage.cache_read = count(kCacheRead);
  usage.cache_write = count(kCacheWrite);
  usage.cache_write_hour = std::min(count(kHour), usage.cache_write);
  usage.web_searches = count(kSearches);
  usage.premium = premium_;
  return usage;
}

void UsageMeter::estimate(TokenUsage& usage) const {
  usage.estimated = true;
  const bool input_said = total_[kInput] || total_[kCacheRead] || total_[kCacheWrite];
  if (!input_said) usage.input = request_.body_bytes / 2 + 1;
  std::uint64_t guess = bytes_ / 2 + 1;
  if (request_.max_tokens) {
    guess = failed_ ? std::min(guess, *request_.max_tokens) : *request_.max_tokens;
  }
  usage.output = std::max(usage.output, guess);
}

TokenUsage UsageMeter::finish(End end) {
  // A body has one value, and servers leave out the blank line after the last event.
  if (scanner_.complete()) commit();
  TokenUsage usage = as_billed();
  if (!has_said_all(end)) estimate(usage);
  return usage;
}

}  // namespace berm
