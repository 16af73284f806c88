#include "record/export/json_out.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace berm::formats {
namespace {

// 0 if no such character stands at `at`; else its length in UTF-8.
std::size_t control_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(at) == 0x7F) return 1;
  const bool c1 = byte(at) == 0xC2 && at + 1 < text.size() && byte(at + 1) < 0xA0;
  return c1 ? 2 : 0;
}

}  // namespace

JsonOut::JsonOut(std::size_t expected) : writer_(out_) {
  out_.reserve(expected);
  out_ += '{';
}

// A key of ours has nothing in it that would have to be escaped.
void JsonOut::key(std::string_view name) {
  const char last = out_.back();
  out_ += last == '{' || last == '[' ? "\"" : ",\"";
  out_ += name;
  out_ += "\":";
}

void JsonOut::open(std::string_view name) {
  key(name);
  writer_.open_object();
}

void JsonOut::open() { writer_.open_object(); }

void JsonOut::open_list(std::string_view name) {
  key(name);
  writer_.open_array();
}

void JsonOut::text(std::string_view name, std::string_view value) {
  if (!value.empty()) line(name, value);
}

void JsonOut::line(std::string_view name, std::string_view value) {
  key(name);
  writer_.text(value);
}

void JsonOut::word(std::string_view name, std::string_view value) {
  key(name);
  out_ += '"';
  out_ += value;
  out_ += '"';
}

void JsonOut::number(std::string_view name, std::int64_t value) {
  key(name);
  writer_.number(value);
}

void JsonOut::number(std::string_view name, std::optional<std::int64_t> value) {
  if (value) number(name, *value);
}

void JsonOut::boolean(std::string_view name, bool value) {
  key(name);
  writer_.boolean(value);
}

void JsonOut::code(std::string_view name, int id, std::string_view caption) {
  key(name);
  out_.insert(out_.size() - 2, "_id");  // before the quote and the colon
  writer_.number(id);
  word(name, caption);
}

void JsonOut::value(std::string_view name, const nlohmann::json& value) {
  written(name, canonical(value));
}

void JsonOut::written(std::string_view name, std::string_view value) {
  key(name);
  out_ += value;
}

std::string JsonOut::take() {
  close();
  if (out_.find('\x7F') == std::string::npos && out_.find('\xC2') == std::string::npos) {
    return std::move(out_);
  }
  std::string safe;
  safe.reserve(out_.size() + 64);
  for (std::size_t at = 0; at < out_.size(); ++at) {
    const std::size_t length = control_at(out_, at);
    if (length == 0) {
      safe += out_[at];
      continue;
    }
    // The second byte of a C1 character is its code point.
    at += length - 1;
    fmt::format_to(std::back_inserter(safe), "\\u{:04x}", static_cast<unsigned char>(out_[at]));
  }
  return safe;
}

}  // namespace berm::formats
