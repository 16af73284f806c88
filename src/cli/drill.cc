#include "drill/agent/drill.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <memory>

#include "cli/commands.h"
#include "cli/console.h"
#include "drill/host/drill.h"
#include "drill/model/server.h"
#include "sys/fd.h"

namespace berm {
namespace {

struct DrillOptions {
  std::string agent;
  std::string tier = "auto";
  std::string policy;
  std::string engine;
  std::string runtime;
  std::string image;
  bool emulate = false;
  std::vector<std::string> groups;
  std::vector<std::string> only;
  bool ci_subset = false;
  bool json = false;
  bool all = false;
  std::string junit;
  std::string html;
};

Result<void> write_cards(const DrillOptions& options, const std::string& junit,
                         const std::string& html) {
  for (const auto& [path, text] :
       {std::pair(&options.junit, &junit), std::pair(&options.html, &html)}) {
    if (!path->empty()) BERM_TRY(in_context("write " + *path, replace_file(*path, *text, 0644)));
  }
  return {};
}

int drill_agent(const DrillOptions& options) {
  const auto progress = [&](const drill::ScenarioResult& one) {
    options.json ? complain(drill::line_of(one)) : put(drill::line_of(one));
  };
  const auto results = drill::drill_agent_scenarios({.agent = options.agent,
                                                     .tier = options.tier,
                                                     .only = options.only,
                                                     .ci_subset = options.ci_subset},
                                                    progress);
  if (!results) {
    fail(results.error());
    return kCannot;
  }
  options.json ? put_json(drill::to_json(*results)) : put(drill::score_of(*results));
  const auto wrote = write_cards(options, drill::to_junit(*results), drill::to_html(*results));
  if (!wrote) {
    fail(wrote.error());
    return kCannot;
  }
  return drill::exit_code_of(*results);
}

Result<std::string> policy_of(const DrillOptions& options) {
  if (options.policy.empty()) return std::string();
  std::error_code failed;
  const auto path = std::filesystem::absolute(options.policy, failed);
  if (!failed && std::filesystem::exists(path, failed)) return path.string();
  return failure(Errc::usage, "read the policy " + options.policy, "name a file that is there");
}

std::vector<std::string> run_options(const DrillOptions& options) {
  std::vector<std::string> out;
  for (const auto& [name, value] :
       {std::pair("--engine", &options.engine), std::pair("--runtime", &options.runtime),
        std::pair("--image", &options.image)}) {
    if (!value->empty()) out.insert(out.end(), {name, *value});
  }
  if (options.emulate) out.emplace_back("--emulate");
  return out;
}

Result<int> drill_here(const DrillOptions& options) {
  const std::string policy = BERM_TRY(policy_of(options));
  const auto card = BERM_TRY(drill::drill_host({.tier = options.tier,
                                                .policy = policy,
                                                .groups = options.groups,
                                                .run_options = run_options(options)},
                                               [](std::string_view what) {
                                                 if (::isatty(2) == 1)
                                                   complain(fmt::format("berm: {} …\n", what));
                                               }));
  if (options.json) {
    put_json(drill::to_json(card));
  } else {
    put(drill::to_text(card, wants_color(1), options.all));
  }
  BERM_TRY(write_cards(options, drill::to_junit(card), drill::to_html(card)));
  return drill::exit_code_of(card);
}

int drill_command(const DrillOptions& options) {
  if (!options.agent.empty()) return drill_agent(options);
  const Result<int> code = drill_here(options);
  if (code) return *code;
  fail(code.error());
  return kCannot;
}

std::vector<std::string> group_names() {
  std::vector<std::string> out;
  for (const drill::Group& group : drill::groups()) out.emplace_back(group.name);
  return out;
}

}  // namespace

void add_drill(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand(
      "drill", "try hostile acts in a sandbox on this host, and tell which layer stopped each");
  const auto options = std::make_shared<DrillOptions>();
  command->add_option("--tier", options->tier,
                      "auto, process, namespace, container, microvm [auto]");
  command->add_option("--policy", options->policy, "policy file [berm's defaults]");
  command->add_option("--engine", options->engine, "container tier: auto, docker, podman");
  command->add_option("--runtime", options->runtime, "container tier: the engine's runtime");
  command->add_option("--image", options->image, "container tier: the image");
  command->add_flag("--emulate", options->emulate, "microvm tier: accept an emulated processor");
  command->add_option("--group", options->groups, "only these groups of acts")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::IsMember(group_names()));
  command->add_flag("--all", options->all, "tell every act, not only what escaped");
  command
      ->add_option("--agent", options->agent,
                   "drive your installed client with a scripted malicious model")
      ->check(CLI::IsMember({"claude", "codex"}));
  command->add_option("--only", options->only, "with --agent: only these scenarios")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_flag("--ci", options->ci_subset, "with --agent: the quick scenarios");
  command->add_flag("--json", options->json, "a score card for machines on stdout");
  command->add_option("--junit", options->junit, "write a score card as JUnit XML");
  command->add_option("--html", options->html, "write a score card as a page");
  command->footer(
      "Examples:\n"
      "  berm drill                               acts in the tier that a run would take here\n"
      "  berm drill --tier process --all          every act, and what held it\n"
      "  berm drill --policy berm.toml --junit drill.xml\n"
      "  berm drill --agent claude --html drill.html\n\n"
      "No network is used. What the controls make outside of a directory below /var/tmp (as root: "
      "in "
      "/etc,\n/usr and their like) they take away again: drill as root on machines of your own.\n\n"
      "Exit codes: 0 nothing escaped · 1 something escaped · 3 with --agent: a scenario told "
      "nothing ·\n            125 the sandbox cannot be had");
  command->callback([=, &action] { action = [=] { return drill_command(*options); }; });
}

void add_drill_model(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("drill-model", "a scripted model; for berm itself");
  command->group("");
  command->callback([&action] { action = [] { return drill::serve_model(); }; });
}

}  // namespace berm
