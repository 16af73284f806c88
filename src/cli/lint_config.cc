#include "cli/lint_config.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/text.h"
#include "lint/rule.h"
#include "policy/parse.h"
#include "sys/fd.h"

namespace berm {
namespace {

constexpr const char* kDefault = "berm.toml";

Result<void> check_rules(const LintLayer& layer, const std::string& file) {
  for (const LintAllowance& one : layer.allow) {
    if (lint::rule_named(one.rule) != nullptr) continue;
    return failure(Errc::invalid_policy,
                   fmt::format("{}: [[lint.allow]] names '{}', and there is no such rule",
                               printable(file), printable(one.rule)),
                   "berm lint --rules lists them");
  }
  return {};
}

}  // namespace

Result<LintLayer> read_lint_config(const std::string& file) {
  const std::string name = file.empty() ? kDefault : file;
  if (file.empty() && ::access(kDefault, F_OK) != 0) return LintLayer{};
  const std::string text = BERM_TRY(read_plain_file(name));
  PolicyLayer layer = BERM_TRY(parse_policy(text, name));
  BERM_TRY(check_rules(layer.lint, name));
  return std::move(layer.lint);
}

}  // namespace berm
