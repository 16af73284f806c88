// src/cli/main.cc: one command in, one exit code out.
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "sys/locked_memory.h"

namespace {

struct Command {
  std::string_view name;
  void (*add)(CLI::App&, berm::Action&);
};
constexpr Command kAll[] = {
    {"run", berm::add_run},       {"plan", berm::add_plan},
    {"why", berm::add_why},       {"runs", berm::add_runs},
    {"show", berm::add_show},     {"diff", berm::add_diff},
    {"apply", berm::add_apply},   {"discard", berm::add_discard},
    {"log", berm::add_log},       {"attest", berm::add_attest},
    {"verify", berm::add_verify}, {"init", berm::add_init},
    {"doctor", berm::add_doctor}, {"egress", berm::add_egress},
    {"broker", berm::add_broker}, {"judge", berm::add_judge},
    {"report", berm::add_report}, {"ship", berm::add_ship},
    {"audit", berm::add_audit},   {"image", berm::add_image},
    {"render", berm::add_render}, {"pod", berm::add_pod},
    {"drill", berm::add_drill},   {"drill-model", berm::add_drill_model},
    {"batch", berm::add_batch},   {"attach", berm::add_attach},
    {"lint", berm::add_lint},
};

// CLI11 would only say that an argument was not expected.
bool is_unknown_command(int argc, char** argv) {
  return argc > 1 && argv[1][0] != '-' &&
         std::ranges::find(kAll, std::string_view(argv[1]), &Command::name) == std::end(kAll);
}

int complain_about(std::string_view word) {
  std::vector<std::string_view> names;
  for (const Command& command : kAll) names.push_back(command.name);
  const std::string_view near = berm::nearest(word, names);
  berm::complain(fmt::format(
      "berm: error: unknown command '{}'{}\n  fix:   'berm --help' lists the commands\n",
      berm::printable(word), near.empty() ? "" : fmt::format("; did you mean '{}'?", near)));
  return berm::kUsage;
}

}  // namespace

int main(int argc, char** argv) {
  // A caller that closed 0, 1 or 2 would make our next file, the record, the agent's stdout.
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) != fd) return berm::kCannot;
  }
  ::signal(SIGPIPE, SIG_IGN);
  berm::lock_secrets();
  if (is_unknown_command(argc, argv)) return complain_about(argv[1]);
  CLI::App app("berm runs a coding agent where what goes wrong stays inside.", "berm");
  app.set_version_flag("--version", "berm " BERM_VERSION);
  app.require_subcommand(1);
  app.footer("Start here: berm doctor · berm plan claude · berm run claude -p \"…\"");
  berm::Action action;
  // Only the command that was named: describing every option of every command costs milliseconds.
  const std::string_view named = argc > 1 ? argv[1] : "";
  const bool known = std::ranges::find(kAll, named, &Command::name) != std::end(kAll);
  for (const Command& command : kAll) {
    if (!known || command.name == named) command.add(app, action);
  }
  // CLI11 2.1 refuses what follows "--" in a command that takes a whole command line; a word of our
  // own in its place starts the remainder like any other.
  for (int i = 2; i < argc; ++i) {
    if (std::string_view(argv[i]) != "--") continue;
    argv[i] = const_cast<char*>(berm::kCommandMark);
    break;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? berm::kDone : berm::kUsage;
  }
  // No exception of ours; a library's that got this far ends the command, not in silence.
  try {
    return action ? action() : berm::kUsage;
  } catch (const std::exception& error) {
    berm::complain(fmt::format("berm: error: internal: {}\n", berm::printable(error.what())));
    return berm::kCannot;
  }
}
