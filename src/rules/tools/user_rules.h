// src/rules/tools/user_rules.h: the policy's own rules, compiled and asked. Internal.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "policy/tool_rule.h"
#include "rules/tools/scene.h"

namespace berm {

/// A rule of the policy, ready to be matched.
struct UserRule {
  ToolRule rule;
  ToolPattern pattern;
  std::optional<CommandPattern> command;
  std::optional<PathPattern> path;
  std::optional<UrlPattern> url;

  [[nodiscard]] static Result<UserRule> compile(const ToolRule& rule, const ToolContext& context);
  /// "tools.deny Bash(curl *)"
  [[nodiscard]] std::string name() const;
};

/// What a restricting rule (deny, ask, report, rewrite) found: in words, "Bash(curl x)". nullopt:
/// it does not speak of this. One command, path or address of many is enough.
[[nodiscard]] std::optional<std::string> finds(const UserRule& rule, const Scene& scene);

/// True if the allow rules cover all of it: every command, path and address.
[[nodiscard]] bool allow_all(const std::vector<const UserRule*>& rules, const Scene& scene,
                             const ToolContext& context);

}  // namespace berm
