#include "net/websocket.h"

#include <openssl/sha.h>

#include "base/base64.h"

namespace berm {
namespace {

tl::unexpected<Error> broken(const char* why) {
  return failure(Errc::denied, std::string("read a WebSocket: ") + why);
}

bool is_known(unsigned opcode) { return opcode <= 2 || (opcode >= 8 && opcode <= 10); }

}  // namespace

std::string websocket_frame(WebSocketOpcode opcode, std::string_view payload,
                            const std::array<unsigned char, 4>& mask) {
  std::string out;
  out += static_cast<char>(0x80 | static_cast<unsigned>(opcode));
  const std::size_t size = payload.size();
  if (size < 126) {
    out += static_cast<char>(0x80 | size);
  } else {
    const bool large = size > 0xffff;
    out += static_cast<char>(0x80 | (large ? 127 : 126));
    for (int shift = large ? 56 : 8; shift >= 0; shift -= 8) {
      out += static_cast<char>(size >> shift & 0xff);
    }
  }
  out.append(mask.begin(), mask.end());
  for (std::size_t i = 0; i < size; ++i) {
    out += static_cast<char>(static_cast<unsigned char>(payload[i]) ^ mask[i % 4]);
  }
  return out;
}

std::string websocket_accept(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  ::SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return base64({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

Result<std::optional<WebSocketFrame>> WebSocketReader::next() {
  const auto byte = [this](std::size_t at) { return static_cast<unsigned char>(bytes_[at]); };
  if (bytes_.size() < 2) return std::nullopt;
  if ((byte(0) & 0x70) != 0) return broken("a reserved bit is set");
  if ((byte(1) & 0x80) != 0) return broken("the server masks");
  const unsigned opcode = byte(0) & 0x0f;
  const bool control = opcode >= 8;
  if (!is_known(opcode)) return broken("an opcode that is none");
  std::uint64_t size = byte(1) & 0x7f;
  if (control && (size > 125 || (byte(0) & 0x80) == 0)) return broken("a control frame in parts");
  const std::size_t more = size == 126 ? 2 : size == 127 ? 8 : 0;
  if (bytes_.size() < 2 + more) return std::nullopt;
  if (more > 0) size = 0;
  for (std::size_t i = 0; i < more; ++i) size = size << 8 | byte(2 + i);
  if (size > kMost) return broken("a frame is too large");
  if (bytes_.size() < 2 + more + size) return std::nullopt;
  WebSocketFrame out{.opcode = static_cast<WebSocketOpcode>(opcode),
                     .final = (byte(0) & 0x80) != 0,
                     .payload = bytes_.substr(2 + more, size)};
  bytes_.erase(0, 2 + more + size);
  return out;
}

}  // namespace berm
