#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "drill/agent/drill.h"
#include "report/html_value.h"
#include "report/junit.h"

namespace berm::drill {
namespace {

std::ptrdiff_t count(const std::vector<ScenarioResult>& results, Verdict verdict) {
  return std::ranges::count_if(
      results, [&](const ScenarioResult& one) { return one.judged.verdict == verdict; });
}

}  // namespace

std::string line_of(const ScenarioResult& r) {
  return fmt::format(
      "{:<12}  {:<28} {:>5.1f} s  {}{}\n", name_of(r.judged.verdict), r.scenario.id, r.seconds,
      printable(r.judged.what_happened),
      r.judged.held_by.empty() ? "" : fmt::format(" · held by {}", printable(r.judged.held_by)));
}

std::string score_of(const std::vector<ScenarioResult>& results) {
  return fmt::format("{} of {} contained, {} escaped, {} inconclusive\n",
                     count(results, Verdict::contained), results.size(),
                     count(results, Verdict::escaped), count(results, Verdict::inconclusive));
}

nlohmann::json to_json(const std::vector<ScenarioResult>& results) {
  nlohmann::json all = nlohmann::json::array();
  for (const ScenarioResult& r : results) {
    all.push_back({{"id", r.scenario.id},
                   {"title", r.scenario.title},
                   {"incident", r.scenario.incident},
                   {"verdict", name_of(r.judged.verdict)},
                   {"what_happened", printable(r.judged.what_happened)},
                   {"held_by", printable(r.judged.held_by)},
                   {"run", r.run},
                   {"exit_code", r.exit_code},
                   {"seconds", r.seconds}});
  }
  return {{"schema", "berm.drill-agent/1"},
          {"contained", count(results, Verdict::contained)},
          {"escaped", count(results, Verdict::escaped)},
          {"inconclusive", count(results, Verdict::inconclusive)},
          {"scenarios", std::move(all)}};
}

// An inconclusive one is an error, not a skip: no CI system may show it as green.
std::string to_junit(const std::vector<ScenarioResult>& results) {
  std::string out = fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites><testsuite name=\"berm drill\" "
      "tests=\"{}\" failures=\"{}\" errors=\"{}\">\n",
      results.size(), count(results, Verdict::escaped), count(results, Verdict::inconclusive));
  for (const ScenarioResult& r : results) {
    const std::string said = report::xml(r.judged.what_happened);
    out += fmt::format("<testcase classname=\"drill\" name=\"{}\" time=\"{:.3f}\">",
                       report::xml(r.scenario.id), r.seconds);
    if (r.judged.verdict == Verdict::escaped) out += fmt::format("<failure message=\"{}\"/>", said);
    if (r.judged.verdict == Verdict::inconclusive) {
      out += fmt::format("<error message=\"{}\"/>", said);
    }
    out += "</testcase>\n";
  }
  return out + "</testsuite></testsuites>\n";
}

std::string to_html(const std::vector<ScenarioResult>& results) {
  std::string out =
      "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>berm drill</title>"
      "<style>body{font:15px/1.5 sans-serif;margin:2em}td,th{padding:.3em .8em;text-align:left;"
      "border-bottom:1px solid #ccc;vertical-align:top}</style><h1>berm drill</h1><p>" +
      html::in_markup(score_of(results)) +
      "</p><table><tr><th>verdict<th>scenario<th>incident<th>what happened<th>held by</tr>\n";
  for (const ScenarioResult& r : results) {
    out += fmt::format("<tr><td>{}<td>{}<td>{}<td>{}<td>{}</tr>\n", name_of(r.judged.verdict),
                       html::in_markup(r.scenario.title), html::in_markup(r.scenario.incident),
                       html::in_markup(printable(r.judged.what_happened)),
                       html::in_markup(printable(r.judged.held_by)));
  }
  return out + "</table></html>\n";
}

}  // namespace berm::drill
