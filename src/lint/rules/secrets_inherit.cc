#include <fmt/format.h>

#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

void check(const Model& model, Report& report) {
  for (const auto& [workflow, job] : model.workflow_jobs) {
    const Node* secrets = get(job.node, "secrets");
    if (text_of(secrets) != "inherit") continue;
    report.add(*workflow.file, secrets->span,
               fmt::format("job '{}' hands every secret of the repository on", job.id));
  }
}

}  // namespace

const Rule secrets_inherit{.id = "secrets-inherit",
                           .title = "a called workflow that gets every secret",
                           .severity = Severity::medium,
                           .why = "Who changes the called workflow has all secrets of all callers.",
                           .bad = "uses: ./.github/workflows/agent.yml\nsecrets: inherit",
                           .good =
                               "uses: ./.github/workflows/agent.yml\nsecrets:\n  "
                               "ANTHROPIC_API_KEY: ${{ secrets.ANTHROPIC_API_KEY }}",
                           .fix = "name the secrets that it needs",
                           .check = check};

}  // namespace berm::lint
