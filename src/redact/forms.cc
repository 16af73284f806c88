#include "redact/forms.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace berm {
namespace {

constexpr std::string_view kLower = "0123456789abcdef";
constexpr std::string_view kUpper = "0123456789ABCDEF";

/// What one byte becomes: at most the six characters of "\u00XX".
struct Written {
  std::array<char, 6> text = {};
  std::size_t size = 0;
};

Written as(std::string_view text) {
  Written written;
  std::ranges::copy(text, written.text.begin());
  written.size = text.size();
  return written;
}

Written escaped(std::string_view before, unsigned char byte, std::string_view digits) {
  Written written = as(before);
  written.text[written.size++] = digits[byte >> 4];
  written.text[written.size++] = digits[byte & 15];
  return written;
}

bool is_unreserved(char c) {  // RFC 3986 §2.3
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

// RFC 8259 §7, and what an encoder escapes beyond: `also`.
Written in_json(char c, std::string_view also, std::string_view digits) {
  constexpr std::string_view kNamed = "\"\\\b\f\n\r\t";
  constexpr std::string_view kNames = "\"\\bfnrt";
  const auto byte = static_cast<unsigned char>(c);
  const std::size_t named = kNamed.find(c);
  if (named != std::string_view::npos) {
    const std::array<char, 2> pair = {'\\', kNames[named]};
    return as({pair.data(), pair.size()});
  }
  if (c == '/' && also.find(c) != std::string_view::npos) return as("\\/");
  if (byte < 0x20 || also.find(c) != std::string_view::npos) return escaped("\\u00", byte, digits);
  return as({&c, 1});
}

template <class Write>
SecretForm byte_by_byte(std::string_view value, Write write) {
  SecretForm form;
  // In full before the first byte: a vector that grows wipes, but slowly.
  form.text.reserve(value.size() * 6);
  for (std::uint32_t i = 0; i < value.size(); ++i) {
    const Written written = write(value[i]);
    form.starts.push_back(static_cast<std::uint32_t>(form.text.size()));
    form.units.push_back({i, i + 1});
    form.text.insert(form.text.end(), written.text.begin(),
                     written.text.begin() + static_cast<std::ptrdiff_t>(written.size));
  }
  form.starts.push_back(static_cast<std::uint32_t>(form.text.size()));
  return form;
}

SecretForm reversed(std::string_view value) {
  SecretForm form = plain_form(value);
  std::ranges::reverse(form.text);
  std::ranges::reverse(form.units);
  return form;
}

// The base64 of `value` when `before` bytes of something else precede it: without the characters
// that they share in; with the last one as if nothing followed, and its padding.
SecretForm base64_form(std::string_view value, std::uint32_t before, std::string_view last_two) {
  constexpr std::string_view kCommon =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  SecretForm form;
  const auto size = static_cast<std::uint32_t>(value.size());
  form.text.reserve(value.size() * 2 + 4);
  const auto byte = [&](std::uint32_t i) -> std::uint32_t {
    return i < before || i >= size + before ? 0U : static_cast<unsigned char>(value[i - before]);
  };
  const std::uint32_t bits = (size + before) * 8;
  std::uint32_t at = (before * 8 + 5) / 6 * 6;  // the first that holds bits of `value` alone
  for (; at < bits; at += 6) {
    const std::uint32_t pair = byte(at / 8) << 8 | byte(at / 8 + 1);
    const std::uint32_t digit = pair >> (10 - at % 8) & 63;
    form.starts.push_back(static_cast<std::uint32_t>(form.text.size()));
    form.units.push_back({at / 8 - before, std::min((at + 5) / 8 - before + 1, size)});
    form.text.push_back(digit < 62 ? kCommon[digit] : last_two[digit - 62]);
  }
  for (; at % 24 != 0; at += 6) {
    form.starts.push_back(static_cast<std::uint32_t>(form.text.size()));
    form.units.push_back({size, size});
    form.text.push_back('=');
  }
  form.starts.push_back(static_cast<std::uint32_t>(form.text.size()));
  return form;
}

}  // namespace

SecretForm plain_form(std::string_view value) {
  return byte_by_byte(value, [](char c) { return as({&c, 1}); });
}

std::vector<SecretForm> forms_of(std::string_view value) {
  std::vector<SecretForm> forms;
  forms.push_back(plain_form(value));
  forms.push_back(reversed(value));
  for (const std::string_view last_two : {"+/", "-_"}) {
    for (const std::uint32_t before : {0U, 1U, 2U}) {
      forms.push_back(base64_form(value, before, last_two));
    }
  }
  for (const std::string_view digits : {kLower, kUpper}) {
    const auto every_byte = [&](std::string_view before) {
      forms.push_back(byte_by_byte(
          value, [&](char c) { return escaped(before, static_cast<unsigned char>(c), digits); }));
    };
    every_byte("");
    every_byte("%");
    every_byte("\\u00");
    forms.push_back(byte_by_byte(value, [&](char c) {
      return is_unreserved(c) ? as({&c, 1}) : escaped("%", static_cast<unsigned char>(c), digits);
    }));
    for (const std::string_view also : {"", "/", "<>&"}) {
      forms.push_back(byte_by_byte(value, [&](char c) { return in_json(c, also, digits); }));
    }
  }
  return forms;
}

}  // namespace berm
