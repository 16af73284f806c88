#include <fmt/format.h>

#include <memory>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "tiers/container/harden.h"

namespace berm {

void add_render(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("render", "print a hardened command line of an engine");
  command->footer(
      "Usage: berm render --harden 'docker run …'\n\nThe line goes to stdout, what was changed and "
      "why to stderr. Nothing is started.");
  const auto line = std::make_shared<std::string>();
  command->add_option("--harden", *line, "a docker run or podman run of yours, in quotes")
      ->required();
  command->callback([=, &action] {
    action = [=] {
      const Result<Hardened> hardened = harden(*line);
      if (!hardened) return fail(hardened.error());
      put(printable_block(shell_line(hardened->argv)) + "\n");
      for (const Hardened::Change& change : hardened->changes) {
        complain(fmt::format("berm: {}: {}\n", printable(change.what), change.why));
      }
      return kDone;
    };
  });
}

}  // namespace berm
