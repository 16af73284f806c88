#include <fmt/format.h>

#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

void check_checkouts(const Model& model, Report& report) {
  for (const auto& [workflow, job, step] : model.steps) {
    if (step.action != "actions/checkout") continue;
    const Node* value = get(step.node, {"with", "persist-credentials"});
    if (is_false(value) || text_of(value) == "false") continue;
    Finding& found = report.add(*workflow.file, value != nullptr ? value->span : step.uses->span,
                                fmt::format("job '{}' leaves its token in .git/config", job.id));
    if (!job.agent) found.persona = Persona::pedantic;
    if (value != nullptr) {
      found.fix = Fix{"persist-credentials: false", false, {{value->span, "false"}}};
    } else if (is_mapping(get(step.node, "with"))) {
      found.fix =
          Fix{"persist-credentials: false",
              false,
              {insert_entry(*workflow.file, get(step.node, "with"), "persist-credentials: false")}};
    } else {
      found.fix =
          Fix{"persist-credentials: false",
              false,
              {insert_entry(*workflow.file, step.node, "with: {persist-credentials: false}")}};
    }
  }
}

// Azure's checkout takes its token away unless it is told not to.
void check(const Model& model, Report& report) {
  check_checkouts(model, report);
  for (const Job& job : model.jobs) {
    if (job.kept_token == nullptr) continue;
    Finding& found = report.add(*job.file, job.kept_token->span,
                                fmt::format("{} leaves its token in .git/config", words_for(job)));
    if (job.agents.empty()) found.persona = Persona::pedantic;
    found.fix = Fix{"persistCredentials: false", false, {{job.kept_token->span, "false"}}};
  }
}

}  // namespace

const Rule persist_credentials{
    .id = "persist-credentials",
    .title = "a checkout that leaves the token where the agent reads",
    .severity = Severity::medium,
    .why =
        "actions/checkout writes the job's token into the repository's configuration; every later "
        "step, and every artifact of the directory, has it.",
    .bad = "- uses: actions/checkout@v4",
    .good = "- uses: actions/checkout@v4\n  with: {persist-credentials: false}",
    .fix = "set persist-credentials: false",
    .check = check};

}  // namespace berm::lint
