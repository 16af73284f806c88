// src/rules/egress/dns.h: the DNS server of a sandbox: a query in, the whole answer out. Nothing is
// ever forwarded, so no byte of a question can leave (DNS tunnels) and no foreign server's answer
// can come in.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace berm {

inline constexpr std::uint16_t kDnsA = 1;
inline constexpr std::uint16_t kDnsSoa = 6;
inline constexpr std::uint16_t kDnsNull = 10;
inline constexpr std::uint16_t kDnsTxt = 16;
inline constexpr std::uint16_t kDnsAaaa = 28;
inline constexpr std::uint16_t kDnsOpt = 41;
inline constexpr std::uint16_t kDnsSvcb = 64;
inline constexpr std::uint16_t kDnsHttps = 65;
inline constexpr std::uint16_t kDnsAny = 255;
inline constexpr std::uint16_t kDnsClassIn = 1;

/// One question (RFC 1035 §4.1) and what its answer must repeat.
struct DnsQuery {
  std::uint16_t id = 0;
  std::uint8_t opcode = 0;         ///< 0 QUERY; any other deserves DnsCode::not_implemented.
  bool recursion_desired = false;  ///< RD, echoed.
  bool checking_disabled = false;  ///< CD, echoed (RFC 4035 §3.2.2).
  bool edns = false;               ///< One OPT record came with it (RFC 6891).
  std::uint8_t edns_version = 0;   ///< Anything but 0 is answered with BADVERS.
  bool dnssec_ok = false;          ///< DO, echoed (RFC 3225 §3).
  std::uint16_t udp_size = 512;    ///< Longest answer over UDP: 512 to 4096; 512 without EDNS.
  /// Lower case, joined with '.', no trailing dot; "" is the root. Other bytes than printable ones,
  /// and dots within a label, are escaped as RFC 4343 §2.1 has it: the two labels "api.good" "com"
  /// read "api\.good.com", never like a name that is granted.
  std::string name = {};
  /// `name` may be looked up: at least one label, each of 1 to 63 of a-z 0-9 - _, at most 253 in
  /// all. Nothing that a resolver, a policy and a log could read in three ways.
  bool plain_name = false;
  std::uint16_t type = 0;
  std::uint16_t klass = 0;
  std::string question = {};  ///< The question as it came, in its own letters (0x20 encoding).
};

/// Reads one message (over TCP: without its two bytes of length, RFC 1035 §4.2.2).
///
/// @return nullopt for what is worth no answer: a response (two servers would talk for ever), TC,
///         a cut or overlong name, a compression pointer (nothing precedes the question, so it can
///         only be a loop), QDCOUNT other than 1 (RFC 9619), and any byte after the question that
///         is not one OPT record. With an opcode other than 0 the rest is laid out differently
///         (RFC 2136 §2) and is not read.
[[nodiscard]] std::optional<DnsQuery> parse_dns_query(std::span<const std::uint8_t> packet);

/// RFC 1035 §4.1.1.
enum class DnsCode : std::uint8_t {
  no_error = 0,
  format_error = 1,
  server_failure = 2,
  name_error = 3,  ///< NXDOMAIN
  not_implemented = 4,
  refused = 5
};

/// No answer is longer: header, longest question, SOA and OPT. It is less than the 512 bytes that
/// every client takes, so no answer is ever truncated and `udp_size` never exceeded.
inline constexpr std::size_t kMaxDnsAnswer = 12 + (255 + 4) + 33 + 11;
static_assert(kMaxDnsAnswer <= 512);

/// The answer to `query`.
///
/// @param ipv4  Answers a question for A in class IN; any other question stays without an answer
///              (NODATA), so that a client which asks for AAAA or HTTPS too goes on with IPv4.
/// @param ttl   Seconds that the address may be cached; at most 2^31-1 (RFC 2181 §8).
/// NODATA and NXDOMAIN carry an SOA of the root with MINIMUM 1 (RFC 2308 §3): without one, caches
/// must not keep them and some resolvers ask again at once. An OPT is answered with an OPT; one of
/// a version above 0 with BADVERS, whatever `code` says (RFC 6891 §6.1.3).
[[nodiscard]] std::vector<std::uint8_t> dns_answer(const DnsQuery& query, DnsCode code,
                                                   std::optional<std::array<std::uint8_t, 4>> ipv4,
                                                   std::uint32_t ttl);

}  // namespace berm
