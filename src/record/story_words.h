// src/record/story_words.h: whether the words of a started program are those of a tool call.
#pragma once

#include <string>
#include <string_view>

namespace berm::story {

/// `text` without quotes and backslashes, one blank between words: as the same command reads
/// whether it is quoted for `eval` or not.
[[nodiscard]] std::string words_of(std::string_view text);

/// How many bytes say that `program`, the words of what the agent started, runs `command`: whole
/// (Claude Code: `bash -c "… eval 'COMMAND' …"`) or as much as stands before "…". 0 = none.
[[nodiscard]] std::size_t runs(std::string_view program, std::string_view command);

/// The same for what a shell that runs `command` starts: one simple command of it.
[[nodiscard]] std::size_t is_part(std::string_view program, std::string_view command);

}  // namespace berm::story
