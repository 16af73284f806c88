#include "rules/shell/shell.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "rules/shell/parts.h"
#include "rules/shell/reader.h"

namespace berm {
namespace shell {
namespace {

constexpr unsigned kMaxDepth = 16;
constexpr std::size_t kMaxRead = 1 << 20;  ///< of one text and all the code in it
constexpr std::size_t kMaxUnclear = 100;
constexpr std::size_t kMaxSource = 512;

// Characters that a terminal or a reader would not see as they are.
bool has_control_characters(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x80) {
      if ((byte < 0x20 && byte != '\t' && byte != '\n') || byte == 0x7f) return true;
      ++at;
      continue;
    }
    char32_t c = 0;
    const std::size_t length = decode_utf8(text, at, c);
    if (length == 0 || c < 0xa0 || is_hidden_character(c)) return true;
    at += length;
  }
  return false;
}

}  // namespace

void Answer::unclear(Obscurity kind, std::string_view text) {
  std::vector<Unclear>& all = script.unclear;
  std::string part = shortened(text);
  const bool known = std::any_of(all.begin(), all.end(), [&](const Unclear& other) {
    return other.kind == kind && other.text == part;
  });
  if (!known && all.size() < kMaxUnclear) all.push_back({kind, std::move(part)});
}

bool Answer::may_read(std::string_view code) {
  bytes_read_ += code.size();
  return bytes_read_ <= kMaxRead;
}

void read_code(Answer& answer, std::string_view code, const Context& context) {
  if (context.depth > kMaxDepth) return answer.unclear(Obscurity::too_deep, code);
  if (code.size() > kMaxShellText || !answer.may_read(code)) {
    return answer.unclear(Obscurity::too_long, code);
  }
  if (has_control_characters(code)) answer.unclear(Obscurity::control_characters, code);
  // Our own sign, and what ends a text for C: not one byte of it is read.
  if (code.find(kUnknownPart) != std::string_view::npos ||
      code.find('\0') != std::string_view::npos) {
    return;
  }
  Reader(answer, code, context).read();
}

std::string shortened(std::string_view text) {
  std::size_t size = std::min(text.size(), kMaxSource);
  // Not in the middle of a character.
  while (size < text.size() && size > 0 &&
         (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) {
    --size;
  }
  return std::string(text.substr(0, size));
}

std::string_view base_name(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool is_name(std::string_view text) {
  if (text.empty() || (text[0] >= '0' && text[0] <= '9')) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

std::string joined(const std::vector<Word>& words, std::size_t from) {
  std::string out;
  for (std::size_t i = from; i < words.size(); ++i) {
    if (i > from) out += ' ';
    out += words[i].text;
  }
  return out;
}

bool any_unknown(const std::vector<Word>& words, std::size_t from) {
  for (std::size_t i = from; i < words.size(); ++i) {
    if (words[i].unknown) return true;
  }
  return false;
}

}  // namespace shell

std::string_view name_of(Obscurity kind) {
  constexpr std::array<std::string_view, 12> kNames = {
      "unparsable",  "too_long",        "too_deep",      "control_characters",
      "not_ascii",   "dynamic_command", "dynamic_code",  "piped_code",
      "inline_code", "unknown_wrapper", "injected_code", "redefinition"};
  return kNames.at(static_cast<std::size_t>(kind));
}

ShellScript understand_shell(std::string_view text) {
  shell::Answer answer;
  shell::read_code(answer, text, {});
  return std::move(answer.script);
}

}  // namespace berm
