#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>

#include "cli/commands.h"
#include "cli/console.h"
#include "pod/agent.h"
#include "pod/bridge.h"
#include "pod/egress.h"
#include "session/pod_session.h"

namespace berm {
namespace {

int ended(const Result<int>& code) { return code ? *code : fail(code.error()); }

// Its own programs, for an image that has none.
Result<int> install(const std::string& directory) {
  const HostPath init = BERM_TRY(find_init());
  for (const auto& [from, name] :
       {std::pair<std::string, std::string>{"/proc/self/exe", "berm"}, {init.str(), "berm-init"}}) {
    const UniqueFd source = BERM_TRY(open_file(from, O_RDONLY));
    const UniqueFd target =
        BERM_TRY(open_file(directory + "/" + name, O_WRONLY | O_CREAT | O_TRUNC, 0755));
    BERM_TRY(copy_content(source.get(), target.get()));
    if (::fchmod(target.get(), 0755) != 0) return os_error("let '" + name + "' be executed");
  }
  return kDone;
}

void add_agent(CLI::App& pod, Action& action) {
  CLI::App* command = pod.add_subcommand("agent", "of the agent's pod");
  const auto place = std::make_shared<pod::AgentPlace>();
  command->add_option("--channel", place->channel, "certificates of the run [/run/channel]");
  command->add_option("--root", place->root, "everything that is written [/berm]");
  command->add_option("--listen", place->listen, "ADDRESS:PORT [0.0.0.0:7443]");
  command->callback([=, &action] { action = [=] { return ended(serve_agent_pod(*place)); }; });
}

void add_pod_egress(CLI::App& pod, Action& action) {
  CLI::App* command = pod.add_subcommand("egress", "of the egress pod");
  const auto place = std::make_shared<pod::EgressPlace>();
  command->add_option("--channel", place->channel,
                      "certificates, configuration and credentials of the run [/run/channel]");
  command->add_option("--scratch", place->scratch, "events on their way [/tmp]");
  command->add_option("--listen", place->listen, "ADDRESS:PORT [0.0.0.0:7444]");
  command->callback([=, &action] { action = [=] { return ended(serve_egress_pod(*place)); }; });
}

void add_session(CLI::App& pod, Action& action) {
  CLI::App* command = pod.add_subcommand("session", "")->group("");
  const auto place = std::make_shared<pod::AgentPlace>();
  command->add_option("--root", place->root);
  command->callback([=, &action] { action = [=] { return run_pod_session(*place); }; });
}

void add_bridge(CLI::App& pod, Action& action) {
  CLI::App* command = pod.add_subcommand("bridge", "")->group("");
  const auto socket = std::make_shared<std::string>();
  command->add_option("socket", *socket)->required();
  command->callback([=, &action] { action = [=] { return pod::serve_bridge(*socket); }; });
}

void add_install(CLI::App& pod, Action& action) {
  CLI::App* command = pod.add_subcommand("install", "copy berm's programs into a directory");
  const auto directory = std::make_shared<std::string>();
  command->add_option("directory", *directory, "where to")->required();
  command->callback([=, &action] { action = [=] { return ended(install(*directory)); }; });
}

}  // namespace

void add_pod(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("pod", "berm's own part in the pods of a run on a cluster");
  command->footer(
      "The pods that 'berm run --tier kubernetes' makes start these; nobody else has to.\n\n"
      "Examples:\n  berm pod agent --channel /run/channel\n  berm pod egress\n"
      "  berm pod install /opt/berm-for-agent");
  command->require_subcommand(1);
  add_agent(*command, action);
  add_pod_egress(*command, action);
  add_session(*command, action);
  add_bridge(*command, action);
  add_install(*command, action);
}

}  // namespace berm
