// src/audit/ship/serve.h: the process that ships a run's record.
#pragma once

namespace berm {

/// Serves configuration.h's protocol on descriptor 0 until everything is shipped, or half a minute
/// after the supervisor is gone. @return the exit code.
[[nodiscard]] int serve_ship();

}  // namespace berm
