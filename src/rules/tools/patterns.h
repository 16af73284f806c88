// src/rules/tools/patterns.h: the patterns of the policy, ready to be matched. Internal.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/glob.h"
#include "rules/tools/file_uses.h"
#include "rules/tools/invocation.h"

namespace berm {

/// True if `pattern` is `text`, '*' standing for any run of bytes. Time pattern × text.
[[nodiscard]] bool wildcard_matches(std::string_view pattern, std::string_view text);

/// The words with single blanks between them.
[[nodiscard]] std::string line_of(const std::vector<ShellWord>& words);

/// Runs of blanks become one, those at the ends none.
[[nodiscard]] std::string normal_text(std::string_view text);

/// The forms in which a command is looked for.
struct CommandLines {
  std::string written;              ///< the words as they stand: "/bin/rm -rf x"
  std::vector<std::string> others;  ///< by base name, with each wrapper in front, its own text
};
[[nodiscard]] CommandLines lines_of(const SimpleCommand& command);

/// Bash(…) and Exec(…).
class CommandPattern {
 public:
  explicit CommandPattern(std::string_view specifier);

  /// The base name of the program it begins with; "" if that is not literal.
  [[nodiscard]] const std::string& program() const { return program_; }
  [[nodiscard]] bool is_pipeline() const { return stages_.size() > 1; }
  [[nodiscard]] std::size_t stage_count() const { return stages_.size(); }
  /// True without a '*': exactly this text.
  [[nodiscard]] bool is_exact() const;

  [[nodiscard]] bool matches(std::string_view line) const;
  /// In any form: for what restricts.
  [[nodiscard]] bool matches_any(const CommandLines& lines) const;
  /// Stage by stage, in this order, with others in between. `lines` belong to `commands`.
  [[nodiscard]] const SimpleCommand* find_pipeline(std::span<const SimpleCommand> commands,
                                                   std::span<const CommandLines> lines) const;

 private:
  struct Stage {
    std::string text;
    bool prefix = false;  ///< `text`, or `text` and a blank and anything
  };
  [[nodiscard]] static bool stage_matches(const Stage& stage, std::string_view line);
  [[nodiscard]] static bool stage_matches_any(const Stage& stage, const CommandLines& lines);

  std::vector<Stage> stages_;
  std::string program_;
};

/// Read(…), Edit(…), Write(…): gitignore-like.
class PathPattern {
 public:
  PathPattern(std::string_view specifier, const ToolContext& context);
  [[nodiscard]] bool matches(std::string_view path) const;
  /// The same for a word that the shell expands: could it become such a path?
  [[nodiscard]] bool may_match(const FileUse& use) const;

 private:
  std::string root_;  ///< what the pattern is seen from
  bool anchored_ = false;
  bool root_itself_ = false;  ///< "~", "/", "//": all of it
  std::optional<Glob> glob_;
  std::string literal_name_;  ///< the last component, if it holds no wildcard
};

/// WebFetch(domain:…), WebFetch(https://…*).
class UrlPattern {
 public:
  explicit UrlPattern(std::string_view specifier);
  [[nodiscard]] bool matches(std::string_view url) const;

 private:
  std::string domain_;
  std::string address_;
};

}  // namespace berm
