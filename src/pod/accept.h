// src/pod/accept.h: connections to a pod of ours, each on a thread of its own.
#pragma once

#include <functional>
#include <memory>

#include "net/tls_stream.h"

namespace berm::pod {

using Serve = std::function<void(std::unique_ptr<ByteStream>)>;

/// Accepts for as long as the process lives, on a thread of its own. Who does not prove to be the
/// other end of the link is sent away.
/// @param link  nullptr: a socket of this pod's own, where no TLS is spoken
void accept_on(UniqueFd listener, SSL_CTX* link, Serve serve);

/// Blocks SIGTERM and SIGINT, before there is a thread, and calls `end` when one comes.
void end_on_signal(std::function<void()> end);

}  // namespace berm::pod
