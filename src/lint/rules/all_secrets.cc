#include <fmt/format.h>

#include <algorithm>

#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

bool dumps(const Expression& one) {
  if (one.kind == Expression::Kind::call && one.text == "tojson" && !one.parts.empty() &&
      path_of(one.parts[0]) == "secrets")
    return true;
  return std::ranges::any_of(one.parts, dumps);
}

void check(const Model& model, Report& report) {
  for (const auto& [workflow, job, step] : model.steps) {
    for (const StepText& text : texts_of(step)) {
      for (const Embedded& one : expressions_in(text.node->value)) {
        if (!one.expression || !dumps(*one.expression)) continue;
        report.add(
            *workflow.file,
            span_in(*workflow.file, *text.node, one.span.begin, one.span.end - one.span.begin),
            fmt::format("a step of job '{}' is given every secret at once", job.id));
      }
    }
  }
}

}  // namespace

const Rule all_secrets_to_step{
    .id = "all-secrets-to-step",
    .title = "all secrets in one expression",
    .severity = Severity::high,
    .why =
        "toJSON(secrets) is what malware that was committed to workflows has used to take "
        "everything in one request (GhostAction, September 2025).",
    .bad = "env:\n  ALL: ${{ toJSON(secrets) }}",
    .good = "env:\n  KEY: ${{ secrets.KEY }}",
    .fix = "name the secrets",
    .check = check};

}  // namespace berm::lint
