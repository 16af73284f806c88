// What a command prints, where its text says it: `echo … | sh` is then read like `sh -c`.
#include <algorithm>

#include "base/base64.h"
#include "base/text.h"
#include "rules/shell/lexer.h"
#include "rules/shell/options.h"
#include "rules/shell/programs.h"

namespace berm::shell {
namespace {

bool is_escape_option(std::string_view text) {
  return text.size() > 1 && text[0] == '-' &&
         text.find_first_not_of("neE", 1) == std::string_view::npos;
}

std::optional<std::string> echo_output(const std::vector<Word>& words) {
  bool newline = true;
  bool escapes = false;
  std::size_t at = 1;
  for (; at < words.size() && is_escape_option(words[at].text); ++at) {
    for (const char c : words[at].text) {
      if (c == 'n') newline = false;
      if (c == 'e') escapes = true;
      if (c == 'E') escapes = false;
    }
  }
  std::string out = joined(words, at);
  if (out.find('\\') != std::string::npos && !escapes) {
    return std::nullopt;  // sh's echo decodes, bash's does not
  }
  if (escapes) out = decode_ansi_c(out);
  if (newline) out += '\n';
  return out;
}

// Formats of %s, %b and %% only.
std::optional<std::string> printf_output(const std::vector<Word>& words) {
  std::size_t at = 1;
  if (at < words.size() && words[at].text == "--") ++at;
  if (at >= words.size() || words[at].text.starts_with('-')) return std::nullopt;
  const std::string& format = words[at++].text;
  std::string out;
  do {
    const std::size_t before = at;
    std::string literal;
    for (std::size_t i = 0; i < format.size(); ++i) {
      if (format[i] != '%') {
        literal += format[i];
        continue;
      }
      const char kind = i + 1 < format.size() ? format[i + 1] : '\0';
      ++i;
      out += decode_ansi_c(std::exchange(literal, {}));
      if (kind == '%') {
        out += '%';
      } else if (kind == 's' || kind == 'b') {
        const std::string value = at < words.size() ? words[at++].text : "";
        out += kind == 'b' ? decode_ansi_c(value) : value;
      } else {
        return std::nullopt;
      }
    }
    out += decode_ansi_c(literal);
    if (at == before) break;
  } while (at < words.size() && out.size() <= kMaxShellText);
  return out;
}

std::optional<std::string> filtered(const Draft& draft, std::string_view name) {
  const std::vector<Word>& words = draft.words;
  const auto has = [&](std::string_view option) {
    return std::any_of(words.begin() + 1, words.end(),
                       [&](const Word& w) { return w.text == option; });
  };
  const std::string& text = draft.in.text;
  if (name == "cat" && words.size() == 1) return text;
  if (name == "tee") return text;
  if (name == "base64" && words.size() == 2 && (has("-d") || has("--decode") || has("-D"))) {
    std::string packed;
    for (const char c : text) {
      if (c != '\n' && c != ' ') packed += c;
    }
    return base64_decoded(packed);
  }
  if (name == "rev" && words.size() == 1) {
    std::string out;
    for (const std::string_view line : split(text, '\n')) {
      out.append(line.rbegin(), line.rend());
      out += '\n';
    }
    if (!out.empty()) out.pop_back();
    return out;
  }
  const bool plain_hex = name == "xxd" && (has("-p") || has("-ps") || has("-plain"));
  if (plain_hex && has("-r")) return from_hex(trim(text));
  return std::nullopt;
}

}  // namespace

std::optional<std::string> literal_output(const Draft& draft, std::string_view name) {
  if (any_unknown(draft.words, 0)) return std::nullopt;
  if (std::any_of(draft.words.begin(), draft.words.end(), [](const Word& w) { return w.glob; })) {
    return std::nullopt;
  }
  // Its output goes elsewhere; what an "2>&1" adds is not known either.
  for (const Redirection& redirection : draft.redirections) {
    const bool input = redirection.kind == RedirectionKind::here_document ||
                       redirection.kind == RedirectionKind::here_string;
    if (!input) return std::nullopt;
  }
  if (name == "echo") return echo_output(draft.words);
  if (name == "printf") return printf_output(draft.words);
  if (draft.in.kind != Stdin::Kind::literal) return std::nullopt;
  return filtered(draft, name);
}

}  // namespace berm::shell
