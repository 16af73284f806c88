// src/rules/egress/client_hello.h: which name a TLS connection asks for, read in passing. TLS is
// not terminated: the bytes go on to the server as they came.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace berm {

/// What a ClientHello (RFC 8446 §4.1.2) says in clear.
struct ClientHello {
  /// host_name of server_name (RFC 6066 §3) exactly as sent: letters of both cases, NULs, anything.
  /// The caller refuses what is not a plain name. "" if the extension is missing.
  std::string server_name = {};
  /// An encrypted ClientHello (RFC 9849) or ESNI came along, so the server may act on another name
  /// than `server_name`. A dummy one ("GREASE", RFC 9849 §6.2) looks the same by design: who sees
  /// true here cannot know which of them it is.
  bool encrypted = false;
  std::vector<std::string> alpn = {};  ///< RFC 7301 §3.1, in the client's order.
  bool operator==(const ClientHello&) const = default;
};

enum class HelloState : std::uint8_t {
  need_more,  ///< well-formed so far
  complete,
  not_tls,   ///< the first bytes are no TLS handshake record: HTTP, SSH, an SSLv2 hello
  malformed  ///< TLS, but nothing that a server would have to accept
};

struct HelloResult {
  HelloState state = HelloState::need_more;
  ClientHello hello = {};  ///< Empty unless `state` is complete.
  bool operator==(const HelloResult&) const = default;
};

/// The hello must be complete within so many bytes of the connection, record headers counted.
/// Today's are 0.2 to 2 KiB (post-quantum key share); what is longer plays for time or memory.
inline constexpr std::size_t kMaxClientHello = 16 << 10;

/// Reads the ClientHello at the front of `bytes`, the first bytes that a client sent. Call it again
/// with all of them when more have come, until the state is no longer need_more.
///
/// The answer depends on the bytes alone, and none but need_more changes when more follow: complete
/// never looks behind the hello, not_tls and malformed are final. Strict where servers differ,
/// because two readings of one hello are how a filter is passed: one host_name and no other kind of
/// name, no extension twice, no empty record (RFC 8446 §5.1), no other record in between, nothing
/// after the hello in its record, no byte too many or too few in any vector.
[[nodiscard]] HelloResult parse_client_hello(std::span<const std::uint8_t> bytes);

/// How many of `bytes`, for which parse_client_hello() says complete, are the hello's records; what
/// follows is not part of it.
[[nodiscard]] std::size_t client_hello_length(std::span<const std::uint8_t> bytes);

}  // namespace berm
