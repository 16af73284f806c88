#include "record/export/event.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/ip.h"
#include "base/text.h"
#include "record/canonical.h"
#include "record/chain.h"
#include "record/fields.h"

namespace berm::formats {
namespace {

using nlohmann::json;

// A receiver that indexes has limits of its own (Elasticsearch: 20 levels); the line has it all.
constexpr std::size_t kLongestIndexed = 64 << 10;
constexpr int kDeepestIndexed = 12;

std::string_view view_of(const json& object, const char* key) {
  const json& found = member_of(object, key);
  return found.is_string() ? std::string_view(found.get_ref<const std::string&>())
                           : std::string_view();
}

std::optional<std::int64_t> whole_number(const json& value, std::int64_t most) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    if (number > static_cast<std::uint64_t>(most)) return std::nullopt;
    return static_cast<std::int64_t>(number);
  }
  if (!value.is_number_integer()) return std::nullopt;
  const auto number = value.get<std::int64_t>();
  return number >= 0 && number <= most ? std::optional(number) : std::nullopt;
}

std::string_view digest_in(const json& event, const char* key) {
  const std::string_view text = view_of(event, key);
  return text.size() == 64 && is_hex(text) ? text : std::string_view();
}

bool is_shallow(const json& value, int levels) {
  if (!value.is_structured()) return true;
  return levels > 0 &&
         std::ranges::all_of(value, [&](const json& one) { return is_shallow(one, levels - 1); });
}

bool is_plain_word(std::string_view word) {
  return !word.empty() && std::ranges::all_of(word, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-./:=,@%+").find(c) != std::string_view::npos;
  });
}

// As parse_event(), without its callback for every value, which costs as much as the rest. json is
// copied and printed by recursion: depth must end before the stack does.
bool is_too_deep(std::string_view text) {
  constexpr int kMaxDepth = 64;
  if (std::ranges::count(text, '[') + std::ranges::count(text, '{') <= kMaxDepth) return false;
  int depth = 0;
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (quoted) {
      if (c == '\\') ++at;
      quoted = c != '"';
      continue;
    }
    quoted = c == '"';
    if (c == ']' || c == '}') --depth;
    if ((c == '[' || c == '{') && ++depth > kMaxDepth) return true;
  }
  return false;
}

nlohmann::json parsed(std::string_view text) {
  if (is_too_deep(text)) return {};
  nlohmann::json event = nlohmann::json::parse(text, nullptr, false);
  if (!event.is_object()) return {};
  return event;
}

template <class Number>
bool read_digits(std::string_view text, Number& out) {
  const bool digits = std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  const char* end = text.data() + text.size();
  return digits && !text.empty() && std::from_chars(text.data(), end, out).ptr == end;
}

}  // namespace

const json& Data::peek(std::string_view key) const {
  static const json kNothing;
  if (!data_->is_object()) return kNothing;
  const auto found = data_->find(key);
  return found == data_->end() ? kNothing : *found;
}

std::string_view Data::peek_text(std::string_view key) const {
  const json& value = peek(key);
  return value.is_string() ? std::string_view(value.get_ref<const std::string&>())
                           : std::string_view();
}

std::string_view Data::text(std::string_view key) {
  if (peek(key).is_string()) take(key);
  return peek_text(key);
}

std::optional<std::int64_t> Data::peek_number(std::string_view key, std::int64_t most) const {
  return whole_number(peek(key), most);
}

std::optional<std::int64_t> Data::number(std::string_view key, std::int64_t most) {
  const std::optional<std::int64_t> out = peek_number(key, most);
  if (out) take(key);
  return out;
}

bool Data::is_set(std::string_view key) const {
  const json& value = peek(key);
  return value.is_boolean() && value.get<bool>();
}

void Data::take(std::string_view key) { taken_.push_back(&peek(key)); }

bool Data::is_taken(const json& member) const {
  return std::ranges::find(taken_, &member) != taken_.end();
}

