// src/cli/record_html.h: berm show --html.
#pragma once

#include <string>
#include <string_view>

namespace berm {

/// Writes the page of a record to `file`, "-" for stdout, and returns the exit code. What exists
/// there is replaced only if it is a regular file.
[[nodiscard]] int show_html(std::string_view record, std::string_view expected_head,
                            std::string_view diffs, const std::string& file);

}  // namespace berm
