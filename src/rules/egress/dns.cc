#include "rules/egress/dns.h"

#include <algorithm>
#include <utility>

#include "rules/egress/bytes.h"

namespace berm {
namespace {

constexpr std::size_t kHeaderSize = 12;
constexpr std::size_t kMaxWireName = 255;  // RFC 1035 §2.3.4, lengths and the root included
constexpr std::uint16_t kNameOfQuestion = 0xc000 | kHeaderSize;
constexpr std::uint32_t kNegativeTtl = 1;    // a grant that comes later is seen at once
constexpr std::uint16_t kOwnUdpSize = 1232;  // fits every path unfragmented (DNS flag day 2020)
constexpr std::uint32_t kBadVersion = 16;    // RFC 6891 §9; its upper eight bits go into the OPT
constexpr std::uint32_t kMaxTtl = 0x7fffffff;

// The flags of RFC 1035 §4.1.1 and, CD, RFC 4035 §3.2.2.
constexpr std::uint16_t kResponse = 0x8000;
constexpr std::uint16_t kTruncated = 0x0200;
constexpr std::uint16_t kRecursionDesired = 0x0100;
constexpr std::uint16_t kRecursionAvailable = 0x0080;
constexpr std::uint16_t kCheckingDisabled = 0x0010;
constexpr std::uint32_t kDnssecOk = 0x8000;

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

void append_escaped(std::string& name, char c) {
  const auto byte = static_cast<unsigned char>(c);
  if (c == '.' || c == '\\') {
    name += {'\\', c};
  } else if (byte > 0x20 && byte < 0x7f) {
    name += c;
  } else {
    name += {'\\', static_cast<char>('0' + byte / 100), static_cast<char>('0' + byte / 10 % 10),
             static_cast<char>('0' + byte % 10)};
  }
}

// False if the name is cut, too long, or has a label that is not one: the two upper bits are a
// compression pointer (RFC 1035 §4.1.4) or one of the types that RFC 6891 §5 gave up.
bool read_name(ByteReader& in, DnsQuery& query) {
  const std::size_t before = in.remaining();
  query.plain_name = true;
  for (std::uint8_t length = in.u8(); length != 0; length = in.u8()) {
    if (length > 63) return false;
    if (!query.name.empty()) query.name += '.';
    for (const std::uint8_t byte : in.take(length)) {
      const char c = static_cast<char>(byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte);
      query.plain_name = query.plain_name && is_plain(c);
      append_escaped(query.name, c);
    }
    if (before - in.remaining() >= kMaxWireName) return false;
  }
  query.plain_name = query.plain_name && !query.name.empty();
  return !in.failed();
}

// RFC 6891 §6.1.2: owned by the root, the size in place of the class, flags in place of the TTL.
// Options are skipped: none changes an answer, and a cookie is only ours if we sent one.
bool read_opt(ByteReader& in, DnsQuery& query) {
  const bool is_opt = in.u8() == 0 && in.u16() == kDnsOpt;
  query.edns = true;
  query.udp_size = std::clamp<std::uint16_t>(in.u16(), 512, 4096);
  in.skip(1);  // the upper bits of a response's code
  query.edns_version = in.u8();
  query.dnssec_ok = (in.u16() & kDnssecOk) != 0;
  in.skip(in.u16());
  return is_opt && !in.failed();
}

class Writer {
 public:
  explicit Writer(std::size_t size) { out_.reserve(size); }
  void u16(std::uint32_t value) {
    out_.push_back(static_cast<std::uint8_t>(value >> 8));
    out_.push_back(static_cast<std::uint8_t>(value));
  }
  void u32(std::uint32_t value) {
    u16(value >> 16);
    u16(value);
  }
  void root() { out_.push_back(0); }
  template <class Bytes>
  void bytes(const Bytes& bytes) {
    out_.insert(out_.end(), bytes.begin(), bytes.end());
  }
  [[nodiscard]] std::vector<std::uint8_t> done() && { return std::move(out_); }

