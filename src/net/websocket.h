// src/net/websocket.h: frames of RFC 6455, as a client writes and reads them. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace berm {

enum class WebSocketOpcode : std::uint8_t {
  continuation = 0,
  text = 1,
  binary = 2,
  close = 8,
  ping = 9,
  pong = 10
};

struct WebSocketFrame {
  WebSocketOpcode opcode = WebSocketOpcode::binary;
  bool final = true;
  std::string payload;
};

/// A whole frame of a client: masked (RFC 6455 §5.3).
[[nodiscard]] std::string websocket_frame(WebSocketOpcode opcode, std::string_view payload,
                                          const std::array<unsigned char, 4>& mask);

/// The value of Sec-WebSocket-Accept that answers `key`.
[[nodiscard]] std::string websocket_accept(std::string_view key);

/// Frames of a server out of the bytes that it sends.
class WebSocketReader {
 public:
  static constexpr std::size_t kMost = 4 << 20;  ///< of one frame

  void feed(std::string_view bytes) { bytes_ += bytes; }
  /// The next whole frame; nullopt while bytes of it are missing.
  /// @return Errc::denied for what no server may send: masked, reserved bits, too large.
  [[nodiscard]] Result<std::optional<WebSocketFrame>> next();

 private:
  std::string bytes_;
};

}  // namespace berm
