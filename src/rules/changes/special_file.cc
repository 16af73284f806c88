// src/rules/changes/special_file.cc
//
// special-file: reading a fifo blocks the reader, a socket answers him, a device is the kernel.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "rules/changes/changes.h"

namespace berm {
namespace {

void check(const Changes& changes, const GuardPolicy&, std::vector<Finding>& findings) {
  for_each_importable(changes, [&](const Change& change) {
    const FileType type = change.after.type;
    if (type != FileType::fifo && type != FileType::socket && type != FileType::device &&
        type != FileType::other) {
      return;
    }
    findings.push_back({"special-file", change.path,
                        fmt::format("is a {}, which no repository holds", name_of(type))});
  });
}

}  // namespace

const ChangeRule kSpecialFile = {"special-file", "a device, socket or fifo", check};

}  // namespace berm
