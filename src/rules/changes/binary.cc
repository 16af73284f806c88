// src/rules/changes/binary.cc
//
// binary: a reviewer cannot read it. Data is reported; a compiled program is refused.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "rules/changes/changes.h"

namespace berm {
namespace {

bool is_program(const Change& change) {
  const std::string_view head = std::string_view(change.text).substr(0, 4);
  return head == std::string_view("\x7f" "ELF", 4) || head.starts_with("MZ") || head == "\xcf\xfa\xed\xfe" || head == "\xca\xfe\xba\xbe";
}

void check(const Changes& changes, const GuardPolicy&, std::vector<Finding>& findings) {
  for_each_importable(changes, [&](const Change& change) {
    if (!change.binary || change.after.type != FileType::regular) return;
    const bool program = is_program(change);
    findings.push_back({"binary", change.path, program ? "is a compiled program" : "is binary: a review cannot read it",
                        program ? Severity::refuse : Severity::report});
  });
}

}  // namespace

const ChangeRule kBinary = {"binary", "a changed binary file", check};

}  // namespace berm
