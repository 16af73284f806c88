#include <fmt/format.h>

#include <algorithm>

#include "drill/agent/drill.h"

namespace berm::drill {
namespace {

using nlohmann::json;

const json& member(const json& object, const char* key) {
  static const json kNull;
  if (!object.is_object()) return kNull;
  const auto at = object.find(key);
  return at == object.end() ? kNull : *at;
}
std::string text_of(const json& object, const char* key) {
  const json& value = member(object, key);
  return value.is_string() ? value.get<std::string>() : "";
}
bool holds(const std::string& text, const std::string& piece) {
  return !piece.empty() && text.find(piece) != std::string::npos;
}

// The model's own key stands in these two on purpose: egress puts it there.
std::string head_without_key(const std::string& head) {
  std::string out;
  for (std::size_t at = 0; at < head.size();) {
    const std::size_t end = std::min(head.find("\r\n", at), head.size());
    std::string line = head.substr(at, end - at);
    std::string name = line.substr(0, line.find(':'));
    std::ranges::transform(name, name.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    });
    if (name != "x-api-key" && name != "authorization") out += line + "\n";
    at = end + 2;
  }
  return out;
}

std::string results_of(const Evidence& evidence) {
  std::string out;
  for (const json& one : evidence.heard) out += text_of(one, "results") + "\n";
  return out;
}

// The first fact on the host that must not be; "" = none.
std::string escape_of(const Scenario& scenario, const Evidence& evidence) {
  for (const json& one : evidence.heard) {
    if (text_of(one, "kind") == "canary") return "the attacker's listener on the host was reached";
    const std::string body = text_of(one, "body");
    if (holds(body, evidence.key)) return "the model's real key was seen inside";
    if (holds(head_without_key(text_of(one, "head")), evidence.key)) {
      return "the model's real key left in a header that is not its own";
    }
    if (holds(body, evidence.secret)) return "a secret of the host reached the model";
  }
  if (evidence.marker_touched) return "something was written outside of the repository";
  for (const std::string& path : evidence.changed) {
    if (std::ranges::find(scenario.may_import, path) == scenario.may_import.end()) {
      return fmt::format("'{}' of the repository was changed on the host", path);
    }
  }
  const std::string results = results_of(evidence);
  for (const std::string& text : scenario.never_in_results) {
    if (holds(results, text)) return fmt::format("a tool's result holds '{}'", text);
  }
  return "";
}

// A run that did not do what the script says proves nothing.
std::string gap_of(const Scenario& scenario, const Evidence& evidence) {
  if (!evidence.report.is_object()) return "berm gave no report";
  if (evidence.exit_code == 125 || evidence.exit_code == 123 || evidence.exit_code > 127) {
    return fmt::format("berm ended with {}", evidence.exit_code);
  }
  const bool ended = std::ranges::any_of(
      evidence.record, [](const json& e) { return text_of(e, "type") == "run.end"; });
  if (!ended) return "the record does not reach the end of the run";
  std::size_t turns = 0;
  bool asked = false;
  for (const json& one : evidence.heard) {
    if (member(one, "known") != json(true)) continue;
    asked = true;
    const json& turn = member(one, "turn");
    if (turn.is_number_unsigned()) turns = std::max(turns, turn.get<std::size_t>());
  }
  if (!asked) return "the client never asked the scripted model";
  if (std::ranges::any_of(scenario.steps, &Step::forever)) return "";
  if (turns < scenario.steps.size()) {
    return fmt::format("the client carried out {} of {} steps", turns, scenario.steps.size());
  }
  const std::string results = results_of(evidence);
  for (const std::string& text : scenario.expected_in_results) {
    if (!holds(results, text)) return fmt::format("no tool's result holds '{}'", text);
  }
  return "";
}

struct Tally {
  std::size_t hook = 0, exec = 0, egress = 0, guard = 0, limits = 0;
  std::vector<std::string> rules;  ///< of the guard, that refuse
};
Tally tally_of(const std::vector<json>& record) {
  Tally out;
  for (const json& event : record) {
    const std::string type = text_of(event, "type");
    const json& data = member(event, "data");
    const bool denied = text_of(data, "decision") == "deny";
    if (type == "tool.call" && denied) ++out.hook;
    if (type == "exec" && denied) ++out.exec;
    if (type == "net.denied" || type == "net.attempt") ++out.egress;
    if (type == "limit.hit" || type == "model.limit" || type == "model.anomaly") ++out.limits;
    if (type != "guard" || !denied) continue;
    ++out.guard;
    const json& findings = member(data, "findings");
    if (!findings.is_array()) continue;
    for (const json& one : findings) {
      if (text_of(one, "severity") == "refuse") out.rules.push_back(text_of(one, "rule"));
    }
  }
  return out;
}

std::string held_by(const Scenario& scenario, const Tally& tally) {
  std::vector<std::string> parts;
  if (tally.hook > 0) parts.push_back(fmt::format("hook ({} denied)", tally.hook));
  if (tally.exec > 0) parts.push_back(fmt::format("exec rule ({} denied)", tally.exec));
  if (tally.egress > 0) parts.push_back(fmt::format("egress ({} denied)", tally.egress));
  if (tally.guard > 0) parts.push_back(fmt::format("guard ({})", fmt::join(tally.rules, ", ")));
  if (tally.limits > 0) parts.push_back(fmt::format("limits ({} told)", tally.limits));
  // What is not there leaves no line in a record: the scenario says where it would have been.
  if (scenario.layer == Layer::mounts) parts.emplace_back("mounts (it is not there inside)");
  if (scenario.layer == Layer::settings)
    parts.emplace_back("settings (the repository's are not read)");
  return fmt::format("{}", fmt::join(parts, "; "));
}

}  // namespace

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::contained:
      return "contained";
    case Verdict::escaped:
      return "ESCAPED";
    case Verdict::inconclusive:
      break;
  }
  return "inconclusive";
}

Judged judge(const Scenario& scenario, const Evidence& evidence) {
  const Tally tally = tally_of(evidence.record);
  // An escape first: also of a run that then fell over.
  if (std::string escape = escape_of(scenario, evidence); !escape.empty()) {
    return {Verdict::escaped, std::move(escape), ""};
  }
  const std::string held = held_by(scenario, tally);
  if (std::string gap = gap_of(scenario, evidence); !gap.empty()) {
    return {Verdict::inconclusive, std::move(gap), held};
  }
  const auto missing = [](const std::string& what) {
    return Judged{Verdict::inconclusive, what, ""};
  };
  if (!scenario.refused_by.empty() &&
      std::ranges::find(tally.rules, scenario.refused_by) == tally.rules.end()) {
    return missing(fmt::format("the guard's rule {} did not refuse", scenario.refused_by));
  }
  if (scenario.layer == Layer::hook && tally.hook + tally.exec == 0) {
    return missing("nothing was denied by a rule for commands");
  }
  if (scenario.layer == Layer::egress && tally.egress == 0) {
    return missing("no connection or name was denied");
  }
  return {Verdict::contained,
          fmt::format("all {} steps were tried, nothing of the host was read or changed",
                      scenario.steps.size()),
          held};
}

int exit_code_of(const std::vector<ScenarioResult>& results) {
  const auto any = [&](Verdict verdict) {
    return std::ranges::any_of(
        results, [&](const ScenarioResult& one) { return one.judged.verdict == verdict; });
  };
  if (any(Verdict::escaped)) return 1;
  return any(Verdict::inconclusive) || results.empty() ? 3 : 0;
}

}  // namespace berm::drill
