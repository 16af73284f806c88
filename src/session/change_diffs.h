// src/session/change_diffs.h: what the changed lines of a run were, kept beside its record.
#pragma once

#include <string>

#include "redact/known_secrets.h"
#include "rules/changes/changes.h"

namespace berm {

/// Writes {"PATH": "hunks"} of the text files among `changes` to `path`, at most 128 KiB of a file
/// and 4 MiB of all, of the first 16 MiB that changed, secrets hidden. Beside the record and not in
/// it: a record goes to sinks, and source code is not for every reader of those.
/// @return its SHA-256, for the record; "" = no text changed, nothing was written
[[nodiscard]] Result<std::string> write_diffs(const Changes& changes, const KnownSecrets& known,
                                              const std::string& path);

}  // namespace berm
