// src/plan/explain.h: `berm why`, answered from the plan alone.
#pragma once

#include <string>

#include "plan/plan.h"

namespace berm {

struct Explanation {
  bool allowed = false;
  std::string rule;    ///< the key of the policy, the layer or the guard rule that decides
  std::string reason;  ///< one sentence
  std::string parse;   ///< of exec: the commands that the shell would run, a line each
};

/// @param act   "read", "write", "connect" or "exec".
/// @param what  A path (relative to the repository, or absolute), HOST[:PORT], or a program.
/// @return Errc::usage for another act or an impossible path.
[[nodiscard]] Result<Explanation> explain(const Plan& plan, const std::string& act,
                                          const std::string& what);

}  // namespace berm
