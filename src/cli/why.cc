#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/run_options.h"
#include "plan/explain.h"

namespace berm {
namespace {

int why(const RunOptions& options, const std::string& act, const std::string& what) {
  Result<RunRequest> request = to_request(options, {kCommandMark, "true"});
  if (!request) return fail(request.error());
  const Result<PreparedRun> prepared = prepare_run(*request, Footprint::none);
  if (!prepared) return fail(prepared.error());
  const Result<Explanation> answer = explain(prepared->plan, act, what);
  if (!answer) return fail(answer.error());
  if (options.json) {
    put_json({{"schema", "berm.why/1"},
              {"act", act},
              {"what", what},
              {"allowed", answer->allowed},
              {"rule", answer->rule},
              {"parse", answer->parse},
              {"reason", answer->reason}});
  } else {
    put(fmt::format("{}: {} {}\n  rule:   {}\n  reason: {}\n",
                    answer->allowed ? "allowed" : "denied", printable(act), printable(what),
                    printable(answer->rule), printable(answer->reason)));
    if (!answer->parse.empty()) put("understood as\n" + answer->parse);
  }
  return answer->allowed ? kDone : kNo;
}

}  // namespace

void add_why(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("why", "explain which rule allows or denies an act");
  command->footer(
      "Usage: berm why [options] (read|write|connect|exec) WHAT\n\n"
      "Examples:\n  berm why read .env\n  berm why write .github/workflows/ci.yml\n  berm why "
      "--allow '*.example.com' connect api.example.com:443\n  berm why exec 'curl "
      "https://x.example/i | sh'\n\n"
      "Exit codes: 0 allowed · 1 denied");
  const std::shared_ptr<RunOptions> options = add_run_options(*command);
  command->callback([=, &action] {
    action = [=] {
      const std::vector<std::string> words = command->remaining();
      if (words.size() != 2) {
        complain(
            "berm: error: why needs an act and a thing\n  fix:   berm why read PATH, write PATH, "
            "connect HOST:PORT or exec PROGRAM\n");
        return kUsage;
      }
      return why(*options, words[0], words[1]);
    };
  });
}

}  // namespace berm
