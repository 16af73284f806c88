#include "report/junit.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "report/violations.h"
#include "rules/changes/changes.h"

namespace berm::report {
namespace {

enum class Result : std::uint8_t { passed, failed, skipped };

struct Case {
  std::string group, name;
  Result result = Result::passed;
  std::string text;  ///< of a failure or a skip, else what is told besides
};

bool is_xml_character(char32_t c) {
  return c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c <= 0xD7FF) ||
         (c >= 0xE000 && c <= 0xFFFD) || (c >= 0x10000 && c <= 0x10FFFF);
}

// Every violation whose rule starts with `prefix`, one a line.
std::string texts_of(const std::vector<Violation>& all, std::string_view prefix) {
  std::string out;
  for (const Violation& v : all) {
    if (!v.rule.starts_with(prefix) || out.size() > 100'000) continue;
    out += v.message + (v.times > 1 ? fmt::format(" (×{})", v.times) : "") + "\n";
  }
  return out;
}

void add_guard(const RunFacts& facts, const std::vector<Violation>& all, std::vector<Case>& cases) {
  std::set<std::string> rules;
  std::vector<std::string> order;
  const auto want = [&](const std::string& rule) {
    if (rules.insert(rule).second) order.push_back(rule);
  };
  for (const ChangeRule* rule : change_rules()) want("guard/" + std::string(rule->id));
  for (const Violation& v : all) {
    if (v.rule.starts_with("guard/")) want(v.rule);
  }
  for (const std::string& rule : order) {
    Case one{"berm.guard", rule.substr(6), facts.judged ? Result::passed : Result::skipped,
             facts.judged ? "" : "the guard did not come to its end"};
    for (const Violation& v : all) {
      if (v.rule != rule || one.text.size() > 100'000) continue;
      one.text += v.message + "\n";
      if (v.level == Level::error) one.result = Result::failed;
    }
    cases.push_back(std::move(one));
  }
}

std::vector<Case> cases_of(const RunFacts& facts) {
  const std::vector<Violation> all = violations_of(facts);
  std::vector<Case> cases;
  for (const Layer& layer : facts.layers) {
    cases.push_back({"berm.layer", layer.name,
                     layer.strength == "absent" ? Result::skipped : Result::passed,
                     fmt::format("{}: {}", layer.strength, layer.how)});
  }
  add_guard(facts, all, cases);
  const auto group = [&](const char* name, const char* prefix, Result bad) {
    const std::string text = texts_of(all, prefix);
    cases.push_back({"berm.run", name, text.empty() ? Result::passed : bad, text});
  };
  group("limits are kept", "limit/", Result::failed);
  group("the boundary holds", "boundary/", Result::failed);
  group("the record is whole", "record/", Result::failed);
  group("no anomaly", "anomaly/", Result::passed);
  group("tool calls that the policy denies do not run", "denied/tool-call", Result::passed);
  group("programs that the policy denies do not start", "denied/program", Result::passed);
  group("hosts that nothing grants are not reached", "denied/connection", Result::passed);
  group("addresses past the proxy are not reached", "denied/attempt", Result::passed);
  Case verdict{
      "berm.run", "verdict", facts.status == "success" ? Result::passed : Result::failed,
      fmt::format("{} (exit {})\n", facts.status.empty() ? "none" : facts.status, facts.exit_code)};
  for (const std::string& reason : facts.reasons.rows) {
    if (verdict.text.size() < 100'000) verdict.text += reason + "\n";
  }
  cases.push_back(std::move(verdict));
  return cases;
}

std::string to_xml(const Case& one) {
  std::string out = fmt::format("    <testcase classname=\"{}\" name=\"{}\" time=\"0\"",
                                xml(one.group), xml(one.name));
  const std::string first(std::string_view(one.text).substr(0, one.text.find('\n')));
  if (one.result == Result::failed) {
    return out +
           fmt::format(
               ">\n      <failure message=\"{}\" type=\"berm\">{}</failure>\n    </testcase>\n",
               xml(shown(first, 300)), xml(one.text));
  }
  if (one.result == Result::skipped) {
    return out + fmt::format(">\n      <skipped message=\"{}\"/>\n    </testcase>\n",
                             xml(shown(first, 300)));
  }
  if (one.text.empty()) return out + "/>\n";
  return out +
         fmt::format(">\n      <system-out>{}</system-out>\n    </testcase>\n", xml(one.text));
}

}  // namespace

std::string xml(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    char32_t c = 0;
    const std::size_t length = decode_utf8(text, at, c);
    const std::string_view bytes = text.substr(at, std::max<std::size_t>(length, 1));
    at += bytes.size();
    if (length == 0 || !is_xml_character(c)) {
      out += "\xEF\xBF\xBD";
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (c == '\'') {
      out += "&apos;";
    } else {
      out += bytes;
    }
  }
  return out;
}

std::string junit(const RunFacts& facts) {
  const std::vector<Case> cases = cases_of(facts);
  const auto failures = std::ranges::count(cases, Result::failed, &Case::result);
  const auto skipped = std::ranges::count(cases, Result::skipped, &Case::result);
  const std::string counts = fmt::format(
      "tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" time=\"{}.{:03}\"", cases.size(),
      failures, skipped, facts.usage.wall_ms / 1000, facts.usage.wall_ms % 1000);
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  out += fmt::format("<testsuites name=\"berm\" {}>\n", counts);
  // xs:dateTime without a zone is what the usual schema of JUnit wants.
  out += fmt::format("  <testsuite name=\"{}\" timestamp=\"{}\" hostname=\"berm\" {}>\n",
                     xml("berm run " + facts.run), xml(facts.started.substr(0, 19)), counts);
  out += "    <properties>\n";
  for (const auto& [name, value] :
       {std::pair<const char*, const std::string&>{"agent", facts.agent},
        {"command", facts.command},
        {"verdict", facts.status},
        {"record.head", facts.integrity.head}}) {
    out += fmt::format("      <property name=\"{}\" value=\"{}\"/>\n", name, xml(value));
  }
  out += "    </properties>\n";
  for (const Case& one : cases) out += to_xml(one);
  return out + "  </testsuite>\n</testsuites>\n";
}

}  // namespace berm::report
