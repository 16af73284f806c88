#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace berm {
namespace {

enum class Keep { nothing, lines, colours };

// Length of an SGR sequence (ESC [ [0-9;]* m) at `at`, 0 if there is none.
std::size_t sgr_length(std::string_view text, std::size_t at) {
  if (text.substr(at, 2) != "\x1b[") return 0;
  std::size_t i = at + 2;
  while (i < text.size() && ((text[i] >= '0' && text[i] <= '9') || text[i] == ';')) ++i;
  return i < text.size() && text[i] == 'm' && i - at < 32 ? i - at + 1 : 0;
}

void append_escaped(std::string& out, unsigned char c) {
  switch (c) {
    case '\n':
      out += "\\n";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\r':
      out += "\\r";
      return;
    case 0x1b:
      out += "\\e";
      return;
    default:
      out += fmt::format("\\x{:02x}", c);
  }
}

// Returns how many bytes at `at` were consumed.
std::size_t append_one(std::string& out, std::string_view text, std::size_t at, Keep keep) {
  const auto c = static_cast<unsigned char>(text[at]);
  if (keep != Keep::nothing && c == '\n') {
    out += '\n';
    return 1;
  }
  if (keep == Keep::colours && (c == '\t' || c == '\r')) {
    out += text[at];
    return 1;
  }
  if (keep == Keep::colours && c == 0x1b) {
    if (const std::size_t length = sgr_length(text, at); length > 0) {
      out += text.substr(at, length);
      return length;
    }
  }
  if (c >= 0x20 && c < 0x7f) {
    out += text[at];
    return 1;
  }
  char32_t point = 0;
  const std::size_t length = c < 0x80 ? 0 : decode_utf8(text, at, point);
  if (length == 0 || point < 0xa0) {  // ASCII control, C1 control or not UTF-8
    for (std::size_t i = 0; i < std::max<std::size_t>(length, 1); ++i) {
      append_escaped(out, static_cast<unsigned char>(text[at + i]));
    }
    return std::max<std::size_t>(length, 1);
  }
  if (is_hidden_character(point)) {
    out += fmt::format("\\u{{{:X}}}", static_cast<std::uint32_t>(point));
  } else {
    out += text.substr(at, length);
  }
  return length;
}

std::string escape(std::string_view text, Keep keep) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) at += append_one(out, text, at, keep);
  return out;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substitute = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string printable(std::string_view text) { return escape(text, Keep::nothing); }
std::string printable_block(std::string_view text) { return escape(text, Keep::lines); }
std::string terminal_safe(std::string_view text) { return escape(text, Keep::colours); }

std::size_t decode_utf8(std::string_view text, std::size_t at, char32_t& out) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  if (at >= text.size()) return 0;
  const unsigned char first = byte(0);
  if (first < 0x80) {
    out = first;
    return 1;
  }
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  if (length == 0 || first > 0xf4 || at + length > text.size()) return 0;
  char32_t point = first & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    point = (point << 6) | (byte(i) & 0x3fU);
  }
  const bool overlong = (length == 3 && point < 0x800) || (length == 4 && point < 0x10000);
  const bool surrogate = point >= 0xd800 && point <= 0xdfff;
  if (overlong || surrogate || point > 0x10ffff) return 0;
  out = point;
  return length;
}

bool is_hidden_character(char32_t c) {
  return (c >= 0x200b && c <= 0x200f) ||  // zero-width space … right-to-left mark
         (c >= 0x202a && c <= 0x202e) ||  // bidi embeddings and overrides
         (c >= 0x2060 && c <= 0x2064) ||  // word joiner, invisible operators
         (c >= 0x2066 && c <= 0x206f) ||  // bidi isolates, deprecated format characters
         c == 0x061c || c == 0x180e ||    // Arabic letter mark, Mongolian vowel separator
         (c >= 0x180b && c <= 0x180d) ||  // Mongolian variation selectors
         c == 0x034f || c == 0x2065 ||    // grapheme joiner, unassigned invisible
         c == 0x2028 || c == 0x2029 ||    // line and paragraph separators
         c == 0x115f || c == 0x1160 ||    // Hangul fillers: invisible identifiers
         c == 0x3164 || c == 0xffa0 || c == 0xfeff || c == 0x00ad ||  // BOM, soft hyphen
         (c >= 0xfff9 && c <= 0xfffb) ||                              // interlinear annotation
         (c >= 0xe0000 && c <= 0xe007f) ||  // tag characters: whole hidden prompts
         (c >= 0xe0100 && c <= 0xe01ef);    // variation selectors supplement: data smuggling
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string_view candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string to_hex(std::span<const unsigned char> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const unsigned char byte : bytes) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 0xf];
  }
  return out;
}

std::string from_hex(std::string_view hex) {
  if (!is_hex(hex) || hex.size() % 2 != 0) return {};
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string out;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    out += static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1]));
  }
  return out;
}

bool is_hex(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const std::string byte =
        text[at] == '%' && at + 2 < text.size() ? from_hex(lower(text.substr(at + 1, 2))) : "";
    out += byte.empty() ? std::string(1, text[at]) : byte;
    if (!byte.empty()) at += 2;
  }
  return out;
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kUnreserved =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string out;
  for (const char c : text) {
    if (kUnreserved.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

bool is_printable_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

}  // namespace berm
