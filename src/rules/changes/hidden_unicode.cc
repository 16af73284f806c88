// src/rules/changes/hidden_unicode.cc
//
// hidden-unicode: bidi controls make a reviewer read another program than the compiler
// (CVE-2021-42574); tag and zero-width characters carry instructions only a model sees.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "rules/changes/changes.h"

namespace berm {
namespace {

void check(const Changes& changes, const GuardPolicy&, std::vector<Finding>& findings) {
  for_each_importable(changes, [&](const Change& change) {
    if (change.binary) return;
    for (const auto& [number, line] : added_lines(change)) {
      for (std::size_t at = 0; at < line.size();) {
        char32_t point = 0;
        const std::size_t length = std::max<std::size_t>(decode_utf8(line, at, point), 1);
        const bool mark_at_start = number == 1 && at == 0 && point == 0xfeff;
        if (is_hidden_character(point) && !mark_at_start) {
          findings.push_back({"hidden-unicode", change.path,
                              fmt::format("line {} holds the invisible character U+{:04X}", number,
                                          static_cast<std::uint32_t>(point))});
          return;  // one finding a file
        }
        at += length;
      }
    }
  });
}

}  // namespace

const ChangeRule kHiddenUnicode = {"hidden-unicode", "characters that hide or reorder text", check};

}  // namespace berm
