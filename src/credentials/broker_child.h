// src/credentials/broker_child.h: the process that mints, keeps and ends credentials.
#pragma once

namespace berm {

/// Serves the supervisor at descriptor 0: `berm broker --child`. Ends what it minted when told, and
/// when the supervisor is gone, however it went. Not for people.
///
/// @return  the exit code: 0  nothing that can be ended is alive;
///                         1  something may be: the journal says what.
[[nodiscard]] int serve_broker();

}  // namespace berm
