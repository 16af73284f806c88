#include "rules/tools/pack_rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace berm {
namespace {

// Appends the finding; true if it ends the search.
bool add(std::vector<PackFinding>& out, PackFinding finding) {
  const bool ends = finding.weight == Weight::match;
  out.push_back(std::move(finding));
  return ends;
}

}  // namespace

Result<PackRules> PackRules::compile(const std::vector<std::string>& names) {
  PackRules out;
  for (const std::string& name : names) {
    const bool known =
        std::ranges::any_of(all_packs(), [&](const Pack* pack) { return pack->name == name; });
    if (!known) return failure(Errc::invalid_policy, fmt::format("unknown pack '{}'", name));
  }
  for (const Pack* pack : all_packs()) {
    if (std::ranges::find(names, pack->name) == names.end()) continue;
    const std::size_t index = out.packs_.size();
    out.packs_.push_back(pack);
    for (const CommandRule& rule : pack->commands) {
      for (const std::string_view program : split(rule.programs, ' ')) {
        out.by_program_[std::string(program)].push_back({.pack = index, .rule = &rule});
      }
    }
    // Programs that name the files they write: those rules are asked of them as well.
    for (const std::string_view program : split(written_by(), ' ')) {
      if (!pack->writes.empty()) out.by_program_[std::string(program)];
    }
  }
  return out;
}

bool PackRules::knows(std::string_view program) const {
  return by_program_.find(program) != by_program_.end();
}

std::vector<PackFinding> PackRules::find(const Scene& scene, const ToolContext& context) const {
  std::vector<PackFinding> out;
  for (std::size_t pack = 0; pack < packs_.size(); ++pack) {
    if (find_commands(pack, scene, out) || find_scripts(*packs_[pack], scene, out) ||
        find_writes(*packs_[pack], scene, context, out)) {
      break;
    }
  }
  return out;
}

bool PackRules::find_commands(std::size_t pack, const Scene& scene,
                              std::vector<PackFinding>& out) const {
  const auto any = [&](const std::vector<Invocation>& commands) {
    return std::ranges::any_of(commands, [&](const Invocation& command) {
      return find_command(pack, command, scene, out);
    });
  };
  return any(scene.commands) || any(scene.inner);
}

bool PackRules::find_command(std::size_t pack, const Invocation& command, const Scene& scene,
                             std::vector<PackFinding>& out) const {
  const auto found = by_program_.find(std::string_view(command.program()));
  if (found == by_program_.end()) return false;
  for (const Entry& entry : found->second) {
    const CommandRule& rule = *entry.rule;
    if (entry.pack != pack || (scene.call == nullptr && rule.asked == Asked::by_call)) continue;
    if (!rule.matches(command)) continue;
    const bool ends = add(out, {.pack = packs_[pack]->name,
                                .id = rule.id,
                                .about = shown(scene, &command.command()),
                                .why = rule.why,
                                .instead = rule.instead,
                                .weight = rule.weight});
    if (ends) return true;
  }
  return false;
}

bool PackRules::find_writes(const Pack& pack, const Scene& scene, const ToolContext& context,
                            std::vector<PackFinding>& out) {
  for (const WriteRule& rule : pack.writes) {
    const auto report = [&](std::string about) {
      return add(out, {.pack = pack.name,
                       .id = rule.id,
                       .about = std::move(about),
                       .why = rule.why,
                       .instead = rule.instead});
    };
    for (std::size_t i = 0; i < scene.files.size(); ++i) {
      const FileUse& file = scene.files[i];
      if (!file.write || !rule.matches(file.path, context)) continue;
      return report(shown(scene, &scene.script.commands[scene.files_owner[i]]));
    }
    if (scene.call == nullptr) continue;
    for (const ToolCall::Path& path : scene.call->paths) {
      if (!path.write || !rule.matches(path.path, context)) continue;
      return report(shown(scene.tool, path.path));
    }
  }
  return false;
}

bool PackRules::find_scripts(const Pack& pack, const Scene& scene, std::vector<PackFinding>& out) {
  if (scene.call == nullptr || scene.commands.empty()) return false;
  const ScriptView view{
      .text = scene.call->command, .script = scene.script, .commands = scene.commands};
  for (const ScriptRule& rule : pack.scripts) {
    const SimpleCommand* about = rule.matches(view);
    if (about == nullptr) continue;
    const bool ends = add(out, {.pack = pack.name,
                                .id = rule.id,
                                .about = shown(scene, nullptr),
                                .why = rule.why,
                                .instead = rule.instead,
                                .weight = rule.weight});
    if (ends) return true;
  }
  return false;
}

}  // namespace berm
