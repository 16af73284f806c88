// src/record/export_test_support.h: what receivers do with exported lines.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"

namespace berm {

/// No line end, nothing that a terminal would act on, and UTF-8.
inline bool is_one_clean_line(std::string_view line) {
  for (std::size_t at = 0; at < line.size();) {
    char32_t c = 0;
    const std::size_t length = decode_utf8(line, at, c);
    if (length == 0 || c < 0x20 || (c >= 0x7F && c < 0xA0)) return false;
    at += length;
  }
  return true;
}

/// The seven parts of the header, unescaped, and the extension's fields.
struct CefLine {
  std::vector<std::string> header;
  std::map<std::string, std::string> fields;
};

/// Reads CEF as its description says: a value ends before the last blank that a key follows.
/// nullopt: no CEF, or a key twice.
inline std::optional<CefLine> read_cef(std::string_view line) {
  CefLine out;
  std::size_t at = 0;
  for (std::string part; out.header.size() < 7; ++at) {
    if (at >= line.size()) return std::nullopt;
    if (line[at] == '\\') {
      if (++at >= line.size() || (line[at] != '\\' && line[at] != '|')) return std::nullopt;
      part += line[at];
    } else if (line[at] == '|') {
      out.header.push_back(std::move(part));
      part.clear();
    } else {
      part += line[at];
    }
  }
  std::string key;
  std::string value;
  const auto keep = [&] { return key.empty() || out.fields.emplace(key, value).second; };
  for (; at < line.size(); ++at) {
    const char c = line[at];
    if (c == '\\') {
      if (++at >= line.size()) return std::nullopt;
      constexpr std::string_view kEscapes = "\\=nr";
      constexpr std::string_view kMeant = "\\=\n\r";
      const std::size_t which = kEscapes.find(line[at]);
      if (which == std::string_view::npos) return std::nullopt;
      value += kMeant[which];
    } else if (c == '=') {
      const std::size_t blank = value.rfind(' ');
      std::string next = blank == std::string::npos ? value : value.substr(blank + 1);
      const bool is_key = !next.empty() && std::ranges::all_of(next, [](char letter) {
        return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
               (letter >= '0' && letter <= '9');
      });
      if (!is_key) return std::nullopt;
      value.resize(blank == std::string::npos ? 0 : blank);
      if (!keep()) return std::nullopt;
      key = std::move(next);
      value.clear();
    } else {
      value += c;
    }
  }
  if (!keep()) return std::nullopt;
  return out;
}

}  // namespace berm
