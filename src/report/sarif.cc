#include "report/sarif.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "base/wall_time.h"
#include "report/violations.h"

namespace berm::report {
namespace {

using nlohmann::json;

const char* name_of(Level level) {
  return level == Level::error ? "error" : level == Level::warning ? "warning" : "note";
}

std::string summary_of(const Violation& v) {
  static const std::map<std::string_view, const char*> kKinds = {
      {"guard", "a change that the guard refuses or notes"},
      {"denied", "an act that the policy does not permit; it did not happen"},
      {"limit", "a limit of the run was hit"},
      {"boundary", "a part of the sandbox was lost or did not answer"},
      {"anomaly", "an agent out of control"},
      {"record", "the record is not whole"},
      {"verdict", "how the run ended"},
  };
  std::string known = summary_of_rule(v.rule);
  if (!known.empty()) return known;
  const auto kind = kKinds.find(std::string_view(v.rule).substr(0, v.rule.find('/')));
  return kind == kKinds.end() ? v.rule : kind->second;
}

// GitHub takes no result without a file: see kPolicyFile.
json location_of(const Violation& v) {
  const std::string uri = relative_uri(v.path);
  json physical = {
      {"artifactLocation", {{"uri", uri.empty() ? kPolicyFile : uri}, {"uriBaseId", "%SRCROOT%"}}}};
  physical["region"] = {{"startLine", uri.empty() || v.line == 0 ? 1 : v.line}};
  json location = {{"physicalLocation", std::move(physical)}};
  const std::string subject = v.subject.empty() && uri.empty() ? "changes/" + v.path : v.subject;
  if (!subject.empty()) {
    location["logicalLocations"] =
        json::array({{{"fullyQualifiedName", shown(subject, 1024)}, {"kind", "resource"}}});
  }
  return location;
}

json result_of(const Violation& v, std::size_t rule_index) {
  return {
      {"ruleId", v.rule},
      {"ruleIndex", rule_index},
      {"level", name_of(v.level)},
      {"message", {{"text", v.message.empty() ? v.rule : v.message}}},
      {"locations", json::array({location_of(v)})},
      {"partialFingerprints", {{"bermFinding/v1", fingerprint(v)}}},
      {"occurrenceCount", std::min<std::uint64_t>(std::max<std::uint64_t>(v.times, 1), 1U << 30)}};
}

json invocation_of(const RunFacts& facts) {
  json out = {{"executionSuccessful", facts.status == "success"}};
  if (facts.exit_code >= 0 && facts.exit_code <= 255 && !facts.status.empty()) {
    out["exitCode"] = facts.exit_code;
  }
  for (const auto& [key, text] :
       {std::pair{"startTimeUtc", facts.started}, {"endTimeUtc", facts.ended}}) {
    if (const std::optional<WallTime> time = parse_wall_time(text)) out[key] = to_text(*time);
  }
  return out;
}

}  // namespace

json sarif(const RunFacts& facts) {
  json rules = json::array();
  json results = json::array();
  std::map<std::string, std::size_t> indices;
  for (const Violation& v : violations_of(facts)) {
    const auto [found, fresh] = indices.try_emplace(v.rule, indices.size());
    if (fresh) {
      rules.push_back({{"id", v.rule},
                       {"shortDescription", {{"text", summary_of(v)}}},
                       {"defaultConfiguration", {{"level", name_of(v.level)}}},
                       {"properties", {{"tags", {"security", "agent"}}}}});
    }
    results.push_back(result_of(v, found->second));
  }
  json driver = {{"name", "berm"}, {"rules", std::move(rules)}};
  if (!facts.berm.empty()) driver["version"] = facts.berm;
  return {{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
          {"version", "2.1.0"},
          {"runs",
           {{{"tool", {{"driver", std::move(driver)}}},
             {"automationDetails",
              {{"id", "berm/" + (facts.agent.empty() ? "run" : facts.agent) + "/"}}},
             {"columnKind", "utf16CodeUnits"},
             {"invocations", json::array({invocation_of(facts)})},
             {"results", std::move(results)},
             {"properties",
              {{"run", facts.run},
               {"verdict", facts.status},
               {"planSha256", facts.plan_sha256},
               {"recordHead", facts.integrity.head},
               {"recordIntact", facts.integrity.intact() && facts.integrity.complete}}}}}}};
}

}  // namespace berm::report
