#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "cli/ci_report.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/doctor_parts.h"
#include "cli/run_options.h"
#include "session/team_policy.h"

namespace berm {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  berm run claude -p \"fix the failing tests in src/\"\n"
    "  berm run --allow registry.example.com:443 --time 10m -- make test\n"
    "  berm run --json --on-success branch:agent/fix claude -p \"…\" > report.json\n\n"
    "Exit codes: the agent's own 0-119 (higher: 119) · 120 guard refused · 121 limit · 122 "
    "boundary violated\n"
    "            123 record failed · 124 time · 125 set-up failed, nothing ran · 126/127 not "
    "executable / not found";

// There is no run: its report says why.
int refuse(const RunOptions& options, const Error& error) {
  if (options.json) {
    put_json(
        {{"schema", "berm.run/1"},
         {"verdict",
          {{"status", "setup_failed"}, {"exit_code", kCannot}, {"reasons", {sentence(error)}}}},
         {"error", {{"code", name_of(error.code)}, {"fix", error.fix}}}});
  }
  fail(error);
  return kCannot;
}

void tell(const RunReport& report, bool json) {
  if (json) {
    put_json(to_json(report));
  } else {
    complain(summary(report, wants_color(STDERR_FILENO)));
  }
}

int run(const RunOptions& options, const std::vector<std::string>& words) {
  Result<RunRequest> request = to_request(options, words);
  if (!request) return refuse(options, request.error());
  request->policy.team = team_policy_of_cluster();
  if (options.sweep) {
    for (const std::string& told : sweep_residue()) complain("berm: sweep: " + told + "\n");
  }
  CiReport ci(options.ci_report == "off" ? CiReport::Wish::off : CiReport::Wish::automatic);
  ci.begin();
  const Result<RunReport> report = run_session(*request);
  if (!report) {
    const int code = refuse(options, report.error());
    ci.end();
    ci.tell(report.error());
    return code;
  }
  tell(*report, options.json);
  // What we print ourselves names files and hosts of the agent's: no runner acts on that either.
  ci.end();
  ci.tell(*report);
  return report->verdict.exit_code;
}

int attach(const AttachRequest& request) {
  const Result<RunReport> report = attach_session(request);
  if (!report) {
    RunOptions options;
    options.json = request.report_on_stdout;
    return refuse(options, report.error());
  }
  tell(*report, request.report_on_stdout);
  return report->verdict.exit_code;
}

}  // namespace

void add_run(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("run", "run an agent or a command in a sandbox, judge its changes");
  command->footer(
      std::string(
          "Usage: berm run [options] AGENT [ARGS…]\n       berm run [options] -- COMMAND [ARGS…]") +
      "\n\n" + kExamples);
  const std::shared_ptr<RunOptions> options = add_run_options(*command);
  command->add_flag("--sweep", options->sweep,
                    "first remove what earlier agents without a sandbox left, as far as nobody can "
                    "miss it");
  command
      ->add_option("--ci-report", options->ci_report,
                   "auto: where GitHub Actions or GitLab CI look for it; off [auto]")
      ->check(CLI::IsMember({"auto", "off"}))
      ->group("Report");
  command->callback([=, &action] { action = [=] { return run(*options, command->remaining()); }; });
}

void add_attach(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("attach", "take up a run on a cluster whose berm was lost");
  command->footer(
      "Examples:\n  berm attach\n  berm attach r-20261122-7f3a\n\n"
      "What the agent printed comes from its beginning. The end is that of 'berm run': the changes "
      "are judged,\nthe record goes on where it broke off, the cluster is left empty. Exit codes "
      "are "
      "those of 'berm run'; 125: not\nreached, and left as it is.");
  const auto request = std::make_shared<AttachRequest>();
  request->run = "latest";
  command->add_option("RUN", request->run, "id, part of it, or 'latest' [latest]");
  command->add_flag("--json", request->report_on_stdout, "a report for machines on stdout");
  command->callback([=, &action] {
    request->show_status = ::isatty(STDERR_FILENO) == 1 && !request->report_on_stdout;
    action = [=] { return attach(*request); };
  });
}

}  // namespace berm
