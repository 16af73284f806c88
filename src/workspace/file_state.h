// src/workspace/file_state.h: one file, looked at without following anything.
#pragma once

#include <sys/stat.h>

#include <string>

#include "rules/changes/changes.h"
#include "sys/fd.h"

namespace berm {

[[nodiscard]] FileType type_of(mode_t mode);

/// The content of a regular file as the guard needs it.
struct Content {
  std::string sha256;   ///< of a file beyond the limit: "size:…", never equal to another file's
  std::string text;     ///< the first bytes, at most the limit
  bool binary = false;  ///< a NUL in the first 8000 bytes, as git decides
};
/// Whether a file without read permission may be made readable meanwhile: the run's own files (an
/// agent could hide content behind mode 000), never the repository's.
enum class Unlock : std::uint8_t { no, yes };
[[nodiscard]] Result<Content> read_content(int directory, const std::string& name, Unlock unlock,
                                           std::size_t limit);

/// Opens a directory that may have no rights, for reading.
[[nodiscard]] Result<UniqueFd> open_own_directory(int parent, const std::string& name);

/// Opens a file for reading; see Unlock.
[[nodiscard]] Result<UniqueFd> open_own(int directory, const std::string& name, Unlock unlock);

/// State without content hash.
[[nodiscard]] FileState state_of(const struct stat& status);

}  // namespace berm
