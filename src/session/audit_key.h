// src/session/audit_key.h: the key that lasts, which vouches for the keys of runs.
#pragma once

#include <optional>
#include <string>

#include "audit/run_key.h"

namespace berm {

/// @param from  "env:NAME", "file:PATH" (PEM or base64 of the seed; its owner's alone) or
/// "command:PROGRAM ARG…",
///              which reads what it is to sign and prints base64; "" = none.
/// @param public_key  of the command: base64, PEM, or a file with either
/// @return  Errc::denied  it is not there, or no Ed25519 key.
[[nodiscard]] Result<std::optional<LastingKey>> lasting_key(const std::string& from,
                                                            const std::string& public_key);

}  // namespace berm
