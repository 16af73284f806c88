#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/run_options.h"
#include "plan/print.h"

namespace berm {

void add_plan(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand(
      "plan", "print what a run would see, reach, set and be limited to; start nothing");
  command->footer(
      "Usage: berm plan [options] AGENT [ARGS…]\n       berm plan [options] -- COMMAND [ARGS…]\n\n"
      "Examples:\n  berm plan claude\n  berm plan --allow github.com -- make\n  berm plan --json "
      "claude | jq .mounts");
  const std::shared_ptr<RunOptions> options = add_run_options(*command);
  command->callback([=, &action] {
    action = [=] {
      const Result<RunRequest> request = to_request(*options, command->remaining());
      if (!request) return fail(request.error());
      const Result<PreparedRun> prepared = prepare_run(*request, Footprint::none);
      if (!prepared) return fail(prepared.error());
      if (options->json) {
        nlohmann::json plan = to_json(prepared->plan);
        nlohmann::json& bundles = plan["network"]["bundles"] = nlohmann::json::array();
        for (const BundleHost& host : prepared->policy.bundle_hosts) {
          bundles.push_back(
              {{"bundle", host.bundle}, {"grant", host.grant}, {"origin", host.origin}});
        }
        put_json(plan);
      } else {
        put(to_text(prepared->plan));
        for (const BundleHost& host : prepared->policy.bundle_hosts) {
          put(fmt::format(
              "  {:<9} {}{}\n", host.bundle, host.grant,
              host.origin.empty() ? "" : fmt::format("  ({})", printable(host.origin))));
        }
        for (const std::string& note : prepared->policy.notes) {
          complain("berm: note: " + printable(note) + "\n");
        }
        for (const std::string& note : prepared->policy.merged.tightened) {
          complain("berm: ceiling: " + printable(note) + "\n");
        }
      }
      return kDone;
    };
  });
}

}  // namespace berm
