// src/rules/tools/file_uses.h: the files that a command names, by what it does to them. Internal.
#pragma once

#include <string>
#include <vector>

#include "rules/tools/invocation.h"

namespace berm {

/// One file, as a command's well-known arguments and redirections name it. Not seen: what a program
/// opens of its own accord (`grep -r`, `make`, a script).
struct FileUse {
  std::string path;  ///< absolute, lexically normal; may hold unknown parts and wildcards
  bool write = false;
  bool glob = false;  ///< the shell expands it
  bool tree = false;  ///< and all beneath it
};

/// Programs whose arguments files_of() knows: all, and those that write. Blank-separated.
[[nodiscard]] bool names_files(std::string_view program);
[[nodiscard]] std::string_view written_by();

[[nodiscard]] std::vector<FileUse> files_of(const Invocation& command);

}  // namespace berm
