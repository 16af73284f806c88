#include "cli/run_options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

#include "base/text.h"
#include "cli/commands.h"
#include "policy/parse.h"

namespace berm {
namespace {

template <class E>
Result<E> one_of(std::string_view option, const std::string& text) {
  std::vector<std::string_view> all;
  for (const auto& [name, value] : names(E{})) {
    if (name == text) return value;
    all.push_back(name);
  }
  const std::string_view near = nearest(text, all);
  return failure(Errc::usage,
                 fmt::format("{}: unknown value '{}'{}", option, text,
                             near.empty() ? "" : fmt::format("; did you mean '{}'?", near)));
}

template <class T, class Parse>
Result<std::optional<std::vector<T>>> list_of(const std::vector<std::string>& texts, Parse parse) {
  if (texts.empty()) return std::nullopt;
  std::vector<T> out;
  for (const std::string& text : texts) out.push_back(BERM_TRY(parse(text)));
  return out;
}

Result<void> add_env(const std::vector<std::string>& texts, PolicyLayer::Env& env) {
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    const std::string name = text.substr(0, equals);
    BERM_TRY(check_env_name(name));
    if (equals != std::string::npos) {
      env.set[name] = text.substr(equals + 1);
    } else {
      if (!env.pass) env.pass.emplace();
      env.pass->push_back(name);
    }
  }
  return {};
}

Result<void> add_limits(const RunOptions& options, PolicyLayer::Limits& limits) {
  if (!options.memory.empty()) limits.memory = BERM_TRY(parse_bytes(options.memory));
  if (!options.time.empty()) limits.time = BERM_TRY(parse_duration(options.time));
  if (options.cpus > 0) limits.cpus = options.cpus;
  if (options.processes > 0) limits.processes = options.processes;
  return {};
}

Result<std::string> extra_path(const std::string& text) {
  BERM_TRY(check_extra_path(text));
  return text;
}

// A flag means what the same key in berm.toml means, "not yet enforced" included.
Result<PolicyLayer> flags_layer(const RunOptions& options) {
  PolicyLayer layer;
  if (!options.profile.empty()) {
    layer.profile = BERM_TRY(one_of<AgentKind>("--profile", options.profile));
  }
  if (!options.engine.empty()) {
    layer.container.engine = BERM_TRY(one_of<ContainerEngine>("--engine", options.engine));
  }
  if (!options.runtime.empty()) layer.container.runtime = options.runtime;
  if (options.emulate) layer.microvm.emulation = true;
  if (!options.tier.empty()) layer.tier = BERM_TRY(one_of<TierChoice>("--tier", options.tier));
  if (!options.image.empty() && layer.tier == TierChoice::kubernetes) {
    layer.kubernetes.image = BERM_TRY(parse_image_name(options.image));
  } else if (!options.image.empty()) {
    layer.container.image = options.image;
  }
  if (!options.mode.empty()) {
    layer.workspace.mode = BERM_TRY(one_of<WorkspaceMode>("--mode", options.mode));
  }
  if (!options.on_success.empty()) {
    layer.workspace.on_success = BERM_TRY(parse_on_success(options.on_success));
  }
  layer.require = BERM_TRY(list_of<Requirement>(options.require, parse_requirement));
  layer.workspace.write = BERM_TRY(list_of<Glob>(options.write, Glob::parse));
  layer.workspace.hide = BERM_TRY(list_of<Glob>(options.hide, Glob::parse));
  layer.files.read = BERM_TRY(list_of<std::string>(options.read, extra_path));
  layer.network.allow = BERM_TRY(list_of<HostGrant>(options.allow, parse_host_grant));
  BERM_TRY(add_env(options.env, layer.env));
  BERM_TRY(add_limits(options, layer.limits));
  return parse_policy(to_toml(layer), "the command line");
}

}  // namespace

