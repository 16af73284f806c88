#include "cli/commands.h"
#include "egress/serve.h"

namespace berm {

void add_egress(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("egress", "the proxy of a run (started by berm run)");
  command->group("");  // not for people
  command->callback([&action] { action = [] { return serve_egress(); }; });
}

}  // namespace berm
