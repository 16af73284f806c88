// [lint]: how berm lint looks at this repository.
#include "policy/parse_parts.h"

namespace berm {
namespace {

Result<std::string> one_word(std::string_view text, std::initializer_list<std::string_view> all) {
  std::string known;
  for (const std::string_view one : all) {
    if (one == text) return std::string(text);
    known += fmt::format("{}{}", known.empty() ? "" : ", ", one);
  }
  return failure(Errc::invalid_policy, fmt::format("'{}' is none of {}", printable(text), known));
}

Result<std::string> persona(std::string_view text) {
  return one_word(text, {"regular", "pedantic", "auditor"});
}

Result<std::string> threshold(std::string_view text) {
  return one_word(text, {"low", "medium", "high", "critical", "never"});
}

Result<std::string> rule_id(std::string_view text) {
  const bool plain = !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  if (plain) return std::string(text);
  return failure(Errc::invalid_policy, fmt::format("'{}' is no rule", printable(text)));
}

// Without a reason nobody can tell in a year whether it still holds.
Result<std::string> reason(std::string_view text) {
  if (!trim(text).empty()) return std::string(text);
  return failure(Errc::invalid_policy, "say why the finding is allowed");
}

void read_allowance(PolicySource& source, const toml::table& table, LintLayer& out) {
  TableReader reader(source, table, "lint.allow");
  LintAllowance one;
  const auto rule = reader.parsed<std::string>("rule", rule_id);
  const auto why = reader.parsed<std::string>("reason", reason);
  const auto paths = reader.parsed_list<Glob>("paths", Glob::parse);
  reader.finish();
  if (source.error) return;
  if (!rule || !why) {
    return source.report(table.source().begin, "[[lint.allow]] needs 'rule' and 'reason'");
  }
  out.allow.push_back(
      {.rule = *rule, .paths = paths.value_or(std::vector<Glob>()), .reason = *why});
}

}  // namespace

void read_lint(PolicySource& source, const toml::table& table, LintLayer& out) {
  TableReader reader(source, table, "lint");
  out.persona = reader.parsed<std::string>("persona", persona);
  out.fail_on = reader.parsed<std::string>("fail_on", threshold);
  out.baseline = reader.string("baseline");
  out.exclude = reader.parsed_list<Glob>("exclude", Glob::parse);
  if (const toml::array* all = reader.array("allow")) {
    for (const toml::node& one : *all) {
      const toml::table* entry = one.as_table();
      if (entry == nullptr) {
        source.report(one.source().begin, "write [[lint.allow]] with rule, paths and reason");
        return;
      }
      read_allowance(source, *entry, out);
    }
  }
  reader.finish();
}

}  // namespace berm
