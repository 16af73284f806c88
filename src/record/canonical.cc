#include "record/canonical.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/text.h"

namespace berm {
namespace {

using nlohmann::json;

// What stands in a string as it is; everything else is looked at.
constexpr auto kPlain = [] {
  std::array<bool, 256> plain{};
  for (unsigned c = 0x20; c < 0x80; ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}();

void append_escaped(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\r':
      out += "\\r";
      return;
    default:
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
  }
}

// By UTF-16 code units (RFC 8785 §3.2.3). They differ from the bytes' order in one thing: what
// lies above U+FFFF begins with a surrogate, and so comes before U+E000..U+FFFF.
bool comes_before(std::string_view a, std::string_view b) {
  const auto [left, right] = std::ranges::mismatch(a, b);
  if (left == a.end() || right == b.end()) return a.size() < b.size();
  const auto first = static_cast<unsigned char>(*left);
  const auto second = static_cast<unsigned char>(*right);
  if (first >= 0xF0 && (second == 0xEE || second == 0xEF)) return true;
  if (second >= 0xF0 && (first == 0xEE || first == 0xEF)) return false;
  return first < second;
}

void write(CanonicalWriter& writer, const json& value);

void write_object(CanonicalWriter& writer, const json& value) {
  std::vector<json::const_iterator> members;
  members.reserve(value.size());
  for (auto member = value.begin(); member != value.end(); ++member) members.push_back(member);
  // json sorts by bytes, which is right already unless a name leaves the first plane.
  std::ranges::sort(members, comes_before,
                    [](const auto& member) -> std::string_view { return member.key(); });
  writer.open_object();
  for (const auto& member : members) {
    writer.key(member.key());
    write(writer, *member);
  }
  writer.close_object();
}

void write(CanonicalWriter& writer, const json& value) {
  if (value.is_object()) return write_object(writer, value);
  if (value.is_array()) {
    writer.open_array();
    for (const json& item : value) write(writer, item);
    return writer.close_array();
  }
  if (value.is_string()) return writer.text(value.get_ref<const std::string&>());
  if (value.is_boolean()) return writer.boolean(value.get<bool>());
  if (value.is_number_unsigned()) return writer.number(value.get<std::uint64_t>());
  if (value.is_number_integer()) return writer.number(value.get<std::int64_t>());
  if (value.is_number_float()) return writer.number(value.get<double>());
  writer.null();
}

}  // namespace

void CanonicalWriter::separate() {
  if (out_.empty()) return;
  const char last = out_.back();
  if (last != '{' && last != '[' && last != ':') out_ += ',';
}

void CanonicalWriter::begin(char bracket) {
  separate();
  out_ += bracket;
}

void CanonicalWriter::key(std::string_view name) {
  text(name);
  out_ += ':';
}

void CanonicalWriter::text(std::string_view value) {
  separate();
  out_ += '"';
  for (std::size_t at = 0; at < value.size();) {
    std::size_t end = at;
    while (end < value.size() && kPlain[static_cast<unsigned char>(value[end])]) ++end;
    out_.append(value.substr(at, end - at));
    at = end;
    if (at == value.size()) break;
    if (static_cast<unsigned char>(value[at]) < 0x80) {
      append_escaped(out_, value[at++]);
      continue;
    }
    char32_t character = 0;
    const std::size_t length = decode_utf8(value, at, character);
    out_.append(length == 0 ? std::string_view("\xEF\xBF\xBD") : value.substr(at, length));
    at += std::max<std::size_t>(length, 1);
  }
  out_ += '"';
}

void CanonicalWriter::number(double value) {
  if (!std::isfinite(value)) return null();
  separate();
  if (value == 0) {  // and -0
    out_ += '0';
    return;
  }
  if (value < 0) out_ += '-';
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), std::abs(value),
                                          std::chars_format::scientific);
  const std::string_view shortest(text.data(), static_cast<std::size_t>(end - text.data()));
  const std::size_t mark = shortest.find('e');
  std::string digits(shortest.substr(0, mark));
  std::erase(digits, '.');
  const std::string_view power = shortest.substr(mark + (shortest[mark + 1] == '+' ? 2 : 1));
  int exponent = 0;
  std::from_chars(power.data(), power.data() + power.size(), exponent);
  const int count = static_cast<int>(digits.size());
  const int point = exponent + 1;  // the n of ECMA-262: digits before the point
  if (point > 21 || point < -5) {
    if (count > 1) digits.insert(1, ".");
    fmt::format_to(std::back_inserter(out_), "{}e{}{}", digits, exponent < 0 ? '-' : '+',
                   std::abs(exponent));
  } else if (point <= 0) {
    out_ += "0." + std::string(static_cast<std::size_t>(-point), '0') + digits;
  } else if (count <= point) {
    out_ += digits + std::string(static_cast<std::size_t>(point - count), '0');
  } else {
    out_ += digits.insert(static_cast<std::size_t>(point), ".");
  }
}

void CanonicalWriter::boolean(bool value) {
  separate();
  out_ += value ? "true" : "false";
}

void CanonicalWriter::null() {
  separate();
  out_ += "null";
}

std::string canonical(const json& value) {
  std::string out;
  CanonicalWriter writer(out);
  write(writer, value);
  return out;
}

}  // namespace berm
