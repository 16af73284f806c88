// berm broker: the keeper of a run's credentials. For berm itself, not for people.
#include "cli/commands.h"
#include "credentials/broker_child.h"

namespace berm {

void add_broker(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("broker", "keeps a run's credentials; for berm itself");
  command->group("");
  command->add_flag("--child")->required();
  command->callback([&action] { action = [] { return serve_broker(); }; });
}

}  // namespace berm
