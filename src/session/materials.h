// src/session/materials.h: what a run started from, besides its base commit.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace berm {

/// The lock files of package managers in a directory: [{path, sha256}].
[[nodiscard]] nlohmann::json lock_files_in(const std::string& directory);

}  // namespace berm
