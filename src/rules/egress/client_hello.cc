#include "rules/egress/client_hello.h"

#include <algorithm>
#include <bitset>
#include <optional>

#include "rules/egress/bytes.h"

namespace berm {
namespace {

constexpr std::size_t kRecordHeader = 5;
constexpr std::size_t kHandshakeHeader = 4;
constexpr std::size_t kMaxFragment = 1 << 14;  // RFC 8446 §5.1
constexpr std::uint8_t kHandshakeRecord = 22;
constexpr std::uint8_t kClientHelloMessage = 1;
constexpr std::uint8_t kHostName = 0;

constexpr std::uint16_t kServerName = 0;
constexpr std::uint16_t kAlpn = 16;
constexpr std::uint16_t kEncryptedClientHello = 0xfe0d;
constexpr std::uint16_t kEncryptedServerName = 0xffce;  // its forerunner, draft-ietf-tls-esni-06

std::string text_of(std::span<const std::uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

// RFC 6066 §3. A list of two names, or of a name behind one of an unknown kind, is read
// differently by different servers.
bool read_server_name(std::span<const std::uint8_t> data, ClientHello& hello) {
  ByteReader in(data);
  ByteReader names(in.vector16());
  if (!in.finished()) return false;
  const bool is_host_name = names.u8() == kHostName;
  hello.server_name = text_of(names.vector16());
  return is_host_name && names.finished() && !hello.server_name.empty();
}

// RFC 7301 §3.1.
bool read_alpn(std::span<const std::uint8_t> data, ClientHello& hello) {
  ByteReader in(data);
  ByteReader protocols(in.vector16());
  if (!in.finished() || protocols.empty()) return false;
  while (!protocols.empty()) {
    const auto protocol = protocols.vector8();
    if (protocol.empty()) return false;  // too short a list ends here too
    hello.alpn.push_back(text_of(protocol));
  }
  return true;
}

bool read_extensions(std::span<const std::uint8_t> data, ClientHello& hello) {
  ByteReader in(data);
  std::bitset<65536> seen;
  while (!in.empty()) {
    const std::uint16_t type = in.u16();
    const auto body = in.vector16();
    // RFC 8446 §4.2 forbids any type twice. Of two server names, a server may take the other one.
    if (in.failed() || seen.test(type)) return false;
    seen.set(type);
    if (type == kServerName && !read_server_name(body, hello)) return false;
    if (type == kAlpn && !read_alpn(body, hello)) return false;
    if (type == kEncryptedClientHello || type == kEncryptedServerName) hello.encrypted = true;
  }
  return true;
}

// RFC 8446 §4.1.2, which keeps the layout of every version since SSL 3.0.
std::optional<ClientHello> read_hello(std::span<const std::uint8_t> message) {
  ByteReader in(message);
  in.skip(kHandshakeHeader + 2 + 32);  // version and random
  const auto session_id = in.vector8();
  const auto cipher_suites = in.vector16();
  const auto compression = in.vector8();
  if (in.failed() || session_id.size() > 32 || cipher_suites.empty() ||
      cipher_suites.size() % 2 != 0 || compression.empty()) {
    return std::nullopt;
  }
  ClientHello hello;
  if (in.empty()) return hello;  // before TLS 1.3 there may be no extensions at all
  const auto extensions = in.vector16();
  if (!in.finished() || !read_extensions(extensions, hello)) return std::nullopt;
  return hello;
}

// Judges what there is of a record's header.
HelloState judge_header(std::span<const std::uint8_t> record, HelloState if_foreign) {
  if (record[0] != kHandshakeRecord) return if_foreign;
  if (record.size() < 2) return HelloState::need_more;
  if (record[1] != 3) return if_foreign;  // the minor version says nothing (RFC 8446 §5.1)
  if (record.size() < kRecordHeader) return HelloState::need_more;
  const std::size_t length = std::size_t{record[3]} << 8 | record[4];
  const bool possible = length != 0 && length <= kMaxFragment;
  return possible ? HelloState::complete : HelloState::malformed;
}

// Judges the message as far as it is `collected`, when the current record brings it to `promised`.
HelloState judge_message(std::span<const std::uint8_t> collected, std::size_t promised) {
  ByteReader in(collected);
  if (in.u8() != kClientHelloMessage) return HelloState::malformed;
  const std::size_t size = kHandshakeHeader + in.u24();
  if (in.failed()) return HelloState::need_more;
  // What else is in its record, the server would read as another message.
  if (size > kMaxClientHello || promised > size) return HelloState::malformed;
  return collected.size() == size ? HelloState::complete : HelloState::need_more;
}

// Joins the records' contents until the message is complete. The bytes are judged strictly from the
// front, so that no byte that follows can change the verdict on those before it.
// `bytes` loses what was joined.
HelloState collect(std::span<const std::uint8_t>& bytes, std::vector<std::uint8_t>& message) {
  while (!bytes.empty()) {
    const bool first = message.empty();
    const HelloState header =
        judge_header(bytes, first ? HelloState::not_tls : HelloState::malformed);
    if (header != HelloState::complete) return header;
    const std::size_t length = std::size_t{bytes[3]} << 8 | bytes[4];
    const std::size_t promised = message.size() + length;
    bytes = bytes.subspan(kRecordHeader);
    const auto fragment = bytes.first(std::min(length, bytes.size()));
    bytes = bytes.subspan(fragment.size());
    message.insert(message.end(), fragment.begin(), fragment.end());
    if (message.empty()) return HelloState::need_more;
    const HelloState state = judge_message(message, promised);
    if (state != HelloState::need_more) return state;
  }
  return HelloState::need_more;
}

}  // namespace

HelloResult parse_client_hello(std::span<const std::uint8_t> bytes) {
  const bool is_last_chance = bytes.size() >= kMaxClientHello;
  std::vector<std::uint8_t> message;
  std::span<const std::uint8_t> rest = bytes.first(std::min(bytes.size(), kMaxClientHello));
  const HelloState state = collect(rest, message);
  if (state == HelloState::need_more && is_last_chance) return {HelloState::malformed};
  if (state != HelloState::complete) return {state};
  std::optional<ClientHello> hello = read_hello(message);
  if (!hello) return {HelloState::malformed};
  return {HelloState::complete, *std::move(hello)};
}

std::size_t client_hello_length(std::span<const std::uint8_t> bytes) {
  std::vector<std::uint8_t> message;
  std::span<const std::uint8_t> rest = bytes;
  (void)collect(rest, message);
  return bytes.size() - rest.size();
}

}  // namespace berm
