// src/session/static_secret.h: a secret that the policy names and no issuer mints.
#pragma once

#include <string>

#include "base/result.h"
#include "base/secret.h"

namespace berm {

/// @param from  "env:NAME", "file:PATH" (only its owner may read it) or "command:PROGRAM ARG…"
/// @param name  whom it is for, in messages
[[nodiscard]] Result<Secret> read_static_secret(const std::string& name, const std::string& from);

}  // namespace berm
