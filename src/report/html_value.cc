#include "report/html_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "record/story_events.h"

namespace berm::html {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMostCount = 1ULL << 53;

// Ours, not json::dump: strings are shown as printable() has them, without a second escape, and
// the work ends at `most`. Depth is bounded by parse_event().
class ValueWriter {
 public:
  ValueWriter(std::string& out, std::size_t most) : out_(out), most_(most) {}

  void write(const json& value, std::size_t indent) {
    if (full()) return;
    if (value.is_string()) {
      out_ += '"' + shown(value.get_ref<const std::string&>(), most_) + '"';
    } else if (value.is_object() && !value.empty()) {
      write_object(value, indent);
    } else if (value.is_array() && !value.empty()) {
      write_array(value, indent);
    } else {
      out_ += value.dump(-1, ' ', false, json::error_handler_t::replace);
    }
  }

 private:
  [[nodiscard]] bool full() const { return out_.size() > most_; }

  // On one line what fits there: argv and the like.
  void write_object(const json& value, std::size_t indent) {
    const bool inline_form = fits(value);
    out_ += "{";
    std::string_view separator;
    for (const auto& [key, inner] : value.items()) {
      if (full()) return;
      out_ += separator;
      break_line(inline_form, indent + 2);
      out_ += shown(key, 256) + ": ";
      write(inner, indent + 2);
      separator = inline_form ? ", " : "";
    }
    break_line(inline_form, indent);
    out_ += "}";
  }

  void write_array(const json& value, std::size_t indent) {
    const bool inline_form = fits(value);
    out_ += "[";
    std::string_view separator;
    for (const json& inner : value) {
      if (full()) return;
      out_ += separator;
      break_line(inline_form, indent + 2);
      write(inner, indent + 2);
      separator = inline_form ? ", " : "";
    }
    break_line(inline_form, indent);
    out_ += "]";
  }

  static bool fits(const json& value) {
    std::size_t length = 0;
    for (const json& inner : value) {
      if (inner.is_structured() && !inner.empty()) return false;
      length += inner.is_string() ? inner.get_ref<const std::string&>().size() + 4 : 16;
      if (length > 400) return false;
    }
    return true;
  }

  void break_line(bool inline_form, std::size_t indent) {
    if (!inline_form) out_ += fmt::format("\n{:{}}", "", indent);
  }

  std::string& out_;
  std::size_t most_;
};

}  // namespace

const json& member(const json& object, const char* key) {
  static const json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(key);
  return found == object.end() ? kNull : *found;
}

const std::string& raw_text(const json& object, const char* key) {
  static const std::string kNone;
  const json& found = member(object, key);
  return found.is_string() ? found.get_ref<const std::string&>() : kNone;
}

std::string text(const json& object, const char* key, std::size_t most) {
  return shown(raw_text(object, key), most);
}

std::uint64_t count(const json& object, const char* key) {
  const json& found = member(object, key);
  if (!found.is_number_integer()) return 0;
  if (!found.is_number_unsigned() && found.get<std::int64_t>() < 0) return 0;
  return std::min(found.get<std::uint64_t>(), kMostCount);
}

bool flag(const json& object, const char* key) {
  const json& found = member(object, key);
  return found.is_boolean() && found.get<bool>();
}

std::string shown(std::string_view text, std::size_t most) {
  return printable(story::shortened(text, most));
}

std::string shown_value(const json& value, std::size_t most) {
  if (value.is_string()) return shown(value.get_ref<const std::string&>(), most);
  std::string out;
  ValueWriter(out, most).write(value, 0);
  return story::shortened(out, most);
}

bool is_empty(const json& value) {
  return value.is_null() || (value.is_string() && value == "") ||
         (value.is_structured() && value.empty());
}

std::string words_of(const json& argv, std::size_t most) {
  std::string out;
  if (!argv.is_array()) return out;
  for (const json& word : argv) {
    if (out.size() > most) break;
    if (!out.empty()) out += ' ';
    out += word.is_string() ? shown(word.get_ref<const std::string&>(), most) : "?";
  }
  return out;
}

std::string in_script(const json& value) {
  const std::string plain = value.dump(-1, ' ', false, json::error_handler_t::replace);
  std::string out;
  out.reserve(plain.size() + plain.size() / 16);
  for (std::size_t at = 0; at < plain.size(); ++at) {
    const char c = plain[at];
    const std::string_view three = std::string_view(plain).substr(at, 3);
    if (c == '<') {
      out += "\\u003c";
    } else if (c == '>') {
      out += "\\u003e";
    } else if (c == '&') {
      out += "\\u0026";
    } else if (three == "\xe2\x80\xa8" || three == "\xe2\x80\xa9") {
      out += three.back() == '\xa8' ? "\\u2028" : "\\u2029";
      at += 2;
    } else {
      out += c;
    }
  }
  return out;
}

std::string in_markup(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace berm::html
