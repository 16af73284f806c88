#include "host/doctor.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/console.h"
#include "session/run_directory.h"

namespace berm {
namespace {

using nlohmann::json;

int doctor(bool as_json) {
  const Result<std::string> state = state_directory();
  if (!state) return fail(state.error());
  const Result<HostFacts> facts = probe_host(*state, find_cgroups());
  if (!facts) return fail(facts.error());
  const std::vector<HealthCheck> checks = examine_host(*facts);
  bool can_run = true;
  json rows = json::array();
  for (const HealthCheck& check : checks) {
    can_run = can_run && check.state != Health::broken;
    rows.push_back({{"name", check.name},
                    {"state", name_of(check.state)},
                    {"found", check.found},
                    {"fix", check.fix}});
    if (as_json) continue;
    const char* mark = check.state == Health::good     ? "ok  "
                       : check.state == Health::weaker ? "weak"
                                                       : "FAIL";
    put(fmt::format("{}  {:<18} {}\n", mark, check.name, check.found));
    if (!check.fix.empty()) put(fmt::format("      fix: {}\n", check.fix));
  }
  if (as_json) {
    put_json({{"schema", "berm.doctor/1"}, {"checks", rows}, {"namespace_tier", can_run}});
  }
  if (!as_json) {
    put(can_run ? "\nThe namespace tier can run here.\n"
                : "\nThe namespace tier cannot run here.\n");
  }
  return can_run ? kDone : kNo;
}

}  // namespace

void add_doctor(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("doctor", "what this host can enforce, with the fix for what is missing");
  command->footer(
      "Examples:\n  berm doctor\n  berm doctor --json\n  sudo berm doctor\n\nExit codes: 0 runs "
      "are possible · 1 they are not");
  auto as_json = std::make_shared<bool>(false);
  command->add_flag("--json", *as_json, "for machines");
  command->callback([=, &action] { action = [=] { return doctor(*as_json); }; });
}

}  // namespace berm
