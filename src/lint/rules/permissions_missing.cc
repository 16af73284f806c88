#include <fmt/format.h>

#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

void check(const Model& model, Report& report) {
  for (const auto& [workflow, job] : model.workflow_jobs) {
    if (job.permissions != nullptr || get(job.node, "uses") != nullptr) continue;
    Finding& found = report.add(
        *workflow.file, job.key->span,
        fmt::format("job '{}' has whatever token the repository's settings give", job.id));
    if (!job.agent) found.persona = Persona::pedantic;
    if (is_mapping(job.node)) {
      found.fix = Fix{"permissions: {contents: read}",
                      false,
                      {insert_entry(*workflow.file, job.node, "permissions: {contents: read}")}};
    }
  }
}

}  // namespace

const Rule permissions_missing{
    .id = "permissions-missing",
    .title = "a job that does not say what its token may do",
    .severity = Severity::medium,
    .why = "Repositories made before 2023 give a token that writes; the file does not tell.",
    .bad = "jobs:\n  fix:\n    runs-on: ubuntu-latest",
    .good = "jobs:\n  fix:\n    permissions: {contents: read}\n    runs-on: ubuntu-latest",
    .fix = "write permissions: into the job",
    .check = check};

}  // namespace berm::lint
