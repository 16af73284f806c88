// src/rules/egress/socks.h: the server's side of SOCKS 5 (RFC 1928), up to the first reply.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace berm {

/// Of each message: need_more and then, finally, one of the others. Bytes that follow change
/// nothing; `consumed` says where they start.
enum class SocksState : std::uint8_t { need_more, complete, malformed };

/// REP of RFC 1928 §6, as far as we answer it.
enum class SocksCode : std::uint8_t {
  succeeded = 0,
  general_failure = 1,
  not_allowed = 2,
  host_unreachable = 4,
  connection_refused = 5,
  command_not_supported = 7,
  address_type_not_supported = 8
};

/// CMD of RFC 1928 §4. A client may send any other value too (Tor's 0xf0): what is not connect is
/// answered with SocksCode::command_not_supported.
enum class SocksCommand : std::uint8_t { connect = 1, bind = 2, udp_associate = 3 };

/// The client's list of authentication methods (RFC 1928 §3).
struct SocksGreeting {
  SocksState state = SocksState::need_more;
  std::size_t consumed = 0;        ///< Its length, once complete.
  bool no_authentication = false;  ///< Method 0 is offered, the only one we speak.
  bool operator==(const SocksGreeting&) const = default;
};

/// What the client wants (RFC 1928 §4).
struct SocksRequest {
  SocksCommand command = SocksCommand::connect;
  /// The name exactly as sent, 1 to 255 bytes of any value: with a NUL dropped or obeyed here, the
  /// policy would judge another name than the one that is resolved. Or an address as text.
  std::string host = {};
  /// ATYP was IPv4 or IPv6: `host` is our own spelling of it, dotted or as in RFC 5952. False says
  /// nothing about a name: "127.0.0.1" may be sent as one.
  bool is_address = false;
  std::uint16_t port = 0;  ///< As sent: 0 is possible.
  bool operator==(const SocksRequest&) const = default;
};

struct SocksRequestResult {
  SocksState state = SocksState::need_more;
  std::size_t consumed = 0;                        ///< Its length, once complete.
  SocksCode refusal = SocksCode::general_failure;  ///< What to answer if malformed.
  SocksRequest request = {};                       ///< Empty unless `state` is complete.
  bool operator==(const SocksRequestResult&) const = default;
};

/// Reads the greeting at the front of `bytes`; malformed is SOCKS 4, HTTP, an empty list.
[[nodiscard]] SocksGreeting parse_socks_greeting(std::span<const std::uint8_t> bytes);

/// The answer to a complete greeting: method 0, or 0xff and the client must leave (RFC 1928 §3).
/// User name and password (RFC 1929) are not spoken: whoever reaches our socket is in the sandbox.
[[nodiscard]] std::array<std::uint8_t, 2> socks_method_reply(const SocksGreeting& greeting);

/// Reads the request at the front of `bytes`, which start behind the greeting.
[[nodiscard]] SocksRequestResult parse_socks_request(std::span<const std::uint8_t> bytes);

/// The reply to a request, BND.ADDR and BND.PORT 0.0.0.0:0: where the proxy dials from is nobody's
/// business inside (RFC 1928 §6).
[[nodiscard]] std::array<std::uint8_t, 10> socks_reply(SocksCode code);

}  // namespace berm
