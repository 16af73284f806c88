// src/rules/tools/pack_rules.h: the packs in force, indexed by program. Internal.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "rules/tools/packs/pack.h"
#include "rules/tools/scene.h"

namespace berm {

/// What a pack says of a call or a started program.
struct PackFinding {
  std::string_view pack;
  std::string_view id;
  std::string about;  ///< "Bash(git push --force)"
  std::string_view why;
  std::string_view instead;
  Weight weight = Weight::match;
};

class PackRules {
 public:
  /// @return Errc::invalid_policy for a name that is no pack's.
  [[nodiscard]] static Result<PackRules> compile(const std::vector<std::string>& names);

  /// Findings in the order of the packs, up to the first that weighs as a match.
  [[nodiscard]] std::vector<PackFinding> find(const Scene& scene, const ToolContext& context) const;

  /// True if a rule could speak of this program when it is started: all that execve(2) waits for.
  [[nodiscard]] bool knows(std::string_view program) const;

 private:
  struct Entry {
    std::size_t pack = 0;
    const CommandRule* rule = nullptr;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };

  bool find_commands(std::size_t pack, const Scene& scene, std::vector<PackFinding>& out) const;
  bool find_command(std::size_t pack, const Invocation& command, const Scene& scene,
                    std::vector<PackFinding>& out) const;
  static bool find_writes(const Pack& pack, const Scene& scene, const ToolContext& context,
                          std::vector<PackFinding>& out);
  static bool find_scripts(const Pack& pack, const Scene& scene, std::vector<PackFinding>& out);

  std::vector<const Pack*> packs_;
  std::unordered_map<std::string, std::vector<Entry>, Hash, std::equal_to<>> by_program_;
};

}  // namespace berm
