#include "rules/tools/decide.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "rules/tools/pack_rules.h"
#include "rules/tools/user_rules.h"

namespace berm {
namespace {

struct Advice {
  Obscurity kind;
  std::string_view what;
  std::string_view instead;
};

constexpr Advice kAdvice[] = {
    {Obscurity::unparsable, "is no shell that berm can read", "write it as plain commands"},
    {Obscurity::too_long, "is too long to be read", "put it into a script in the workspace"},
    {Obscurity::too_deep, "is code in code in code", "write the inner command itself"},
    {Obscurity::control_characters, "holds control characters", "leave them out"},
    {Obscurity::not_ascii, "names a program by other than plain letters", "write its real name"},
    {Obscurity::dynamic_command, "names a program that is only known when it runs",
     "write the program's name"},
    {Obscurity::dynamic_code, "runs text that is only known when it runs",
     "write the command itself"},
    {Obscurity::piped_code, "pipes a program into an interpreter",
     "put it into a file in the workspace, then run that"},
    {Obscurity::inline_code, "is a program for another interpreter",
     "put it into a file in the workspace, then run that"},
    {Obscurity::unknown_wrapper, "starts another command in a way that berm does not know",
     "call that command directly"},
    {Obscurity::injected_code, "makes a harmless program run other code",
     "leave the variable or option out"},
    {Obscurity::redefinition, "gives a word another meaning", "call the program itself"},
};

const Advice& advice_on(Obscurity kind) {
  for (const Advice& row : kAdvice) {
    if (row.kind == kind) return row;
  }
  return kAdvice[0];
}

ToolAction action_of(ToolMatch match) {
  switch (match) {
    case ToolMatch::deny:
      return ToolAction::deny;
    case ToolMatch::ask:
      return ToolAction::ask;
    case ToolMatch::report:
      break;
  }
  return ToolAction::report;
}

std::string_view verdict(ToolAction action) {
  return action == ToolAction::deny ? "is denied" : "needs the user's consent";
}

void raise(ToolDecision& decision, ToolAction action) {
  decision.action = std::max(decision.action, action);
}

void settle(ToolDecision& decision, ToolAction action, std::string rule, std::string reason) {
  decision.action = action;
  decision.rule = std::move(rule);
  decision.reason = std::move(reason);
  if (action == ToolAction::deny) decision.rewrite.clear();
}

}  // namespace

struct ToolRules::Compiled {
  ToolContext context;
  ToolMatch on_match = ToolMatch::deny;
  ToolMatch on_unclear = ToolMatch::ask;
  ToolAction otherwise = ToolAction::allow;
  bool bounded = false;
  std::vector<UserRule> rules;
  std::vector<const UserRule*> allows;
  PackRules packs;
  // What execve(2) waits for: programs that a rule of the policy begins with, and whether one could
  // speak of any.
  std::set<std::string, std::less<>> exec_programs;
  bool exec_any = false;
  bool file_rules = false;

