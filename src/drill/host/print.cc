#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "drill/host/drill.h"
#include "report/html_value.h"
#include "report/junit.h"

namespace berm::drill {
namespace {

using nlohmann::json;

std::ptrdiff_t count(const ScoreCard& card, Outcome outcome, std::string_view group = "") {
  return std::ranges::count_if(card.acts, [&](const ActResult& one) {
    return one.outcome == outcome && (group.empty() || one.group == group);
  });
}

std::string summary(const ScoreCard& card) {
  return fmt::format("{} tier: {} acts, {} contained, {} escaped, {} not applicable", card.tier,
                     card.acts.size(), count(card, Outcome::contained),
                     count(card, Outcome::escaped), count(card, Outcome::not_applicable));
}

std::string told(const ActResult& one) {
  if (one.outcome == Outcome::contained) return "held by " + one.held_by;
  return one.why;
}

const char* color_of(Outcome outcome) {
  if (outcome == Outcome::escaped) return "\033[31;1m";
  return outcome == Outcome::contained ? "\033[32m" : "\033[2m";
}

std::vector<std::string> groups_of(const ScoreCard& card) {
  std::vector<std::string> out;
  for (const ActResult& one : card.acts) {
    if (out.empty() || out.back() != one.group) out.push_back(one.group);
  }
  return out;
}

std::string line_of(const ActResult& one, bool color) {
  return fmt::format("  {}{:<14}{}  {:<26} {}\n", color ? color_of(one.outcome) : "",
                     name_of(one.outcome), color ? "\033[0m" : "", one.name, told(one));
}

}  // namespace

std::string to_text(const ScoreCard& card, bool color, bool all) {
  std::string out;
  for (const std::string& group : groups_of(card)) {
    const auto contained = count(card, Outcome::contained, group);
    const auto escaped = count(card, Outcome::escaped, group);
    const auto rest = count(card, Outcome::not_applicable, group);
    out += fmt::format("{:<12} {:>3} contained  {:>3} escaped  {:>3} not applicable\n", group,
                       contained, escaped, rest);
    for (const ActResult& one : card.acts) {
      if (one.group != group) continue;
      if (all || one.outcome == Outcome::escaped) out += line_of(one, color);
    }
  }
  return out + summary(card) + "\n";
}

json to_json(const ScoreCard& card) {
  json acts = json::array();
  for (const ActResult& one : card.acts) {
    acts.push_back({{"group", one.group},
                    {"name", one.name},
                    {"verdict", name_of(one.outcome)},
                    {"held_by", one.held_by},
                    {"why", one.why},
                    {"inside_errno", one.inside},
                    {"control_errno", one.control},
                    {"as_expected", one.as_expected}});
  }
  return {{"schema", "berm.drill/1"},
          {"tier", card.tier},
          {"run", card.run},
          {"contained", count(card, Outcome::contained)},
          {"escaped", count(card, Outcome::escaped)},
          {"not_applicable", count(card, Outcome::not_applicable)},
          {"acts", std::move(acts)}};
}

std::string to_junit(const ScoreCard& card) {
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n";
  for (const std::string& group : groups_of(card)) {
    std::string cases;
    std::ptrdiff_t tests = 0;
    for (const ActResult& one : card.acts) {
      if (one.group != group) continue;
      ++tests;
      cases += fmt::format("<testcase classname=\"{}\" name=\"{}\">", report::xml(group),
                           report::xml(one.name));
      const std::string why = report::xml(told(one));
      if (one.outcome == Outcome::escaped) cases += fmt::format("<failure message=\"{}\"/>", why);
      if (one.outcome == Outcome::not_applicable) {
        cases += fmt::format("<skipped message=\"{}\"/>", why);
      }
      cases += "</testcase>\n";
    }
    out += fmt::format(
        "<testsuite name=\"berm drill {} {}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\">\n{}"
        "</testsuite>\n",
        report::xml(card.tier), report::xml(group), tests, count(card, Outcome::escaped, group),
        count(card, Outcome::not_applicable, group), cases);
  }
  return out + "</testsuites>\n";
}

std::string to_html(const ScoreCard& card) {
  std::string out =
      "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width\"><title>berm drill</title><style>"
      "body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:60em;padding:0 1em}"
      "table{border-collapse:collapse;width:100%}td,th{padding:.25em .6em;text-align:left;"
      "border-bottom:1px solid #ddd;vertical-align:top}.escaped{background:#fdd;font-weight:600}"
      ".contained td:first-child{color:#176117}.not{color:#777}code{font-size:.95em}</style>"
      "<h1>berm drill</h1><p>" +
      html::in_markup(summary(card)) + "</p>\n";
  for (const std::string& group : groups_of(card)) {
    out += fmt::format("<h2>{}</h2><table><tr><th>verdict<th>act<th>layer, or why</tr>\n",
                       html::in_markup(group));
    for (const ActResult& one : card.acts) {
      if (one.group != group) continue;
      // "not applicable" are two classes, of which the first is styled.
      out += fmt::format("<tr class=\"{}\"><td>{}<td><code>{}</code><td>{}</tr>\n",
                         name_of(one.outcome), name_of(one.outcome), html::in_markup(one.name),
                         html::in_markup(told(one)));
    }
    out += "</table>\n";
  }
  return out + "</html>\n";
}

}  // namespace berm::drill
