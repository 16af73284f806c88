#include <fmt/format.h>

#include "base/text.h"
#include "lint/print.h"

namespace berm::lint {
namespace {

constexpr std::size_t kWidest = 160;

const char* color_of(Severity severity) {
  return severity >= Severity::high ? "1;31" : severity == Severity::medium ? "1;33" : "1;36";
}

std::string painted(bool color, const char* sgr, const std::string& text) {
  return color ? fmt::format("\x1b[{}m{}\x1b[0m", sgr, text) : text;
}

// The line, and what is meant in it underlined. A tab is a blank, so that both agree.
std::string excerpt(const Location& at, bool color, const char* sgr) {
  const Source& file = *at.file;
  const Place begin = file.place_of(at.span.begin);
  const Place end = file.place_of(std::max(at.span.end, at.span.begin + 1));
  std::string line(file.line(begin.line));
  for (char& c : line) {
    if (c == '\t') c = ' ';
  }
  const std::string number = fmt::format("{}", begin.line);
  const std::string margin(number.size(), ' ');
  std::size_t length = end.line == begin.line ? end.column - begin.column : 1;
  // Escaped characters are wider: then nothing is underlined, rather than the wrong thing.
  const std::string shown = printable(line);
  std::string out = fmt::format(" {} | {}\n", number, shown.substr(0, kWidest));
  if (shown != line || begin.column + length > kWidest) return out;
  if (end.line != begin.line)
    length = std::max<std::size_t>(line.size() + 1 - std::min(begin.column, line.size()), 1);
  return out + fmt::format(" {} | {}{}\n", margin, std::string(begin.column - 1, ' '),
                           painted(color, sgr, std::string(std::max<std::size_t>(length, 1), '^')));
}

std::string place_text(const Location& at) {
  const Place place = at.file->place_of(at.span.begin);
  return fmt::format("{}:{}:{}", printable(at.file->path()), place.line, place.column);
}

}  // namespace

std::string to_text(const CheckResult& result, bool color) {
  std::string out;
  for (const Finding& one : result.findings) {
    const char* sgr = color_of(one.severity);
    out += fmt::format(
        "{}: {} {}\n", place_text(one.at),
        painted(color, sgr, fmt::format("{}[{}]:", name_of(one.severity), one.rule->id)),
        printable(one.message));
    out += excerpt(one.at, color, sgr);
    for (const Location& step : one.path) {
      out += fmt::format("   → {} {}\n", place_text(step), printable(step.note));
    }
    out += fmt::format(
        "   fix: {}{}\n", one.rule->fix,
        one.fix ? (one.fix->safe ? " (berm lint --fix)" : " (berm lint --fix unsafe)") : "");
    if (one.confidence != Confidence::high)
      out += fmt::format("   confidence: {}\n", name_of(one.confidence));
    out += "\n";
  }
  return out;
}

std::string explain(const Rule& rule) {
  return fmt::format(
      "## {}\n\n{}. Severity {}, confidence {}{}.\n\n{}\n\nInstead "
      "of\n\n```\n{}\n```\n\nwrite\n\n```\n{}\n```\n\n"
      "Fix: {}.\n",
      rule.id, rule.title, name_of(rule.severity), name_of(rule.confidence),
      rule.persona == Persona::regular ? "" : fmt::format(", for {}", name_of(rule.persona)),
      rule.why, rule.bad, rule.good, rule.fix);
}

}  // namespace berm::lint
