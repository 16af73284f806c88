// Findings for GitLab, for whatever reads JUnit or checkstyle, and for a pull request's comment.
#include <fmt/format.h>

#include <array>
#include <map>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "lint/print.h"
#include "report/ci_text.h"
#include "report/junit.h"
#include "report/markdown_text.h"

namespace berm::lint {
namespace {

using nlohmann::json;
using report::xml;

constexpr std::array<const char*, 4> kSast = {"Low", "Medium", "High", "Critical"};
constexpr std::array<const char*, 4> kQuality = {"minor", "major", "critical", "blocker"};
constexpr std::array<const char*, 4> kStyle = {"info", "warning", "error", "error"};

template <class T>
const char* word_of(const std::array<const char*, 4>& words, T value) {
  return words[static_cast<std::size_t>(value)];
}

// RFC 9562 §5.8: an id of our own making, the same for the same finding.
std::string uuid_of(const std::string& fingerprint) {
  std::string hex = fingerprint.substr(0, 32);
  hex[12] = '8';
  hex[16] = '8';
  return fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4),
                     hex.substr(16, 4), hex.substr(20, 12));
}

// The way there, a line a step; report readers have no place for it of their own.
std::string path_text(const Finding& one) {
  std::string out;
  for (const Location& step : one.path) {
    out += fmt::format("\n{}:{} {}", printable(step.file->path()),
                       step.file->place_of(step.span.begin).line, printable(step.note));
  }
  return out;
}

std::string file_of(const Finding& one) { return printable(one.at.file->path()); }
std::size_t line_of(const Finding& one) { return one.at.file->place_of(one.at.span.begin).line; }
std::size_t end_line_of(const Finding& one) { return one.at.file->place_of(one.at.span.end).line; }

std::map<std::string, std::vector<const Finding*>> by_file(const CheckResult& result) {
  std::map<std::string, std::vector<const Finding*>> out;
  for (const Finding& one : result.findings) out[file_of(one)].push_back(&one);
  return out;
}

}  // namespace

json to_gitlab_sast(const CheckResult& result, const std::string& version, const ScanTime& time) {
  json vulnerabilities = json::array();
  for (std::size_t i = 0; i < result.findings.size(); ++i) {
    const Finding& one = result.findings[i];
    vulnerabilities.push_back(
        {{"id", uuid_of(result.fingerprints[i])},
         {"name", one.rule->title},
         {"description",
          printable(one.message) + path_text(one) + "\n\n" + std::string(one.rule->why)},
         {"severity", word_of(kSast, one.severity)},
         {"solution", one.rule->fix},
         {"location",
          {{"file", file_of(one)}, {"start_line", line_of(one)}, {"end_line", end_line_of(one)}}},
         {"identifiers",
          json::array(
              {{{"type", "berm_lint"}, {"name", one.rule->id}, {"value", one.rule->id}}})}});
  }
  const json tool = {{"id", "berm-lint"},
                     {"name", "berm lint"},
                     {"version", version},
                     {"vendor", {{"name", "berm"}}}};
  return {{"version", "15.2.1"},
          {"scan",
           {{"analyzer", tool},
            {"scanner", tool},
            {"type", "sast"},
            {"start_time", time.start},
            {"end_time", time.end},
            {"status", "success"}}},
          {"vulnerabilities", std::move(vulnerabilities)}};
}

json to_code_quality(const CheckResult& result) {
  json out = json::array();
  for (std::size_t i = 0; i < result.findings.size(); ++i) {
    const Finding& one = result.findings[i];
    out.push_back({{"description", printable(one.message)},
                   {"check_name", one.rule->id},
                   {"fingerprint", result.fingerprints[i]},
                   {"severity", word_of(kQuality, one.severity)},
                   {"location",
                    {{"path", file_of(one)},
                     {"lines", {{"begin", line_of(one)}, {"end", end_line_of(one)}}}}}});
  }
  return out;
}

std::string to_junit(const CheckResult& result) {
  std::string suites;
  for (const auto& [file, findings] : by_file(result)) {
    suites += fmt::format("  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\">\n", xml(file),
                          findings.size(), findings.size());
    for (const Finding* one : findings) {
      suites += fmt::format(
          "    <testcase classname=\"{}\" name=\"{}:{} {}\">\n"
          "      <failure type=\"{}\" message=\"{}\">{}</failure>\n    </testcase>\n",
          xml(one->rule->id), xml(file), line_of(*one), xml(one->rule->id), name_of(one->severity),
          xml(printable(one->message)),
          xml("fix: " + std::string(one->rule->fix) + path_text(*one)));
    }
    suites += "  </testsuite>\n";
  }
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<testsuites name=\"berm lint\" tests=\"{0}\" failures=\"{0}\">\n{1}</testsuites>\n",
      result.findings.size(), suites);
}

std::string to_checkstyle(const CheckResult& result) {
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<checkstyle version=\"4.3\">\n";
  for (const auto& [file, findings] : by_file(result)) {
    out += fmt::format("  <file name=\"{}\">\n", xml(file));
    for (const Finding* one : findings) {
      out += fmt::format(
          "    <error line=\"{}\" column=\"{}\" severity=\"{}\" message=\"{}\" "
          "source=\"berm.lint.{}\"/>\n",
          line_of(*one), one->at.file->place_of(one->at.span.begin).column,
          word_of(kStyle, one->severity), xml(printable(one->message)), xml(one->rule->id));
    }
    out += "  </file>\n";
  }
  return out + "</checkstyle>\n";
}

std::string to_markdown(const CheckResult& result) {
  std::string out = fmt::format("## berm lint: {}\n\n", tally(result));
  if (result.findings.empty()) return out;
  out += report::table({"Severity", "Where", "What", "Rule", "Fix"});
  for (const Finding& one : result.findings) {
    out += report::row({std::string(name_of(one.severity)),
                        report::code(fmt::format("{}:{}", file_of(one), line_of(one))),
                        report::code(printable(one.message)), report::code(one.rule->id),
                        report::code(one.rule->fix)});
  }
  return out;
}

std::string tally(const CheckResult& result) {
  if (result.findings.empty()) return "no findings";
  std::array<std::size_t, 4> counts{};
  for (const Finding& one : result.findings) ++counts[static_cast<std::size_t>(one.severity)];
  std::string parts;
  for (const Severity severity :
       {Severity::critical, Severity::high, Severity::medium, Severity::low}) {
    const std::size_t count = counts[static_cast<std::size_t>(severity)];
    if (count > 0)
      parts += fmt::format("{}{} {}", parts.empty() ? "" : ", ", count, name_of(severity));
  }
  return fmt::format("{} finding{} ({})", result.findings.size(),
                     result.findings.size() == 1 ? "" : "s", parts);
}

}  // namespace berm::lint
