// What is said of files themselves, and of comments that allow findings.
#include "base/text.h"
#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

void check(const Model& model, Report& report) {
  for (const File& file : model.files) {
    for (const Trouble& one : file.tree.troubles) {
      Finding& found =
          report.add(*file.source, one.span,
                     (one.fatal ? "nothing behind this was checked: " : "") + printable(one.what));
      if (!one.fatal) found.severity = Severity::low;
    }
  }
}

}  // namespace

const Rule unreadable{.id = "unreadable",
                      .title = "a file that cannot be read, or not as its author thinks",
                      .severity = Severity::medium,
                      .why =
                          "Of a key that is there twice one is void; readers differ in which. What "
                          "cannot be read was not "
                          "checked, and that is no all-clear.",
                      .bad = "privileged: true\nprivileged: false",
                      .good = "privileged: false",
                      .fix = "mend the file",
                      .check = check};

const Rule suppression_unused{
    .id = "suppression-unused",
    .title = "a comment that allows what is not there",
    .severity = Severity::low,
    .why = "It would hide the next finding of its rule at this place.",
    .bad = "# berm: allow k8s-privileged -- the driver needs it\nimage: tools:1",
    .good = "image: tools:1",
    .fix = "remove the comment"};

const Rule suppression_without_reason{
    .id = "suppression-without-reason",
    .title = "a comment that allows a finding and does not say why",
    .severity = Severity::low,
    .why = "Whoever reads it in a year must be able to tell whether it still holds.",
    .bad = "privileged: true  # berm: allow k8s-privileged",
    .good =
        "privileged: true  # berm: allow k8s-privileged -- loads the driver; nodes are ours alone",
    .fix = "write the reason behind two dashes"};

}  // namespace berm::lint