std::shared_ptr<RunOptions> add_run_options(CLI::App& command) {
  auto options = std::make_shared<RunOptions>();
  RunOptions& o = *options;
  command.prefix_command();
  command.add_option("--policy", o.policy, "policy file [berm.toml of the base branch, else HEAD]")
      ->group("Policy");
  command
      .add_flag("--policy-from-worktree", o.from_worktree,
                "trust berm.toml as it lies in the working tree")
      ->group("Policy");
  command
      .add_option("--profile", o.profile,
                  "grants of an agent: claude, codex, gemini, opencode, none [by command]")
      ->group("Policy");
  command.add_option("--tier", o.tier, "auto, process, namespace, container, microvm [auto]")
      ->group("Policy");
  command.add_option("--engine", o.engine, "container tier: auto, docker, podman [auto]")
      ->group("Policy");
  command.add_option("--runtime", o.runtime, "container tier: the engine's runtime")
      ->group("Policy");
  command
      .add_option("--image", o.image,
                  "container, kubernetes tier: an image in place of the host's programs")
      ->group("Policy");
  command
      .add_flag("--emulate", o.emulate,
                "microvm tier: without KVM, accept an emulated processor (slow)")
      ->group("Policy");
  command.add_option("--require", o.require, "layers that must hold, e.g. resources:kernel [all]")
      ->allow_extra_args(false)
      ->delimiter(',')
      ->group("Policy");
  command.add_option("--mode", o.mode, "workspace: overlay, worktree, clone, direct [overlay]")
      ->group("Workspace");
  command.add_option("--write", o.write, "globs that may be changed [**]")
      ->allow_extra_args(false)
      ->delimiter(',')
      ->group("Workspace");
  command.add_option("--hide", o.hide, "globs that do not exist inside [credential files]")
      ->allow_extra_args(false)
      ->delimiter(',')
      ->group("Workspace");
  command.add_option("--read", o.read, "further host paths, read-only")
      ->allow_extra_args(false)
      ->delimiter(',')
      ->group("Workspace");
  command.add_option("--on-success", o.on_success, "keep, apply, branch:NAME, patch:FILE [keep]")
      ->group("Workspace");
  command
      .add_option("--allow", o.allow, "hosts that may be reached, e.g. *.example.com:443 [none]")
      ->allow_extra_args(false)
      ->delimiter(',')
      ->group("Network, environment");
  command
      .add_flag("--learn", o.learn,
                "let every name through, note what the policy lacks, write a proposal")
      ->group("Network, environment");
  command
      .add_option("--credential", o.credentials,
                  "credentials that the repository's own policy may use, by name [none]")
      ->allow_extra_args(false)
      ->delimiter(',')
      ->group("Network, environment");
  command
      .add_option("--sink", o.sinks,
                  "sinks that the repository's own policy may send the record to [none]")
      ->allow_extra_args(false)
      ->delimiter(',')
      ->group("Network, environment");
  command.add_option("--env", o.env, "NAME passes a variable, NAME=VALUE sets it")
      ->allow_extra_args(false)
      ->group("Network, environment");
  command.add_option("--memory", o.memory, "e.g. 2GiB [4GiB]")->group("Limits");
  command.add_option("--cpus", o.cpus, "e.g. 1.5 [2]")->group("Limits");
  command.add_option("--processes", o.processes, "[512]")->group("Limits");
  command.add_option("--time", o.time, "wall clock, e.g. 10m [30m]")->group("Limits");
  command.add_flag("--json", o.json, "a report for machines on stdout");
  return options;
}

Result<RunRequest> to_request(const RunOptions& options, const std::vector<std::string>& words) {
  RunRequest request;
  std::vector<std::string> command = words;
  const bool plain = !command.empty() && command.front() == kCommandMark;
  if (plain) command.erase(command.begin());
  const std::optional<AgentKind> agent =
      plain || command.empty() ? std::nullopt : agent_named(command.front());
  if (!agent && !plain && !command.empty() && command.front().starts_with('-')) {
    return failure(Errc::usage, fmt::format("unknown option '{}'", command.front()),
                   "berm run --help lists the options; a command goes after --");
  }
  request.agent.kind = agent.value_or(AgentKind::none);
  if (agent) command.erase(command.begin());
  request.agent.arguments = std::move(command);
  char here[4096];
  if (::getcwd(here, sizeof here) == nullptr) return os_error("find the current directory");
  request.directory = request.agent.directory = here;
  const char* path = ::getenv("PATH");
  request.agent.path = path != nullptr ? path : "";
  // A terminal for the agent only when a person sits at both ends and no machine reads our output.
  request.agent.interactive = ::isatty(0) == 1 && ::isatty(1) == 1 && !options.json;
  request.show_status = ::isatty(2) == 1 && !options.json;
  const char* ci = ::getenv("CI");
  request.can_ask = ::isatty(0) == 1 && ::isatty(2) == 1 && !options.json &&
                    (ci == nullptr || *ci == '\0' || std::string_view(ci) == "false");
  request.report_on_stdout = options.json;
  request.policy = {.file = options.policy,
                    .from_worktree = options.from_worktree,
                    .agent = request.agent.kind,
                    .learn = options.learn,
                    .can_ask = request.can_ask,
                    .credentials = options.credentials,
                    .sinks = options.sinks,
                    .flags = BERM_TRY(flags_layer(options))};
  return request;
}

}  // namespace berm
