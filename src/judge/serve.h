// src/judge/serve.h: the judge's own process.
#pragma once

namespace berm {

/// `berm judge --child`: reads its configuration from descriptor 0, confines itself, judges what
/// hooks ask, and has the supervisor put each question on the record before it answers.
/// @return the exit code; it ends when the supervisor does.
[[nodiscard]] int serve_judge();

}  // namespace berm
