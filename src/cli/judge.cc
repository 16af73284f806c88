// berm judge: decides tool calls for a run. For berm itself, not for people.
#include "cli/commands.h"
#include "judge/serve.h"

namespace berm {

void add_judge(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("judge", "decides tool calls; for berm itself");
  command->group("");
  command->add_flag("--child")->required();
  command->callback([&action] { action = [] { return serve_judge(); }; });
}

}  // namespace berm
