// Keys that stand in a file, and the variable that takes them from an agent's commands.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "lint/agents.h"
#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

void check_forms(const File& file, Report& report) {
  const std::string& text = file.source->text();
  for (const LiteralKey& key : literal_keys_in(text)) {
    const std::string_view value = std::string_view(text).substr(key.at, key.size);
    // A digest is no key, and an example says that it is one.
    const std::string low = lower(value);
    if (low.find("xxxx") != std::string::npos || low.find("your") != std::string::npos) continue;
    report.add(*file.source, {key.at, key.at + key.size},
               fmt::format("{} stands in the file, for everybody who reads it", key.kind));
  }
}

// NAME: value, where the name is a key's and the value is one.
void check_entries(const File& file, Report& report) {
  for (const Node& node : file.tree.nodes) {
    for (const Entry& entry : node.entries) {
      const Node* value = follow(entry.value);
      if (!is_scalar(value) || !is_key_name(text_of(entry.key))) continue;
      const bool known = !literal_keys_in(value->value).empty();
      if (known || is_placeholder(value->value)) continue;
      report.add(*file.source, value->span,
                 fmt::format("{} stands in the file, for everybody who reads it",
                             printable(text_of(entry.key))));
    }
  }
}

void check(const Model& model, Report& report) {
  for (const File& file : model.files) {
    if (file.kind == File::Kind::kubernetes) continue;  // k8s-literal-key's
    check_forms(file, report);
    check_entries(file, report);
  }
}

void check_scrub(const Model& model, Report& report) {
  const auto look = [&](const Source& file, const Variable& one) {
    const std::string& value = text_of(one.value);
    if (text_of(one.key) == "CLAUDE_CODE_SUBPROCESS_ENV_SCRUB" &&
        (value == "0" || value == "false"))
      report.add(file, follow(one.value)->span, "the agent's commands inherit its keys");
  };
  for (const Job& job : model.jobs) {
    for (const Variable& one : job.variables) look(*job.file, one);
  }
  for (const Settings& settings : model.settings) {
    for (const Variable& one : settings.variables) look(*settings.file, one);
  }
}

}  // namespace

const Rule literal_secret{
    .id = "literal-secret",
    .title = "a key that stands in a file",
    .severity = Severity::critical,
    .why =
        "It is in every clone, every fork and the history; bots find such keys within minutes of "
        "a push.",
    .bad = "env:\n  ANTHROPIC_API_KEY: sk-ant-api03-…",
    .good = "env:\n  ANTHROPIC_API_KEY: ${{ secrets.ANTHROPIC_API_KEY }}",
    .fix = "revoke the key, then put the new one into the CI system's secrets",
    .check = check};

const Rule env_scrub_disabled{
    .id = "env-scrub-disabled",
    .title = "an agent that hands its keys to its commands",
    .severity = Severity::medium,
    .why =
        "The client keeps its keys from what it starts (since 2.1.128, after Microsoft's report of "
        "2026-06-05); this takes that off.",
    .bad = "env:\n  CLAUDE_CODE_SUBPROCESS_ENV_SCRUB: \"0\"",
    .good = "env: {}",
    .fix = "remove the variable",
    .check = check_scrub};

}  // namespace berm::lint
