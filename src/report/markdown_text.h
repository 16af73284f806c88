// src/report/markdown_text.h: text of others inside Markdown that GitHub or GitLab renders.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace berm::report {

/// `text` as a code span. Only there nothing happens to it: no link, @mention, #reference, image,
/// HTML, emphasis or math. A pipe is written \x7c: a table is cut into cells before its spans are
/// read, and a backslash in front would not hold ("\\|"). "" becomes a dash.
[[nodiscard]] std::string code(std::string_view text);

/// A row of a table; the cells are Markdown already.
[[nodiscard]] std::string row(const std::vector<std::string>& cells);
/// Its head, and the line below it.
[[nodiscard]] std::string table(const std::vector<std::string>& heads);

/// `text` as a quoted block of code, without a byte of it that could end the block.
[[nodiscard]] std::string code_block(std::string_view text);

}  // namespace berm::report
