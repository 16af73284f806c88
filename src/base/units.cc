#include "base/units.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <utility>

namespace berm {
namespace {

constexpr std::pair<std::string_view, std::uint64_t> kByteUnits[] = {
    {"TiB", 1ULL << 40}, {"GiB", 1ULL << 30},      {"MiB", 1ULL << 20},
    {"KiB", 1ULL << 10}, {"TB", 1000000000000ULL}, {"GB", 1000000000ULL},
    {"MB", 1000000ULL},  {"kB", 1000ULL},          {"B", 1ULL},
};
constexpr std::pair<std::string_view, std::int64_t> kTimeUnits[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1},
};
constexpr std::int64_t kLongest = std::int64_t{1000} * 365 * 86400000;  // a thousand years

// Takes a run of digits off the front of `text`.
bool take_number(std::string_view& text, std::uint64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end == text.data()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

tl::unexpected<Error> bad_size(std::string_view text) {
  return failure(Errc::invalid_policy,
                 fmt::format("'{}' is not a size; write for example \"512MiB\" or \"4GiB\"", text));
}

tl::unexpected<Error> bad_time(std::string_view text) {
  return failure(
      Errc::invalid_policy,
      fmt::format("'{}' is not a time; write for example \"90s\", \"30m\" or \"1h30m\"", text));
}

}  // namespace

Result<Bytes> parse_bytes(std::string_view text) {
  std::string_view rest = text;
  std::uint64_t number = 0;
  if (!take_number(rest, number)) return bad_size(text);
  if (rest.starts_with(' ')) rest.remove_prefix(1);
  std::uint64_t factor = rest.empty() ? 1 : 0;
  for (const auto& [unit, value] : kByteUnits) {
    if (rest == unit) factor = value;
  }
  if (factor == 0) return bad_size(text);
  if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / factor) {
    return failure(Errc::invalid_policy, fmt::format("'{}' is larger than any file system", text));
  }
  return Bytes{number * factor};
}

Result<Milliseconds> parse_duration(std::string_view text) {
  std::string_view rest = text;
  std::int64_t total = 0;
  if (rest.empty()) return bad_time(text);
  while (!rest.empty()) {
    std::uint64_t number = 0;
    if (!take_number(rest, number)) return bad_time(text);
    const std::size_t length = std::min(rest.find_first_of("0123456789"), rest.size());
    const std::string_view unit = rest.substr(0, length);
    std::int64_t factor = 0;
    for (const auto& [name, value] : kTimeUnits) {
      if (unit == name) factor = value;
    }
    if (factor == 0 || number > static_cast<std::uint64_t>(kLongest / factor)) {
      return bad_time(text);
    }
    total += static_cast<std::int64_t>(number) * factor;
    if (total > kLongest) return bad_time(text);
    rest.remove_prefix(length);
  }
  return Milliseconds(total);
}

std::string to_text(Bytes bytes) {
  constexpr std::pair<const char*, std::uint64_t> kUnits[] = {
      {"TiB", 1ULL << 40}, {"GiB", 1ULL << 30}, {"MiB", 1ULL << 20}, {"KiB", 1ULL << 10}};
  for (const auto& [unit, size] : kUnits) {
    if (bytes.count < size) continue;
    if (bytes.count % size == 0) return fmt::format("{} {}", bytes.count / size, unit);
    return fmt::format("{:.1f} {}", static_cast<double>(bytes.count) / static_cast<double>(size),
                       unit);
  }
  return fmt::format("{} B", bytes.count);
}

std::string to_text(Milliseconds duration) {
  const std::int64_t ms = duration.count();
  if (ms < 1000) return fmt::format("{}ms", ms);
  if (ms < 60000) return fmt::format("{:.1f}s", static_cast<double>(ms) / 1000.0);
  const std::int64_t minutes = ms / 60000;
  const std::int64_t seconds = ms / 1000 % 60;
  if (minutes < 60) {
    return seconds == 0 ? fmt::format("{}m", minutes) : fmt::format("{}m {}s", minutes, seconds);
  }
  return minutes % 60 == 0 ? fmt::format("{}h", minutes / 60)
                           : fmt::format("{}h {}m", minutes / 60, minutes % 60);
}

std::string to_policy_text(Bytes bytes) {
  for (const auto& [unit, size] : kByteUnits) {
    if (unit.ends_with("iB") && bytes.count != 0 && bytes.count % size == 0) {
      return fmt::format("{}{}", bytes.count / size, unit);
    }
  }
  return fmt::format("{}", bytes.count);
}

std::string to_policy_text(Milliseconds duration) {
  for (const auto& [unit, size] : kTimeUnits) {
    if (duration.count() != 0 && duration.count() % size == 0) {
      return fmt::format("{}{}", duration.count() / size, unit);
    }
  }
  return fmt::format("{}ms", duration.count());
}

}  // namespace berm
