#include "base/wall_time.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace berm {
namespace {

using std::chrono::days;
using std::chrono::seconds;

// Takes exactly `digits` digits off `text`.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

// The fields of "NN<separator>NN<separator>NN", the first of `first` digits.
std::optional<std::array<int, 3>> take_triple(std::string_view& text, std::size_t first,
                                              char separator) {
  const auto a = take_number(text, first);
  if (!a || !take(text, separator)) return std::nullopt;
  const auto b = take_number(text, 2);
  if (!b || !take(text, separator)) return std::nullopt;
  const auto c = take_number(text, 2);
  if (!c) return std::nullopt;
  return std::array{*a, *b, *c};
}

// "Z", "+01:00": what is to be taken off to get UTC.
std::optional<seconds> take_offset(std::string_view& text) {
  if (take(text, 'Z') || take(text, 'z')) return seconds(0);
  if (text.empty() || (text.front() != '+' && text.front() != '-')) return std::nullopt;
  const int sign = text.front() == '-' ? -1 : 1;
  text.remove_prefix(1);
  const auto hours = take_number(text, 2);
  if (!hours || !take(text, ':')) return std::nullopt;
  const auto minutes = take_number(text, 2);
  if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  return seconds(sign * (*hours * 3600 + *minutes * 60));
}

}  // namespace

std::optional<WallTime> parse_wall_time(std::string_view text) {
  const auto date = take_triple(text, 4, '-');
  if (!date) return std::nullopt;
  const std::chrono::year_month_day day{std::chrono::year((*date)[0]),
                                        std::chrono::month(static_cast<unsigned>((*date)[1])),
                                        std::chrono::day(static_cast<unsigned>((*date)[2]))};
  if (!day.ok() || (*date)[0] < 1970) return std::nullopt;
  const WallTime midnight = std::chrono::sys_days(day);
  if (text.empty()) return midnight;
  if (!take(text, 'T') && !take(text, 't') && !take(text, ' ')) return std::nullopt;
  const auto clock = take_triple(text, 2, ':');
  // 60: a leap second, which this clock does not count.
  if (!clock || (*clock)[0] > 23 || (*clock)[1] > 59 || (*clock)[2] > 60) return std::nullopt;
  if (take(text, '.')) {
    if (!take_number(text, 1)) return std::nullopt;
    while (take_number(text, 1)) {
    }
  }
  const auto offset = take_offset(text);
  if (!offset || !text.empty()) return std::nullopt;
  const WallTime time = midnight +
                        seconds((*clock)[0] * 3600 + (*clock)[1] * 60 + std::min((*clock)[2], 59)) -
                        *offset;
  if (time < WallTime{} || time >= std::chrono::sys_days(std::chrono::year(10000) / 1 / 1)) {
    return std::nullopt;
  }
  return time;
}

std::string to_text(WallTime time) {
  const auto midnight = std::chrono::floor<days>(time);
  const std::chrono::year_month_day day(midnight);
  const auto second = static_cast<int>((time - midnight).count());
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(day.year()),
                     static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()),
                     second / 3600, second / 60 % 60, second % 60);
}

}  // namespace berm
