// src/report/markdown.h: a run for people who review: a pull request's comment, a job's summary.
#pragma once

#include <string>

#include "report/facts.h"

namespace berm::report {

inline constexpr std::size_t kGithubSummary = 1024 * 1024;  ///< bytes, of one step
inline constexpr std::size_t kGithubComment = 65536;        ///< characters

struct MarkdownOptions {
  std::size_t most = kGithubSummary;  ///< bytes; sections that do not fit are named, not cut
};
/// GitHub's Markdown. Text of others stands in code spans only (report/markdown_text.h). What
/// stands first matters most: verdict, request, refusals, changes.
[[nodiscard]] std::string markdown(const RunFacts& facts, const MarkdownOptions& options = {});

}  // namespace berm::report