bool Data::has_rest() const {
  return data_->is_object() &&
         !std::ranges::all_of(*data_, [&](const json& member) { return is_taken(member); });
}

std::string Data::rest() const {
  std::string out = "{";
  CanonicalWriter writer(out);
  for (auto member = data_->begin(); member != data_->end(); ++member) {
    if (is_taken(*member)) continue;
    writer.key(member.key());
    out += canonical(*member);
  }
  writer.close_object();
  return out;
}

Event::Event(std::string_view text)
    : line(text),
      json(std::make_unique<const nlohmann::json>(parsed(text))),
      data(member_of(*json, "data")) {
  run = view_of(*json, "run");
  source = view_of(*json, "source");
  type = view_of(*json, "type");
  hash = digest_in(*json, "hash");
  previous = digest_in(*json, "prev");
  if (previous == genesis_hash()) previous = {};
  sequence = whole_number(member_of(*json, "seq"), INT64_MAX);
  version = whole_number(member_of(*json, "v"), INT64_MAX);
  if (const auto at = milliseconds_of(view_of(*json, "time"))) {
    time = view_of(*json, "time");
    time_ms = *at;
  }
  if (!run.empty() && sequence) {
    uid = fmt::format("{}-{}", run, *sequence);
    if (*sequence > 0) uid_before = fmt::format("{}-{}", run, *sequence - 1);
  }
  tells_rest =
      line.size() <= kLongestIndexed && is_shallow(member_of(*json, "data"), kDeepestIndexed);
}

std::optional<std::int64_t> milliseconds_of(std::string_view time) {
  // 2026-11-23T01:01:23.099020925Z
  if (time.size() < 20 || time.size() > 30 || time.back() != 'Z') return std::nullopt;
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  std::int64_t hour = 0;
  std::int64_t minute = 0;
  std::int64_t second = 0;
  const bool good = read_digits(time.substr(0, 4), year) && time[4] == '-' &&
                    read_digits(time.substr(5, 2), month) && time[7] == '-' &&
                    read_digits(time.substr(8, 2), day) && time[10] == 'T' &&
                    read_digits(time.substr(11, 2), hour) && time[13] == ':' &&
                    read_digits(time.substr(14, 2), minute) && time[16] == ':' &&
                    read_digits(time.substr(17, 2), second);
  if (!good || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (!date.ok()) return std::nullopt;
  std::int64_t fraction = 0;
  const std::string_view behind = time.substr(19, time.size() - 20);
  if (!behind.empty()) {
    std::string digits(behind.substr(1));
    digits.resize(std::max<std::size_t>(digits.size(), 3), '0');
    std::int64_t all = 0;
    if (behind.size() < 2 || behind[0] != '.' || !read_digits<std::int64_t>(digits, all)) {
      return std::nullopt;
    }
    read_digits(std::string_view(digits).substr(0, 3), fraction);
  }
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + fraction;
}

Endpoint endpoint_of(std::string_view address) {
  Endpoint out;
  const std::size_t colon = address.rfind(':');
  std::string_view host = address.substr(0, colon);
  if (colon != std::string_view::npos) {
    std::int64_t port = 0;
    if (read_digits(address.substr(colon + 1), port) && port <= 65535) out.port = port;
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (const std::optional<IpAddress> ip = parse_ip(host)) out.ip = to_text(*ip);
  return out;
}

std::string command_line(const json& argv) {
  std::string out;
  if (!argv.is_array()) return out;
  for (const json& one : argv) {
    if (!one.is_string()) return "";
    const auto& word = one.get_ref<const std::string&>();
    if (!out.empty()) out += ' ';
    if (is_plain_word(word)) {
      out += word;
      continue;
    }
    out += '\'';
    for (const char c : word) {
      if (c == '\'') {
        out += R"('\'')";
      } else {
        out += c;
      }
    }
    out += '\'';
  }
  return out;
}

std::string_view base_name(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string_view cut(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  std::size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

}  // namespace berm::formats
