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
  return head == std::string_view(
                     "\x7f"
                     "ELF",
                     4) ||
         head.starts_with("MZ") || head == "\xcf\xfa\xed\xfe" || head == "\xca\xfe\xba\xbe";
}

bool is_source(std::string_view path) {
  constexpr std::string_view kEndings[] = {
      ".c",    ".h",   ".cc",   ".cpp", ".rs",   ".go",   ".py",  ".js",   ".mjs", ".cjs",  ".ts",
      ".tsx",  ".jsx", ".java", ".kt",  ".rb",   ".php",  ".sh",  ".bash", ".pl",  ".lua",  ".sql",
      ".html", ".css", ".json", ".yml", ".yaml", ".toml", ".xml", ".md",   ".txt", ".cmake"};
  return std::ranges::any_of(kEndings,
                             [&](std::string_view ending) { return path.ends_with(ending); });
}

void check(const Changes& changes, const GuardPolicy&, std::vector<Finding>& findings) {
  for_each_importable(changes, [&](const Change& change) {
    if (!change.binary || change.after.type != FileType::regular) return;
    const bool program = is_program(change);
    // A NUL makes tools skip a file; one in a script or in what was text before is there for that.
    const bool was_text =
        change.before.type == FileType::regular && change.base_text.find('\0') == std::string::npos;
    const bool disguised = was_text || change.text.starts_with("#!") || is_source(change.path);
    if (disguised && !program) {
      findings.push_back(
          {"binary", change.path, "is text with NUL bytes: tools and reviewers would skip it"});
      return;
    }
    findings.push_back({"binary", change.path,
                        program ? "is a compiled program" : "is binary: a review cannot read it",
                        program ? Severity::refuse : Severity::report});
  });
}

}  // namespace

const ChangeRule kBinary = {"binary", "a changed binary file", check};

}  // namespace berm
