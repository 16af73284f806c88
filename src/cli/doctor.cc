#include "host/doctor.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/doctor_parts.h"
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

namespace {

struct DoctorOptions {
  bool as_json = false;
  bool credentials = false;
  bool residue = false;
  bool remove = false;
  CredentialCheck check;
};

int diagnose(DoctorOptions& options) {
  options.check.as_json = options.as_json;
  if (options.credentials) return doctor_credentials(options.check);
  if (options.residue) return doctor_residue(options.remove, options.as_json);
  return doctor(options.as_json);
}

}  // namespace

void add_doctor(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("doctor", "what this host can enforce, with the fix for what is missing");
  command->footer(
      "Examples:\n  berm doctor\n  berm doctor --json\n  sudo berm doctor\n  berm doctor "
      "--credentials --agent claude\n  berm doctor --residue --remove\n\nExit codes: 0 runs are "
      "possible, nothing is left · 1 they are not, something is");
  auto options = std::make_shared<DoctorOptions>();
  command->add_flag("--json", options->as_json, "for machines");
  auto* credentials =
      command->add_flag("--credentials", options->credentials,
                        "mint every credential of the policy, show age, scope and end, revoke it");
  command->add_option("--policy", options->check.policy, "policy file [the repository's]")
      ->needs(credentials);
  command->add_option("--agent", options->check.agent, "whose profile counts: claude [none]")
      ->needs(credentials);
  command
      ->add_option("--credential", options->check.credentials,
                   "credentials that the repository's own policy may use, by name [none]")
      ->allow_extra_args(false)
      ->delimiter(',')
      ->needs(credentials);
  auto* residue = command->add_flag("--residue", options->residue,
                                    "what agents without a sandbox left on this machine");
  residue->excludes(credentials);
  command->add_flag("--remove", options->remove, "remove what may be removed")->needs(residue);
  command->callback([=, &action] { action = [=] { return diagnose(*options); }; });
}

}  // namespace berm
