// src/egress/serve.h: the egress process itself, from its first descriptor to its end.
#pragma once

namespace berm {

/// Descriptors: 0 = control, a stream socket to whoever started us; 1 = events as JSON lines; 2 =
/// our complaints. On control come the configuration and the model key, each with its length; we
/// answer that we are ready, with the run's CA if there is one; then one message brings the
/// listeners. From then on a 'd' there means to drain (stop accepting, end when the last connection
/// has), and its end means that we end.
/// @return an exit code, if the set-up failed; else it does not return.
[[nodiscard]] int serve_egress();

}  // namespace berm
