// src/cli/verify_held.h: berm verify --held.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "record/signature.h"

namespace berm {

struct HeldRequest {
  std::vector<std::string> paths;  ///< files, directories of files, "-" for stdin
  std::string record;              ///< path of the run's own record; "" = not at hand
  std::optional<PublicKey> key;    ///< that must vouch for each run's own
  bool json = false;
};

/// Tells, run by run, whether what a sink holds is what was sent and what is missing.
/// @return the exit code: 0 everything, 1 something is not what was sent, 3 something is missing
[[nodiscard]] int verify_held(const HeldRequest& request);

}  // namespace berm
