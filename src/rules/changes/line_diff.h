// src/rules/changes/line_diff.h: what changed between two texts, line by line.
#pragma once

#include <string>
#include <string_view>

namespace berm {

/// The hunks of a unified diff with three lines of context, without the head that names the files;
/// "" for equal texts. Of a last line without an end it says so, like diff(1).
///
/// Shortest by Myers' O(ND) algorithm for up to 2,000 changed lines and as long as
/// that takes no time that anybody notices; beyond that what lies between
/// the first and the last difference is told as replaced, which is true and longer.
[[nodiscard]] std::string line_diff(std::string_view before, std::string_view after);

}  // namespace berm
