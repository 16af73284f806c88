#include <fmt/format.h>

#include <algorithm>

#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

void check(const Model& model, Report& report) {
  for (const auto& [workflow, job, step] : model.steps) {
    const std::string& uses = text_of(step.uses);
    if (uses.empty() || uses.starts_with("./") || uses.starts_with("docker://") ||
        uses.find('/') == std::string::npos)
      continue;
    const bool pinned = step.ref.size() == 40 && std::ranges::all_of(step.ref, [](char c) {
                          return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                        });
    if (pinned) continue;
    Finding& found = report.add(
        *workflow.file, step.uses->span,
        step.ref.empty()
            ? fmt::format("'{}' names no version", uses)
            : fmt::format("'{}' is whatever '{}' points to at the time", step.action, step.ref));
    const bool moves = step.ref.empty() || step.ref == "main" || step.ref == "master" ||
                       step.ref == "beta" || step.ref == "latest";
    if (moves) found.severity = Severity::medium;
    // GitHub's own are as trusted as the runner.
    const bool own = step.action.starts_with("actions/") || step.action.starts_with("github/");
    if (!job.agent || (own && !moves)) found.persona = Persona::pedantic;
  }
}

}  // namespace

const Rule unpinned_action{.id = "unpinned-action",
                           .title = "an action by a tag or a branch",
                           .severity = Severity::low,
                           .why =
                               "Tags are moved: tj-actions/changed-files printed the secrets of "
                               "23,000 repositories when they were (CVE-2025-30066).",
                           .bad = "uses: anthropics/claude-code-action@beta",
                           .good = "uses: anthropics/claude-code-action@<commit>  # v1.0.94",
                           .fix = "name the commit, and the version in a comment",
                           .check = check};

}  // namespace berm::lint
