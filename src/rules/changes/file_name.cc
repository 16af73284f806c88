// src/rules/changes/file_name.cc
//
// file-name: a name with a line feed or an escape sequence attacks whoever lists it.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "rules/changes/changes.h"

namespace berm {
namespace {

void check(const Changes& changes, const GuardPolicy&, std::vector<Finding>& findings) {
  for_each_importable(changes, [&](const Change& change) {
    if (change.after.type == FileType::none) return;
    bool control = false;
    bool invalid = false;
    bool hidden = false;
    for (std::size_t at = 0; at < change.path.size();) {
      char32_t point = 0;
      const std::size_t length = decode_utf8(change.path, at, point);
      invalid = invalid || length == 0;
      control = control || (length != 0 && (point < 0x20 || (point >= 0x7f && point < 0xa0)));
      hidden = hidden || (length != 0 && is_hidden_character(point));
      at += std::max<std::size_t>(length, 1);
    }
    if (control || hidden) {
      findings.push_back(
          {"file-name", change.path, "has control or invisible characters in its name"});
    }
    if (!control && !hidden && invalid) {
      findings.push_back(
          {"file-name", change.path, "has a name that is not UTF-8", Severity::report});
    }
  });
}

}  // namespace

const ChangeRule kFileName = {"file-name", "a file name with control characters or invalid UTF-8",
                              check};

}  // namespace berm
