// src/net/relay.h: bytes from one stream to another and back, until both have ended.
#pragma once

#include <string_view>

#include "net/tls_stream.h"

namespace berm {

/// Blocks. Each direction ends by itself: what one side ends is ended on the other, and the way
/// back stays open. Neither waits for the other: where both sides write and neither reads, nothing
/// stands still but what nobody takes.
void relay(ByteStream& one, ByteStream& other);

}  // namespace berm
