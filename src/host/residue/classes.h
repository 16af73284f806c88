// src/host/residue/classes.h: the classes of residue, as data.
#pragma once

#include <span>
#include <string_view>

#include "host/residue.h"

namespace berm::residue {

enum class Place : std::uint8_t { home, tmp, workspace };

/// What an object must be, and how it is looked at and removed.
enum class Shape : std::uint8_t {
  file,        ///< a plain file
  tree,        ///< a plain file or a directory with all it holds
  socket,      ///< a Unix socket that nobody serves any more
  git_config,  ///< settings of a plain file in git's format
  history      ///< lines of a plain file
};

/// One class: a line of the table.
struct ResidueClass {
  std::string_view kind;
  Place place;
  std::string_view pattern;  ///< below the place; each component may be a glob
  Shape shape;
  Remedy remedy;
  int quiet_days;  ///< automatic only if nothing in it changed for so long: somebody may use it
  bool (*holds)(std::string_view content);  ///< nullptr: its name is enough
  std::string_view what;
  std::string_view how;
};

[[nodiscard]] std::span<const ResidueClass> residue_classes();

// What a file must hold to be residue. Pure; given the first MiB of a hostile file.
[[nodiscard]] bool holds_claude_account(std::string_view content);
[[nodiscard]] bool holds_docker_login(std::string_view content);
[[nodiscard]] bool holds_password_entry(std::string_view content);  ///< netrc(5)
[[nodiscard]] bool holds_url_login(std::string_view content);       ///< git-credential-store(1)

}  // namespace berm::residue
