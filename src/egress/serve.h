// src/egress/serve.h: the egress process itself, `berm egress`.
#pragma once

namespace berm {

/// Serves until its configuration pipe's writer, the supervisor, is gone. Descriptors:
/// 0 = one line of JSON, then the model key; 1 = events as JSON lines; 3… = listening sockets.
/// Before the first connection it gives up its uid (when root), its right to new privileges and, by
/// Landlock, every file but the resolver's configuration and the certificates.
[[nodiscard]] int serve_egress();

}  // namespace berm