  [[nodiscard]] bool could_speak_of(std::string_view program) const;
  [[nodiscard]] ToolDecision decide(const Scene& scene) const;
  bool ask_rules(const Scene& scene, ToolAction action, ToolDecision& decision) const;
  void collect(const Scene& scene, ToolDecision& decision) const;
  bool ask_packs(const Scene& scene, ToolDecision& decision) const;
  bool ask_unclear(const Scene& scene, ToolDecision& decision) const;
  void add(UserRule rule);
};

void ToolRules::Compiled::add(UserRule rule) {
  if (rule.command && rule.rule.action != ToolAction::allow) {
    if (rule.command->program().empty()) {
      exec_any = true;
    } else {
      exec_programs.insert(rule.command->program());
    }
  }
  exec_any = exec_any || (rule.pattern.subject == ToolSubject::exec && !rule.command);
  file_rules = file_rules || rule.path.has_value();
  rules.push_back(std::move(rule));
}

bool ToolRules::Compiled::could_speak_of(std::string_view program) const {
  return packs.knows(program) || exec_programs.find(program) != exec_programs.end() ||
         (file_rules && names_files(program));
}

// The first deny, or the first ask; true if there is one.
bool ToolRules::Compiled::ask_rules(const Scene& scene, ToolAction action,
                                    ToolDecision& decision) const {
  for (const UserRule& rule : rules) {
    if (rule.rule.action != action) continue;
    const std::optional<std::string> about = finds(rule, scene);
    if (!about) continue;
    const std::string because =
        rule.rule.reason.empty()
            ? fmt::format("do it another way, or ask the user to change tools.{}", spelling(action))
            : printable(rule.rule.reason);
    settle(decision, action, rule.name(),
           fmt::format("{} {} by the policy's rule '{}': {}", *about, verdict(action),
                       printable(rule.rule.match), because));
    return true;
  }
  return false;
}

// Reports and the first rewrite: they come with whatever lets the call through.
void ToolRules::Compiled::collect(const Scene& scene, ToolDecision& decision) const {
  for (const UserRule& rule : rules) {
    const bool rewrite = rule.rule.action == ToolAction::rewrite && decision.rewrite.empty();
    if (!rewrite && rule.rule.action != ToolAction::report) continue;
    if (rewrite && scene.call == nullptr) continue;
    if (!finds(rule, scene)) continue;
    raise(decision, rule.rule.action);
    if (rewrite) {
      decision.rewrite = rule.rule.rewrite;
      decision.rule = rule.name();
    } else {
      decision.reported.push_back(rule.name());
    }
  }
}

bool ToolRules::Compiled::ask_packs(const Scene& scene, ToolDecision& decision) const {
  const ToolAction action = action_of(on_match);
  for (const PackFinding& finding : packs.find(scene, context)) {
    std::string rule = fmt::format("pack {}: {}", finding.pack, finding.id);
    if (action == ToolAction::report || finding.weight == Weight::report) {
      decision.reported.push_back(std::move(rule));
      raise(decision, ToolAction::report);
      continue;
    }
    settle(decision, action, std::move(rule),
           fmt::format("{} {} by berm's pack '{}' ({}): {}", finding.about, verdict(action),
                       finding.pack, finding.why, finding.instead));
    return true;
  }
  return false;
}

bool ToolRules::Compiled::ask_unclear(const Scene& scene, ToolDecision& decision) const {
  const ToolAction action = action_of(on_unclear);
  for (const Unclear& part : scene.script.unclear) {
    std::string rule = fmt::format("on_unclear: {}", name_of(part.kind));
    if (action == ToolAction::report) {
      decision.reported.push_back(std::move(rule));
      raise(decision, ToolAction::report);
      continue;
    }
    const Advice& advice = advice_on(part.kind);
    settle(decision, action, std::move(rule),
           fmt::format("{} {}, because a part of it {} ('{}'): {}", shown(scene, nullptr),
                       verdict(action), advice.what, printable(part.text.substr(0, 120)),
                       advice.instead));
    return true;
  }
  return false;
}

ToolDecision ToolRules::Compiled::decide(const Scene& scene) const {
  ToolDecision decision;
  if (ask_rules(scene, ToolAction::deny, decision)) return decision;
  collect(scene, decision);
  if (ask_rules(scene, ToolAction::ask, decision)) return decision;
  const bool allowed = allow_all(allows, scene, context);
  if (allowed && !bounded) return decision;
  if (ask_packs(scene, decision) || ask_unclear(scene, decision)) return decision;
  // What an allowed call starts is not asked for again: it could be anything.
  if (allowed || scene.call == nullptr || otherwise == ToolAction::allow) return decision;
  settle(decision, otherwise, "tools.otherwise",
         fmt::format("{} {}: no rule of the policy speaks of it, and [tools] otherwise = \"{}\"; "
                     "use what is allowed, or ask the user to add a rule",
                     shown(scene, nullptr), verdict(otherwise), spelling(otherwise)));
  return decision;
}

Result<ToolRules> ToolRules::compile(const ToolPolicy& policy, ToolContext context) {
  auto compiled = std::make_shared<Compiled>();
  compiled->context = std::move(context);
  compiled->on_match = policy.on_match;
  compiled->on_unclear = policy.on_unclear;
  compiled->otherwise = policy.otherwise;
  compiled->bounded = policy.bounded;
  compiled->packs = BERM_TRY(PackRules::compile(policy.packs));
  for (const ToolRule& rule : policy.rules) {
    UserRule ready = BERM_TRY(UserRule::compile(rule, compiled->context));
    compiled->add(std::move(ready));
  }
  for (const UserRule& rule : compiled->rules) {
    if (rule.rule.action == ToolAction::allow) compiled->allows.push_back(&rule);
  }
  return ToolRules(std::move(compiled));
}

ToolDecision ToolRules::decide(const ToolCall& call) const {
  return compiled_->decide(Scene(call, compiled_->context));
}

namespace {

// Their long command lines are files, as xargs and make write them.
bool names_many_files(std::string_view program) {
  constexpr std::string_view kPrograms[] = {
      "rm",  "cp",   "mv",  "ln",  "chmod", "chown", "touch", "mkdir", "rmdir",  "cat",
      "tar", "grep", "sed", "tee", "gcc",   "cc",    "ar",    "ld",    "install"};
  return std::ranges::find(kPrograms, program) != std::end(kPrograms);
}

}  // namespace

ToolDecision ToolRules::decide(const ExecCall& call) const {
  const std::string_view started = program_name(call.executable);
  const std::string_view named = call.argv.empty() ? started : program_name(call.argv.front());
  const bool asked = compiled_->exec_any || compiled_->could_speak_of(started) ||
                     (named != started && compiled_->could_speak_of(named));
  if (!asked) return {};
  if (!call.complete && !names_many_files(started)) {
    return {
        .action = ToolAction::deny,
        .rule = "exec",
        .reason = fmt::format("'{}' has more arguments than can be looked at, and rules speak of "
                              "them: use fewer",
                              printable(started)),
        .rewrite = {},
        .reported = {}};
  }
  const auto scene_of = [&](std::string_view program) {
    ShellScript script;
    SimpleCommand& command = script.commands.emplace_back();
    command.words.reserve(call.argv.size() + 1);
    command.words.push_back({.text = std::string(program)});
    for (std::size_t i = 1; i < call.argv.size(); ++i) {
      command.words.push_back({.text = call.argv[i]});
    }
    return script;
  };
  // A program may be known by its own name or by the one it was called by: busybox, vim.tiny.
  const std::string first = call.argv.empty() ? call.executable : call.argv.front();
  ToolDecision decision = compiled_->decide(Scene(call, compiled_->context, scene_of(first)));
  if (named == started || decision.action == ToolAction::deny) return decision;
  ToolDecision other =
      compiled_->decide(Scene(call, compiled_->context, scene_of(call.executable)));
  return other.action > decision.action ? other : decision;
}

}  // namespace berm
