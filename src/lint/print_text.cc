#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "lint/print.h"

namespace berm::lint {
namespace {

constexpr std::size_t kWidest = 160;  // characters of a line
constexpr std::size_t kBefore = 40;   // of them before the place, if there are more

const char* color_of(Severity severity) {
  return severity >= Severity::high ? "1;31" : severity == Severity::medium ? "1;33" : "1;36";
}

std::string painted(bool color, const char* sgr, const std::string& text) {
  return color ? fmt::format("\x1b[{}m{}\x1b[0m", sgr, text) : text;
}

// The line, and what is meant in it underlined. A tab is a blank, so that both agree; of a long
// line what is around the place.
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
  const std::string shown = printable(line);
  // Escaped characters are wider: then nothing is underlined, rather than the wrong thing.
  if (shown != line) return fmt::format(" {} | {}\n", number, shown.substr(0, kWidest));
  std::vector<std::size_t> starts;  // of its characters, and its end
  for (std::size_t i = 0; i < line.size(); ++i) {
    if ((static_cast<unsigned char>(line[i]) & 0xC0) != 0x80) starts.push_back(i);
  }
  starts.push_back(line.size());
  const std::size_t all = starts.size() - 1;
  const std::size_t at_column = std::min(begin.column - 1, all);
  const std::size_t stop = end.line == begin.line ? std::min(end.column - 1, all) : all;
  const std::size_t from =
      stop > kWidest ? at_column - std::min<std::size_t>(at_column, kBefore) : 0;
  const std::size_t to = std::min(from + kWidest, all);
  const std::size_t length = std::clamp<std::size_t>(stop - std::min(at_column, stop), 1,
                                                     std::max<std::size_t>(to - at_column, 1));
  return fmt::format(" {} | {}{}\n {} | {}{}\n", number, from > 0 ? "…" : "",
                     line.substr(starts[from], starts[to] - starts[from]), margin,
                     std::string(at_column - from + (from > 0 ? 1 : 0), ' '),
                     painted(color, sgr, std::string(length, '^')));
}

// OSC 8, as terminals have it since 2017: the text is a link to the file.
std::string linked(const Location& at, const std::string& links, std::string text) {
  if (links.empty() || at.file->path() == "-") return text;
  std::string url = "file://";
  const std::string path =
      at.file->path().starts_with('/') ? at.file->path() : links + "/" + at.file->path();
  for (const std::string_view part : split(path.substr(1), '/')) url += "/" + percent_encoded(part);
  return fmt::format("\x1b]8;;{}\x1b\\{}\x1b]8;;\x1b\\", url, text);
}

std::string place_text(const Location& at) {
  const Place place = at.file->place_of(at.span.begin);
  return fmt::format("{}:{}:{}", printable(at.file->path()), place.line, place.column);
}

}  // namespace

std::string to_text(const CheckResult& result, bool color, const std::string& links) {
  std::string out;
  for (const Finding& one : result.findings) {
    const char* sgr = color_of(one.severity);
    out += fmt::format(
        "{}: {} {}\n", linked(one.at, links, place_text(one.at)),
        painted(color, sgr, fmt::format("{}[{}]:", name_of(one.severity), one.rule->id)),
        printable(one.message));
    out += excerpt(one.at, color, sgr);
    for (const Location& step : one.path) {
      out +=
          fmt::format("   → {} {}\n", linked(step, links, place_text(step)), printable(step.note));
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