 private:
  std::vector<std::uint8_t> out_;
};

void write_address(Writer& out, const std::array<std::uint8_t, 4>& ipv4, std::uint32_t ttl) {
  out.u16(kNameOfQuestion);
  out.u16(kDnsA);
  out.u16(kDnsClassIn);
  out.u32(std::min(ttl, kMaxTtl));
  out.u16(static_cast<std::uint32_t>(ipv4.size()));
  out.bytes(ipv4);
}

// Of the root, the one zone that every name lies in and that no name can contradict.
void write_soa(Writer& out) {
  out.root();
  out.u16(kDnsSoa);
  out.u16(kDnsClassIn);
  out.u32(kNegativeTtl);
  out.u16(2 + 5 * 4);
  out.root();  // MNAME
  out.root();  // RNAME
  out.u32(1);  // SERIAL
  // REFRESH, RETRY, EXPIRE and MINIMUM: the last is how long a "no" is kept (RFC 2308 §4).
  for (int i = 0; i < 4; ++i) out.u32(kNegativeTtl);
}

void write_opt(Writer& out, std::uint32_t code, bool dnssec_ok) {
  out.root();
  out.u16(kDnsOpt);
  out.u16(kOwnUdpSize);
  out.u32((code >> 4) << 24 | (dnssec_ok ? kDnssecOk : 0));  // version 0
  out.u16(0);
}

}  // namespace

std::optional<DnsQuery> parse_dns_query(std::span<const std::uint8_t> packet) {
  ByteReader in(packet);
  DnsQuery query;
  query.id = in.u16();
  const std::uint16_t flags = in.u16();
  query.opcode = (flags >> 11) & 0xf;
  query.recursion_desired = (flags & kRecursionDesired) != 0;
  query.checking_disabled = (flags & kCheckingDisabled) != 0;
  const std::uint16_t questions = in.u16();
  const std::uint16_t answers = in.u16();
  const std::uint16_t authorities = in.u16();
  const std::uint16_t additional = in.u16();
  if (in.failed() || (flags & (kResponse | kTruncated)) != 0 || questions != 1) return std::nullopt;

  if (!read_name(in, query)) return std::nullopt;
  query.type = in.u16();
  query.klass = in.u16();
  if (in.failed()) return std::nullopt;
  const auto question = packet.subspan(kHeaderSize, packet.size() - kHeaderSize - in.remaining());
  query.question.assign(question.begin(), question.end());

  if (query.opcode != 0) return query;
  if (answers != 0 || authorities != 0 || additional > 1) return std::nullopt;
  if (additional == 1 && !read_opt(in, query)) return std::nullopt;
  if (!in.empty()) return std::nullopt;
  return query;
}

std::vector<std::uint8_t> dns_answer(const DnsQuery& query, DnsCode code,
                                     std::optional<std::array<std::uint8_t, 4>> ipv4,
                                     std::uint32_t ttl) {
  const bool bad_version = query.edns && query.edns_version != 0;
  const std::uint32_t rcode = bad_version ? kBadVersion : static_cast<std::uint32_t>(code);
  const bool in_class = query.klass == kDnsClassIn && query.opcode == 0 && !bad_version;
  const bool address =
      in_class && ipv4.has_value() && code == DnsCode::no_error && query.type == kDnsA;
  const bool negative =
      in_class && !address && (code == DnsCode::no_error || code == DnsCode::name_error);

  Writer out(kMaxDnsAnswer);
  out.u16(query.id);
  out.u16(kResponse | kRecursionAvailable | (std::uint32_t{query.opcode} << 11) |
          (query.recursion_desired ? kRecursionDesired : 0) |
          (query.checking_disabled ? kCheckingDisabled : 0) | (rcode & 0xf));
  out.u16(1);
  out.u16(address ? 1 : 0);
  out.u16(negative ? 1 : 0);
  out.u16(query.edns ? 1 : 0);
  out.bytes(query.question);
  if (address) write_address(out, *ipv4, ttl);
  if (negative) write_soa(out);
  if (query.edns) write_opt(out, rcode, query.dnssec_ok);
  return std::move(out).done();
}

}  // namespace berm
