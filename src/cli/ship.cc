// berm ship: ships a run's record. For berm itself, not for people.
#include "audit/ship/serve.h"
#include "cli/commands.h"

namespace berm {

void add_ship(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("ship", "ships a run's record; for berm itself");
  command->group("");
  command->add_flag("--child")->required();
  command->callback([&action] { action = [] { return serve_ship(); }; });
}

}  // namespace berm
