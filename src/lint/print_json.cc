#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "lint/print.h"
#include "report/ci_text.h"

namespace berm::lint {
namespace {

using nlohmann::json;

json place_json(const Location& at) {
  const Place begin = at.file->place_of(at.span.begin);
  const Place end = at.file->place_of(at.span.end);
  return {{"file", printable(at.file->path())},
          {"line", begin.line},
          {"column", begin.column},
          {"end_line", end.line},
          {"end_column", end.column}};
}

json region_json(const Location& at) {
  const Place begin = at.file->place_of(at.span.begin);
  const Place end = at.file->place_of(std::max(at.span.end, at.span.begin));
  json out = {{"startLine", begin.line}, {"startColumn", begin.column}};
  out["endLine"] = end.line;
  out["endColumn"] = std::max(end.column, begin.line == end.line ? begin.column + 1 : 1);
  return out;
}

// RFC 3986: a path is no URI yet.
std::string uri_of(const std::string& path) {
  std::string out;
  for (const std::string_view part : split(path, '/')) {
    out += (out.empty() ? "" : "/") + percent_encoded(part);
  }
  return path.starts_with('/') ? "/" + out : out;
}

json location_json(const Location& at) {
  json out = {
      {"physicalLocation",
       {{"artifactLocation", {{"uri", uri_of(at.file->path())}}}, {"region", region_json(at)}}}};
  if (!at.note.empty()) out["message"] = {{"text", printable(at.note)}};
  return out;
}

const char* level_of(Severity severity) {
  return severity >= Severity::high ? "error" : severity == Severity::medium ? "warning" : "note";
}

const char* score_of(Severity severity) {
  static constexpr const char* kScores[] = {"3.0", "5.5", "8.0", "9.5"};
  return kScores[static_cast<std::size_t>(severity)];
}

json rule_json(const Rule& rule) {
  return {{"id", rule.id},
          {"name", rule.id},
          {"shortDescription", {{"text", rule.title}}},
          {"fullDescription", {{"text", rule.why}}},
          {"help", {{"text", rule.fix}, {"markdown", explain(rule)}}},
          {"defaultConfiguration", {{"level", level_of(rule.severity)}}},
          {"properties",
           {{"tags", {"security"}},
            {"precision", name_of(rule.confidence)},
            {"security-severity", score_of(rule.severity)}}}};
}

json fix_json(const Finding& one) {
  json replacements = json::array();
  for (const Edit& edit : one.fix->edits) {
    const Place begin = one.at.file->place_of(edit.span.begin);
    const Place end = one.at.file->place_of(edit.span.end);
    replacements.push_back({{"deletedRegion",
                             {{"startLine", begin.line},
                              {"startColumn", begin.column},
                              {"endLine", end.line},
                              {"endColumn", end.column}}},
                            {"insertedContent", {{"text", edit.text}}}});
  }
  return {{"description", {{"text", one.fix->what}}},
          {"artifactChanges",
           json::array({{{"artifactLocation", {{"uri", uri_of(one.at.file->path())}}},
                         {"replacements", std::move(replacements)}}})}};
}

}  // namespace

json to_json(const CheckResult& result) {
  json findings = json::array();
  for (std::size_t i = 0; i < result.findings.size(); ++i) {
    const Finding& one = result.findings[i];
    json row = place_json(one.at);
    row["rule"] = one.rule->id;
    row["severity"] = name_of(one.severity);
    row["confidence"] = name_of(one.confidence);
    row["persona"] = name_of(one.persona);
    row["message"] = printable(one.message);
    row["advice"] = one.rule->fix;
    row["fingerprint"] = result.fingerprints[i];
    row["path"] = json::array();
    for (const Location& step : one.path) {
      json at = place_json(step);
      at["note"] = printable(step.note);
      row["path"].push_back(std::move(at));
    }
    row["fix"] = nullptr;
    if (one.fix) row["fix"] = {{"what", one.fix->what}, {"safe", one.fix->safe}};
    findings.push_back(std::move(row));
  }
  return {{"schema", "berm.lint/1"},
          {"findings", std::move(findings)},
          {"suppressed", result.suppressed},
          {"known", result.known}};
}

namespace {

// The path as a viewer walks it.
json flow_json(const Finding& one) {
  json steps = json::array();
  for (const Location& step : one.path) steps.push_back({{"location", location_json(step)}});
  return {{"threadFlows", json::array({{{"locations", std::move(steps)}}})}};
}

constexpr std::size_t kMostResults = 25'000;

// What was left off is said where a reader of SARIF looks for it.
json invocation(const CheckResult& result) {
  json out = {{"executionSuccessful", true}};
  if (result.findings.size() <= kMostResults) return out;
  const std::string text = fmt::format("{} findings of lower severity were left off",
                                       result.findings.size() - kMostResults);
  out["toolExecutionNotifications"] =
      json::array({{{"level", "warning"}, {"message", {{"text", text}}}}});
  return out;
}

// GitHub takes 25,000 results and shows 5,000: the worst are kept.
std::vector<std::size_t> worst(const CheckResult& result) {
  std::vector<std::size_t> out(result.findings.size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = i;
  if (out.size() <= kMostResults) return out;
  std::stable_sort(out.begin(), out.end(), [&](std::size_t a, std::size_t b) {
    return result.findings[a].severity > result.findings[b].severity;
  });
  out.resize(kMostResults);
  return out;
}

}  // namespace

json to_sarif(const CheckResult& result, const std::string& version) {
  std::map<std::string_view, std::size_t> indexes;
  json rules = json::array();
  for (const Rule* rule : all_rules()) {
    indexes[rule->id] = rules.size();
    rules.push_back(rule_json(*rule));
  }
  json results = json::array();
  for (const std::size_t i : worst(result)) {
    const Finding& one = result.findings[i];
    json row = {{"ruleId", one.rule->id},
                {"ruleIndex", indexes[one.rule->id]},
                {"level", level_of(one.severity)},
                {"message", {{"text", printable(one.message)}}},
                {"locations", json::array({location_json(one.at)})},
                {"partialFingerprints",
                 {{"bermFinding/v1", result.fingerprints[i]},
                  {"primaryLocationLineHash", result.fingerprints[i].substr(0, 16) + ":1"}}}};
    for (std::size_t step = 0; step < one.path.size(); ++step) {
      json at = location_json(one.path[step]);
      at["id"] = step + 1;
      row["relatedLocations"].push_back(std::move(at));
    }
    if (!one.path.empty()) row["codeFlows"] = json::array({flow_json(one)});
    if (one.fix && !one.fix->edits.empty()) row["fixes"] = json::array({fix_json(one)});
    results.push_back(std::move(row));
  }
  return {{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
          {"version", "2.1.0"},
          {"runs", json::array({{{"tool",
                                  {{"driver",
                                    {{"name", "berm lint"},
                                     {"semanticVersion", version},
                                     {"rules", std::move(rules)}}}}},
                                 {"columnKind", "unicodeCodePoints"},
                                 {"invocations", json::array({invocation(result)})},
                                 {"results", std::move(results)}}})}};
}

std::string to_github(const CheckResult& result) {
  std::string out;
  for (const Finding& one : result.findings) {
    const Place begin = one.at.file->place_of(one.at.span.begin);
    const Place end = one.at.file->place_of(one.at.span.end);
    const char* kind = one.severity >= Severity::high     ? "error"
                       : one.severity == Severity::medium ? "warning"
                                                          : "notice";
    out +=
        report::workflow_command(kind,
                                 {{"file", printable(one.at.file->path())},
                                  {"line", fmt::format("{}", begin.line)},
                                  {"col", fmt::format("{}", begin.column)},
                                  {"endLine", fmt::format("{}", end.line)},
                                  {"title", std::string(one.rule->id)}},
                                 printable(one.message) + ". Fix: " + std::string(one.rule->fix));
  }
  return out;
}

}  // namespace berm::lint
