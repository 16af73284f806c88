#include "host/doctor.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/doctor_parts.h"
#include "host/engines.h"
#include "host/microvm.h"
#include "host/tier_matrix.h"
#include "plan/ladder.h"
#include "session/run_directory.h"

namespace berm {
namespace {

using nlohmann::json;

json tiers_to_json(const std::vector<TierRow>& tiers) {
  json out = json::array();
  for (const TierRow& row : tiers) {
    json layers = json::array();
    for (const TierLayer& layer : row.layers) {
      layers.push_back({{"layer", spelling(layer.report.layer)},
                        {"strength", name_of(layer.report.strength)},
                        {"how", layer.report.how},
                        {"fix", layer.fix}});
    }
    out.push_back({{"tier", spelling(row.tier)},
                   {"available", row.unavailable.empty()},
                   {"why", row.unavailable},
                   {"fix", row.fix},
                   {"layers", std::move(layers)},
                   {"missing", row.missing}});
  }
  return out;
}

// Tier, layer, who holds it, how.
std::string tiers_text(const std::vector<TierRow>& tiers) {
  std::string out;
  for (const TierRow& row : tiers) {
    if (!row.unavailable.empty()) {
      out += fmt::format("{:<10} cannot {}\n", spelling(row.tier), printable(row.unavailable));
      if (!row.fix.empty()) out += fmt::format("           fix: {}\n", printable(row.fix));
      continue;
    }
    std::string_view name = spelling(row.tier);
    for (const TierLayer& layer : row.layers) {
      out += fmt::format("{:<10} {:<11} {:<11} {}\n", name, spelling(layer.report.layer),
                         name_of(layer.report.strength), layer.report.how);
      if (!layer.fix.empty()) out += fmt::format("{:<34} fix: {}\n", "", layer.fix);
      name = "";
    }
    for (const std::string& missing : row.missing) {
      out += fmt::format("{:<10} not held    {}\n", "", printable(missing));
    }
    // It is there, and there is better.
    if (!row.fix.empty()) out += fmt::format("{:<10} fix: {}\n", "", printable(row.fix));
  }
  return out;
}

// What "auto" would take; nullptr = nothing here.
const TierRow* first_of_ladder(const std::vector<TierRow>& tiers) {
  for (const TierChoice tier : candidates(Policy{})) {
    const auto row = std::ranges::find(tiers, tier, &TierRow::tier);
    if (row != tiers.end() && row->unavailable.empty()) return &*row;
  }
  return nullptr;
}

int doctor(bool as_json) {
  const Result<std::string> state = state_directory();
  if (!state) return fail(state.error());
  Result<HostFacts> facts = probe_host(*state, find_cgroups());
  if (!facts) return fail(facts.error());
  facts->engines = probe_engines();
  check_image(facts->engines, "");
  facts->microvm = probe_microvm();
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
  const std::vector<TierRow> tiers = tier_matrix(*facts);
  const TierRow* taken = first_of_ladder(tiers);
  if (as_json) {
    put_json({{"schema", "berm.doctor/1"},
              {"checks", rows},
              {"namespace_tier", can_run},
              {"auto", taken == nullptr ? "" : spelling(taken->tier)},
              {"tiers", tiers_to_json(tiers)}});
  } else {
    put("\n" + tiers_text(tiers));
    put(taken == nullptr
            ? "\nNo run is possible here.\n"
            : fmt::format("\ntier = \"auto\" takes the {} tier here.\n", spelling(taken->tier)));
  }
  return taken != nullptr ? kDone : kNo;
}

}  // namespace

namespace {

struct DoctorOptions {
  bool as_json = false;
  bool credentials = false;
  bool residue = false;
  bool remove = false;
  CredentialCheck check;
  std::string tier;
  ClusterCheck cluster;
};

int diagnose(DoctorOptions& options) {
  options.check.as_json = options.as_json;
  if (options.credentials) return doctor_credentials(options.check);
  if (options.residue) return doctor_residue(options.remove, options.as_json);
  if (options.tier == "kubernetes") {
    options.cluster.as_json = options.as_json;
    return doctor_cluster(options.cluster);
  }
  return doctor(options.as_json);
}

}  // namespace

void add_doctor(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("doctor", "what this host can enforce, with the fix for what is missing");
  command->footer(
      "Examples:\n  berm doctor\n  berm doctor --json\n  sudo berm doctor\n  berm doctor "
      "--credentials --agent claude\n  berm doctor --residue --remove\n  berm doctor --tier "
      "kubernetes --namespace agents --image registry.example/tools:1\n\nExit codes: 0 runs are "
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
  auto* tier =
      command->add_option("--tier", options->tier, "kubernetes: look at a cluster [this host]")
          ->check(CLI::IsMember({"kubernetes"}));
  tier->excludes(credentials)->excludes(residue);
  command->add_option("--context", options->cluster.context, "of the kubeconfig [the current one]")
      ->needs(tier);
  options->cluster.policy.name_space.clear();
  command
      ->add_option("--namespace", options->cluster.policy.name_space,
                   "where runs are to be [the context's, else berm]")
      ->needs(tier);
  command->add_option("--runtime-class", options->cluster.policy.runtime_class, "that it must have")
      ->needs(tier);
  command
      ->add_option("--image", options->cluster.policy.image,
                   "try a run with it, in the kubeconfig's current context")
      ->needs(tier)
      ->excludes("--context");
  command->callback([=, &action] { action = [=] { return diagnose(*options); }; });
}

}  // namespace berm
