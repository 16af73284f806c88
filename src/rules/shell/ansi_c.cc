#include "rules/shell/lexer.h"

namespace berm::shell {
namespace {

int digit(char c, int base) {
  int value = -1;
  if (c >= '0' && c <= '9') value = c - '0';
  if (c >= 'a' && c <= 'f') value = c - 'a' + 10;
  if (c >= 'A' && c <= 'F') value = c - 'A' + 10;
  return value < base ? value : -1;
}

// Up to `max` digits from `at`, which moves behind them; -1 if there is none.
long number(std::string_view text, std::size_t& at, int base, int max) {
  long value = -1;
  for (int count = 0; count < max && at < text.size(); ++count, ++at) {
    const int next = digit(text[at], base);
    if (next < 0) break;
    value = (value < 0 ? 0 : value) * base + next;
  }
  return value;
}

void append_utf8(std::string& out, std::uint32_t c) {
  const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte & 0xff); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0 | (c >> 6));
    put(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    put(0xe0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3f));
    put(0x80 | (c & 0x3f));
  } else {
    put(0xf0 | ((c >> 18) & 7));
    put(0x80 | ((c >> 12) & 0x3f));
    put(0x80 | ((c >> 6) & 0x3f));
    put(0x80 | (c & 0x3f));
  }
}

struct Simple {
  char name, value;
};
constexpr Simple kSimple[] = {{'a', 7},     {'b', 8},   {'e', 27}, {'E', 27}, {'f', 12},
                              {'n', 10},    {'r', 13},  {'t', 9},  {'v', 11}, {'\\', '\\'},
                              {'\'', '\''}, {'"', '"'}, {'?', '?'}};

// The escape whose letter is at `at`. False: the string ends here, at a NUL.
bool decode_escape(std::string_view text, std::size_t& at, std::string& out) {
  const char c = text[at];
  for (const Simple& simple : kSimple) {
    if (simple.name == c) return out += simple.value, ++at, true;
  }
  if (c == 'c' && at + 1 < text.size()) {
    out += static_cast<char>(text[at + 1] & 0x1f);
    at += 2;
    return true;
  }
  long value = -1;
  const bool wide = c == 'u' || c == 'U';
  std::size_t next = at + 1;
  if (digit(c, 8) >= 0) {
    next = at;
    value = number(text, next, 8, 3) & 0xff;
  } else if (c == 'x') {
    const bool brace = next < text.size() && text[next] == '{';
    if (brace) ++next;
    value = number(text, next, 16, brace ? 8 : 2);
    if (brace && next < text.size() && text[next] == '}') ++next;
    if (value >= 0) value &= 0xff;
  } else if (wide) {
    value = number(text, next, 16, c == 'u' ? 4 : 8);
  }
  if (value == 0) return false;
  if (value < 0) {  // no escape: the backslash stays
    out += '\\';
    out += c;
    ++at;
    return true;
  }
  at = next;
  if (wide) {
    append_utf8(out, static_cast<std::uint32_t>(value));
  } else {
    out += static_cast<char>(value);
  }
  return true;
}

}  // namespace

std::string decode_ansi_c(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '\\' && at + 1 < text.size()) {
      if (!decode_escape(text, ++at, out)) return out;
    } else {
      out += text[at++];
    }
  }
  return out;
}

}  // namespace berm::shell
