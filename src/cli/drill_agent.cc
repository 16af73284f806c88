#include "cli/drill_agent.h"

#include "cli/commands.h"
#include "cli/console.h"
#include "drill/agent/drill.h"
#include "drill/model/server.h"
#include "sys/fd.h"

namespace berm {

int drill_agent(const DrillAgentOptions& options) {
  const auto progress = [&](const drill::ScenarioResult& one) {
    options.json ? complain(drill::line_of(one)) : put(drill::line_of(one));
  };
  const auto results = drill::drill_agent_scenarios(
      {.agent = options.agent, .only = options.only, .ci_subset = options.ci_subset}, progress);
  if (!results) {
    fail(results.error());
    return kCannot;
  }
  if (options.json) {
    put_json(drill::to_json(*results));
  } else {
    put(drill::score_of(*results));
  }
  for (const auto& [path, text] : {std::pair(options.junit, drill::to_junit(*results)),
                                   std::pair(options.html, drill::to_html(*results))}) {
    if (path.empty()) continue;
    if (const Result<void> wrote = replace_file(path, text, 0644); !wrote) {
      fail(wrote.error());
      return kCannot;
    }
  }
  return drill::exit_code_of(*results);
}

// Provisional: `berm drill --agent` takes its place.
void add_drill_agent(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("drill-agent", "the user's client with a malicious model");
  command->group("");
  const auto options = std::make_shared<DrillAgentOptions>();
  command->add_option("agent", options->agent)
      ->required()
      ->check(CLI::IsMember({"claude", "codex"}));
  command->add_option("--only", options->only)->delimiter(',');
  command->add_flag("--ci", options->ci_subset);
  command->add_flag("--json", options->json);
  command->add_option("--junit", options->junit);
  command->add_option("--html", options->html);
  command->callback([=, &action] { action = [=] { return drill_agent(*options); }; });
}

void add_drill_model(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("drill-model", "a scripted model; for berm itself");
  command->group("");
  command->callback([&action] { action = [] { return drill::serve_model(); }; });
}

}  // namespace berm
