// src/session/import_on_success.h: what the policy wants done with the changes of a good run.
#pragma once

#include <string>
#include <vector>

#include "session/prepare_run.h"
#include "workspace/walk.h"

namespace berm {

struct Imported {
  std::string note;                     ///< for the report; "" = nothing was wanted
  std::vector<std::string> references;  ///< commits that came in
  std::string failed;                   ///< why nothing came in
};

/// Does what `workspace.on_success` says: commits first, as nothing else comes in without them, and
/// all of it or nothing.
[[nodiscard]] Imported import_on_success(const PreparedRun& run, const WalkPlace& place,
                                         const Changes& changes);

}  // namespace berm
