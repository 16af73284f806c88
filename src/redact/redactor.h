// src/redact/redactor.h: hides secrets in whole texts.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "redact/stream.h"

namespace berm {

/// `text` with its secrets replaced, as RedactingStream does it. Needs the result's size and little
/// more. May be called by several threads.
[[nodiscard]] std::string redact(std::string_view text, const KnownSecrets& known,
                                 Patterns patterns = Patterns::all);

/// True if redact_json() would surely leave alone what `text` is the JSON of. A quick look: most
/// texts hold nothing, and false says only that one must look closely.
[[nodiscard]] bool is_clean_json(std::string_view text, const KnownSecrets& known);

/// Every string of `value`, names of members too.
[[nodiscard]] nlohmann::json redact_json(const nlohmann::json& value, const KnownSecrets& known,
                                         Patterns patterns = Patterns::all);

}  // namespace berm
