#include <fmt/format.h>

#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

void check(const Model& model, Report& report) {
  for (const Workflow& workflow : model.workflows) {
    const Node* top = get(workflow.root, "permissions");
    if (text_of(top) == "write-all")
      report.add(*workflow.file, top->span, "every job's token may write everything");
    for (const WorkflowJob& job : workflow.jobs) {
      const Node* own = get(job.node, "permissions");
      if (text_of(own) == "write-all") {
        report.add(*workflow.file, own->span,
                   fmt::format("the token of job '{}' may write everything", job.id));
      }
    }
  }
}

}  // namespace

const Rule permissions_write_all{.id = "permissions-write-all",
                                 .title = "a token that may write everything",
                                 .severity = Severity::high,
                                 .why =
                                     "Whoever gets one step to run his words pushes code, "
                                     "publishes packages and changes releases.",
                                 .bad = "permissions: write-all",
                                 .good = "permissions:\n  contents: read",
                                 .fix = "name the scopes that the job needs",
                                 .check = check};

}  // namespace berm::lint
