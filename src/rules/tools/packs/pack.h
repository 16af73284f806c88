// src/rules/tools/packs/pack.h: what a pack is made of. A pack is one file with a table a kind of
// rule, and one line in packs.cc. Internal.
#pragma once

#include <span>
#include <string_view>

#include "rules/tools/file_uses.h"
#include "rules/tools/invocation.h"
#include "rules/tools/places.h"

namespace berm {

/// What a finding leads to.
enum class Weight : std::uint8_t {
  match,   ///< the policy's `on_match`
  report,  ///< told, never refused: too often harmless
};

/// Which questions a rule answers.
enum class Asked : std::uint8_t {
  always,
  by_call,  ///< tool calls only: programs (git hooks, package managers) do it for good reasons
};

/// A rule about one command.
struct CommandRule {
  std::string_view id;
  std::string_view programs;  ///< blank-separated base names: the index
  bool (*matches)(const Invocation&);
  std::string_view why;      ///< "force-push rewrites shared history"
  std::string_view instead;  ///< "push without --force, or leave it to the user"
  Asked asked = Asked::always;
  Weight weight = Weight::match;
};

/// A rule about one file that is written, by a tool or by a command.
struct WriteRule {
  std::string_view id;
  bool (*matches)(std::string_view path, const ToolContext&);
  std::string_view why;
  std::string_view instead;
};

/// A shell command as a whole. `commands[i]` is the script's i-th, seen from where it is run.
struct ScriptView {
  std::string_view text;
  const ShellScript& script;
  std::span<const Invocation> commands;
};

/// A rule about how the commands of one text belong together.
struct ScriptRule {
  std::string_view id;
  /// The command it is about, or nullptr.
  const SimpleCommand* (*matches)(const ScriptView&);
  std::string_view why;
  std::string_view instead;
  Weight weight = Weight::match;
};

struct Pack {
  std::string_view name;
  std::string_view about;
  std::span<const CommandRule> commands;
  std::span<const WriteRule> writes;
  std::span<const ScriptRule> scripts;
};

extern const Pack kCorePack;
extern const Pack kGitPack;
extern const Pack kFilesystemPack;
extern const Pack kDownloadExecutePack;
extern const Pack kCloudPack;
extern const Pack kDatabasePack;
extern const Pack kContainersPack;
extern const Pack kPackagesPack;
extern const Pack kPersistencePack;

/// In the order in which they are asked.
[[nodiscard]] std::span<const Pack* const> all_packs();

}  // namespace berm
