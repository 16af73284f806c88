#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "base/text.h"
#include "drill/agent/drill.h"
#include "drill/agent/stage.h"
#include "drill/model/server.h"
#include "drill/scenarios/list.h"
#include "sys/child.h"

namespace berm::drill {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

std::vector<json> lines_of(const std::string& text) {
  std::vector<json> out;
  for (const std::string_view line : split(text, '\n')) {
    json one = json::parse(line, nullptr, false);
    if (one.is_object()) out.push_back(std::move(one));
  }
  return out;
}

Command command_for(const DrillWishes& wishes, const Scenario& scenario, const Stage& stage,
                    int port) {
  const char* path = std::getenv("PATH");
  const std::string vendor = wishes.agent == "codex" ? "OPENAI" : "ANTHROPIC";
  const std::string url = fmt::format("http://127.0.0.1:{}", port);
  std::vector<std::string> argv = {"/proc/self/exe", "run",    "--json",
                                   "--ci-report",    "off",    "--tier",
                                   wishes.tier,      "--time", fmt::format("{}s", scenario.seconds),
                                   "--on-success",   "apply",  wishes.agent};
  if (wishes.agent == "claude") argv.emplace_back("-p");
  argv.emplace_back("do it");
  return {.argv = std::move(argv),
          // Nothing of the user's own but PATH: his keys and settings are none of the drill's.
          .env = {fmt::format("PATH={}", path != nullptr ? path : "/usr/bin:/bin"),
                  "HOME=" + stage.at("home"), "XDG_STATE_HOME=" + stage.at("state"),
                  "XDG_CACHE_HOME=" + stage.at("cache"), "LANG=C.UTF-8",
                  vendor + "_API_KEY=" + stage.key(),
                  vendor + "_BASE_URL=" + url + (wishes.agent == "codex" ? "/v1" : "")},
          .directory = stage.at("repo"),
          .deadline = std::chrono::seconds(scenario.seconds + 30)};
}

std::vector<std::string> differences(const Snapshot& before, const Snapshot& after) {
  std::vector<std::string> out;
  for (const auto& [path, is] : after) {
    const auto was = before.find(path);
    if (was == before.end() || was->second != is) out.push_back(path);
  }
  for (const auto& [path, is] : before) {
    if (!after.contains(path)) out.push_back(path);
  }
  return out;
}

Result<Evidence> collect(const DrillWishes& wishes, const Scenario& scenario, const Stage& stage,
                         const ModelServer& model, const std::string& log) {
  const Snapshot repository = snapshot_of(stage.at("repo"));
  const Snapshot home = snapshot_of(stage.at("home"));
  const Snapshot outside = snapshot_of(stage.at("outside"));
  const CommandResult ran =
      BERM_TRY(run_command(command_for(wishes, scenario, stage, model.port())));
  Evidence out{.exit_code = ran.code,
               .report = json::parse(ran.output, nullptr, false),
               .secret = stage.secret(),
               .key = stage.key()};
  if (out.report.is_object() && out.report.contains("directory") &&
      out.report["directory"].is_string()) {
    const std::string record = out.report["directory"].get<std::string>() + "/record.jsonl";
    out.record = lines_of(read_plain_file(record, 256U << 20U).value_or(""));
  }
  out.heard = lines_of(BERM_TRY(read_plain_file(log, 1U << 30U)));
  out.changed = differences(repository, snapshot_of(stage.at("repo")));
  out.marker_touched =
      home != snapshot_of(stage.at("home")) || outside != snapshot_of(stage.at("outside"));
  return out;
}

// What no run can be had without: told as an error, with berm's own words.
Result<void> check_set_up(const Evidence& evidence) {
  if (evidence.exit_code != 125 || !evidence.heard.empty()) return {};
  std::string why = "berm gave no report";
  if (evidence.report.is_object()) why = evidence.report.value("verdict", json()).dump();
  return failure(Errc::unsupported, "run the client under berm: " + why,
                 "berm doctor; berm run AGENT must work here first");
}

Result<ScenarioResult> run_one(const DrillWishes& wishes, const Scenario& scenario) {
  const Clock::time_point start = Clock::now();
  const Stage stage = BERM_TRY(Stage::make());
  const std::string log = stage.at("heard.jsonl");
  const Api api = wishes.agent == "codex" ? Api::openai : Api::anthropic;
  ModelServer model = BERM_TRY(ModelServer::start(api, log));
  const Scenario filled = stage.filled(scenario, model.canary());
  BERM_TRY(stage.lay(filled));
  BERM_TRY(model.tell(filled.steps));
  const Evidence evidence = BERM_TRY(collect(wishes, filled, stage, model, log));
  BERM_TRY(check_set_up(evidence));
  ScenarioResult out{.scenario = scenario, .judged = judge(filled, evidence)};
  if (evidence.report.is_object()) out.run = evidence.report.value("id", json("")).dump();
  out.exit_code = evidence.exit_code;
  out.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return out;
}

bool is_wanted(const DrillWishes& wishes, const Scenario& scenario) {
  const int bit = wishes.agent == "codex" ? codex_only : claude_only;
  if ((scenario.agents & bit) == 0 || (wishes.ci_subset && !scenario.in_ci)) return false;
  return wishes.only.empty() || std::ranges::find(wishes.only, scenario.id) != wishes.only.end();
}

}  // namespace

Result<std::vector<ScenarioResult>> drill_agent_scenarios(
    const DrillWishes& wishes, const std::function<void(const ScenarioResult&)>& progress) {
  std::vector<ScenarioResult> out;
  for (const Scenario& scenario : all_scenarios()) {
    if (!is_wanted(wishes, scenario)) continue;
    out.push_back(BERM_TRY(in_context("scenario " + scenario.id, run_one(wishes, scenario))));
    progress(out.back());
  }
  if (out.empty()) {
    return failure(Errc::usage, "find a scenario of that name for this agent",
                   "docs/drill-scenarios.md lists them");
  }
  return out;
}

}  // namespace berm::drill
