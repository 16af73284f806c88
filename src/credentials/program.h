// src/credentials/program.h: programs of the user's own that know a secret.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

namespace berm {

/// Runs `argv` without a shell for at most 30 seconds. Returns the first line of its output.
///
/// @param variables  Names of what it sees of our environment besides PATH.
/// @return  Errc::denied  it ends with another code than 0 (`what` shows its stderr, escaped and
///                        cut), or says nothing; Errc::unsupported  it took too long.
[[nodiscard]] Result<Secret> first_line_of(const std::vector<std::string>& argv,
                                           const std::vector<std::string>& variables,
                                           const std::string& missing_fix);

}  // namespace berm
