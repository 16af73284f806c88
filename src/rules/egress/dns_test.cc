#include "rules/egress/dns.h"

#include <gtest/gtest.h>

#include <string_view>

#include "base/text.h"

namespace berm {
namespace {

using Bytes = std::vector<std::uint8_t>;
constexpr std::array<std::uint8_t, 4> kAddress = {198, 18, 0, 7};

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }
std::optional<DnsQuery> parse_hex(std::string_view hex) {
  return parse_dns_query(bytes_of(from_hex(hex)));
}
std::string answer_hex(const DnsQuery& query, DnsCode code,
                       std::optional<std::array<std::uint8_t, 4>> ipv4 = {}) {
  return to_hex(dns_answer(query, code, ipv4, 60));
}

std::string label(std::string_view text) {
  return std::string(1, static_cast<char>(text.size())) + std::string(text);
}

using namespace std::string_literals;
std::string header() { return "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"s; }
std::string header_edns() { return "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01"s; }
std::string type_a_in() { return "\x00\x01\x00\x01"s; }
std::string opt() { return "\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00"s; }

std::optional<DnsQuery> parse_name(const std::string& wire) {
  return parse_dns_query(bytes_of(header() + wire + type_a_in()));
}

// As their clients sent them.
constexpr std::string_view kGlibc =
    "c92e0100000100000000000003617069076578616d706c6503636f6d0000010001";
constexpr std::string_view kCares =
    "fc510100000100000000000003617069076578616d706c6503636f6d0000010001";
constexpr std::string_view kCaresTxt =
    "655301000001000000000000086332766a636d76300174046576696c076578616d706c650000100001";
constexpr std::string_view kDigCookie =
    "646a0120000100000000000103617069076578616d706c6503636f6d000001000100002904d000000000000c000a00"
    "087a653d0edd8c8eb4";
constexpr std::string_view kDigDnssec =
    "cff201300001000000000001076578616d706c6503636f6d0000410001000029020000008000000c000a0008122d3a"
    "0b575cb9b0";
constexpr std::string_view kDigEdns1 =
    "401a01200001000000000001076578616d706c6503636f6d000001000100002904d0000100000000";
constexpr std::string_view kDigNoEdns =
    "e7fe00000001000000000000045f646e730178076578616d706c650000100001";
constexpr std::string_view kDigRoot =
    "e1c501200001000000000001000001000100002904d000000000000c000a000893905d207c4efeef";
constexpr std::string_view kDigUpdate =
    "72b329200001000000000001076578616d706c6503636f6d000006000100002904d000000000000c000a0008ee8413"
    "58fc2e2a24";

TEST(ParseDnsQuery, ReadsWhatClientsReallySend) {
  const struct {
    std::string_view hex, name;
    std::uint16_t type;
    std::uint16_t udp_size;
    bool recursion_desired, edns, plain;
  } kCases[] = {
      {kGlibc, "api.example.com", kDnsA, 512, true, false, true},
      {kCares, "api.example.com", kDnsA, 512, true, false, true},
      {kCaresTxt, "c2vjcmv0.t.evil.example", kDnsTxt, 512, true, false, true},
      {kDigCookie, "api.example.com", kDnsA, 1232, true, true, true},
      {kDigDnssec, "example.com", kDnsHttps, 512, true, true, true},
      {kDigNoEdns, "_dns.x.example", kDnsTxt, 512, false, false, true},
      {kDigRoot, "", kDnsA, 1232, true, true, false},
  };
  for (const auto& expected : kCases) {
    SCOPED_TRACE(expected.hex);
    const std::optional<DnsQuery> query = parse_hex(expected.hex);
    ASSERT_TRUE(query.has_value());
    EXPECT_EQ(to_hex(std::array{static_cast<unsigned char>(query->id >> 8),
                                static_cast<unsigned char>(query->id)}),
              expected.hex.substr(0, 4));
    EXPECT_EQ(query->name, expected.name);
    EXPECT_EQ(query->type, expected.type);
    EXPECT_EQ(query->klass, kDnsClassIn);
    EXPECT_EQ(query->udp_size, expected.udp_size);
    EXPECT_EQ(query->recursion_desired, expected.recursion_desired);
    EXPECT_EQ(query->edns, expected.edns);
    EXPECT_EQ(query->plain_name, expected.plain);
    EXPECT_EQ(query->opcode, 0);
  }
  EXPECT_TRUE(parse_hex(kDigDnssec)->dnssec_ok);
  EXPECT_TRUE(parse_hex(kDigDnssec)->checking_disabled);
  EXPECT_FALSE(parse_hex(kDigCookie)->dnssec_ok);
}

TEST(ParseDnsQuery, ACutOrLengthenedMessageIsNone) {
  for (const std::string_view hex : {kGlibc, kDigCookie, kDigEdns1}) {
    const Bytes whole = bytes_of(from_hex(hex));
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_EQ(parse_dns_query(std::span(whole).first(size)), std::nullopt) << hex << size;
    }
    Bytes longer = whole;
    longer.push_back(0);
    EXPECT_EQ(parse_dns_query(longer), std::nullopt) << hex;
  }
}

TEST(ParseDnsQuery, OnlyPlainQueriesAreWorthAnAnswer) {
  const std::string a_com = label("a") + label("com") + '\0' + type_a_in();
  const auto with = [](const std::string& flags, const std::string& counts) {
    return "\x12\x34" + flags + counts;
  };
  const std::string one = "\0\1\0\0\0\0\0\0"s;
  const std::string kCases[] = {
      with("\x81\x00"s, one) + a_com,                          // a response: two servers in a loop
      with("\x03\x00"s, one) + a_com,                          // truncated
      with("\x01\x00"s, "\0\0\0\0\0\0\0\0"s),                  // no question
      with("\x01\x00"s, "\0\2\0\0\0\0\0\0"s) + a_com + a_com,  // which one is judged?
      with("\x01\x00"s, "\0\1\0\1\0\0\0\0"s) + a_com,          // counts without records
      with("\x01\x00"s, "\0\1\0\0\0\1\0\0"s) + a_com,          //
      with("\x01\x00"s, "\0\1\0\0\0\0\0\1"s) + a_com,          //
      with("\x01\x00"s, "\0\1\0\0\0\0\0\2"s) + a_com + opt() + opt(),
      with("\x01\x00"s, one) + a_com + opt(),                       // an OPT that is not counted
      header_edns() + a_com + "\0\0\x01\0\1\0\0\0\0\0\0"s,          // an A record in its place
      header_edns() + a_com + "\1x\0\x29\4\xd0\0\0\0\0\0\0"s,       // an OPT not owned by the root
      header_edns() + a_com + "\xc0\x0c\0\x29\4\xd0\0\0\0\0\0\0"s,  // or by a pointer
      header_edns() + a_com + "\0\0\x29\4\xd0\0\0\0\0\0\4\0\0"s,    // an OPT that is cut
      header_edns() + a_com + opt() + "x",
  };
  for (const std::string& packet : kCases) {
    EXPECT_EQ(parse_dns_query(bytes_of(packet)), std::nullopt) << printable(packet);
  }
  // The controls: without those changes it is one.
  EXPECT_TRUE(parse_dns_query(bytes_of(header() + a_com)).has_value());
  EXPECT_TRUE(parse_dns_query(bytes_of(header_edns() + a_com + opt())).has_value());
}

TEST(ParseDnsQuery, NoPointerLeadsAnywhere) {
  for (const std::string& wire :
       {"\xc0\x0c"s,                        // at itself
        "\xc0\x0e\xc0\x0c"s,                // at each other
        label("a") + "\xc0\x0c"s,           // a.a.a.a…
        label("a") + "\xc0\x00"s,           // into the header
        label("a") + "\xff\xff"s,           // behind the end
        "@" + std::string(64, 'a') + '\0',  // 0x40, an extended label (RFC 6891 §5)
        "\x80" + std::string(64, 'a') + '\0'}) {
    EXPECT_EQ(parse_name(wire), std::nullopt) << printable(wire);
  }
}

TEST(ParseDnsQuery, NamesEndAt255Bytes) {
  const auto many = [](int count) {
    std::string wire;
    while (count-- > 0) wire += label("a");
    return wire + '\0';
  };
  EXPECT_EQ(parse_name(many(127))->name.size(), 253U);
  EXPECT_TRUE(parse_name(many(127))->plain_name);
  EXPECT_EQ(parse_name(many(128)), std::nullopt);
  EXPECT_EQ(parse_name(many(255)), std::nullopt);
  const std::string long_label = label(std::string(63, 'x'));
  const std::string three = long_label + long_label + long_label;
  EXPECT_TRUE(parse_name(three + label(std::string(61, 'y')) + '\0')->plain_name);
  EXPECT_EQ(parse_name(three + label(std::string(62, 'y')) + '\0'), std::nullopt);
  EXPECT_EQ(parse_name(three + long_label + long_label + '\0'), std::nullopt);
}

TEST(ParseDnsQuery, ANameThatCouldBeReadTwiceIsNotPlain) {
  const struct {
    std::string wire, name;
    bool plain;
  } kCases[] = {
      {label("API") + label("Example") + label("COM"), "api.example.com", true},
      {label("_dmarc") + label("x-1"), "_dmarc.x-1", true},
      {label("api.good") + label("com"), R"(api\.good.com)", false},  // one label with a dot
      {label("good.com\0"s) + label("evil"), R"(good\.com\000.evil)", false},
      {label("a b") + label("com"), R"(a\032b.com)", false},
      {label(R"(a\)") + label("com"), R"(a\\.com)", false},
      {label("\xc3\xa9") + label("com"), R"(\195\169.com)", false},
      {label("a/b") + label("com"), "a/b.com", false},
      {label("*") + label("com"), "*.com", false},
      {"", "", false},
  };
  for (const auto& [wire, name, plain] : kCases) {
    const std::optional<DnsQuery> query = parse_name(wire + '\0');
    ASSERT_TRUE(query.has_value()) << printable(wire);
    EXPECT_EQ(query->name, name);
    EXPECT_EQ(query->plain_name, plain) << name;
    EXPECT_EQ(query->question, wire + '\0' + type_a_in());
  }
}

TEST(ParseDnsQuery, CarriesEveryTypeAndClass) {
  for (const std::uint16_t type : {kDnsNull, kDnsTxt, kDnsSvcb, kDnsHttps, kDnsAny, kDnsSoa}) {
    const std::string wire = {'\0', static_cast<char>(type >> 8), static_cast<char>(type), '\0', 3};
    const std::optional<DnsQuery> query = parse_dns_query(bytes_of(header() + wire));
    ASSERT_TRUE(query.has_value());
    EXPECT_EQ(query->type, type);
    EXPECT_EQ(query->klass, 3);
  }
}

TEST(ParseDnsQuery, TheUdpSizeStaysWithinBounds) {
  const auto size_with = [](const std::string& size) {
    const std::string record = "\0\0\x29"s + size + "\0\0\0\0\0\0"s;
    return parse_dns_query(bytes_of(header_edns() + '\0' + type_a_in() + record))->udp_size;
  };
  EXPECT_EQ(size_with("\x00\x00"s), 512);
  EXPECT_EQ(size_with("\x04\xd0"s), 1232);
  EXPECT_EQ(size_with("\xff\xff"s), 4096);  // not a size to amplify with
}

TEST(DnsAnswer, GivesTheAddressUnderTheNameAsItWasSpelled) {
  DnsQuery query = *parse_name(label("aPi") + label("ExAmple") + label("com") + '\0');
  EXPECT_EQ(answer_hex(query, DnsCode::no_error, kAddress),
            "1234818000010001000000000361506907457841"
            "6d706c6503636f6d0000010001"
            "c00c000100010000003c0004c6120007");
  query.recursion_desired = false;
  query.checking_disabled = true;
  EXPECT_EQ(answer_hex(query, DnsCode::no_error, kAddress).substr(4, 4), "8090");
  const Bytes for_ever = dns_answer(query, DnsCode::no_error, kAddress, 0xffffffff);
  EXPECT_EQ(to_hex(for_ever).substr(for_ever.size() * 2 - 20, 8), "7fffffff");
}

TEST(DnsAnswer, ANoIsKeptForOneSecond) {
  const std::string soa = "00000600010000000100160000" + "00000001"s + "00000001" + "00000001" +
                          "00000001" + "00000001";
  const DnsQuery a = *parse_hex(kGlibc);
  const std::string question = to_hex(bytes_of(a.question));
  EXPECT_EQ(answer_hex(a, DnsCode::name_error), "c92e81830001000000010000" + question + soa);
  EXPECT_EQ(answer_hex(a, DnsCode::no_error), "c92e81800001000000010000" + question + soa);
  // The client asks for AAAA and HTTPS beside A: no address, but the name exists.
  DnsQuery aaaa = a;
  aaaa.type = kDnsAaaa;
  EXPECT_EQ(answer_hex(aaaa, DnsCode::no_error, kAddress),
            "c92e81800001000000010000" + question + soa);
}

TEST(DnsAnswer, AFailureCarriesNothing) {
  const DnsQuery query = *parse_hex(kGlibc);
  const std::string rest = "0001000000000000" + to_hex(bytes_of(query.question));
  EXPECT_EQ(answer_hex(query, DnsCode::format_error, kAddress), "c92e8181" + rest);
  EXPECT_EQ(answer_hex(query, DnsCode::server_failure, kAddress), "c92e8182" + rest);
  EXPECT_EQ(answer_hex(query, DnsCode::refused, kAddress), "c92e8185" + rest);
  DnsQuery chaos = query;
  chaos.klass = 3;  // version.bind
  EXPECT_EQ(answer_hex(chaos, DnsCode::no_error, kAddress), "c92e8180" + rest);
}

TEST(DnsAnswer, AnotherOpcodeIsNotImplementedYetAnswered) {
  const std::optional<DnsQuery> update = parse_hex(kDigUpdate);
  ASSERT_TRUE(update.has_value());
  EXPECT_EQ(update->opcode, 5);
  EXPECT_EQ(answer_hex(*update, DnsCode::not_implemented),
            "72b3a9840001000000000000" + to_hex(bytes_of(update->question)));
}

TEST(DnsAnswer, SpeaksEdnsZeroToWhoeverSpeaksEdns) {
  const std::string plain = answer_hex(*parse_hex(kDigCookie), DnsCode::no_error, kAddress);
  EXPECT_EQ(plain.substr(plain.size() - 22), "00002904d0000000000000");
  EXPECT_EQ(plain.substr(20, 4), "0001");
  const std::string dnssec = answer_hex(*parse_hex(kDigDnssec), DnsCode::no_error);
  EXPECT_EQ(dnssec.substr(dnssec.size() - 22), "00002904d0000080000000");
  // RFC 6891 §6.1.3: BADVERS is 16, 1 in the OPT and 0 in the header, and nothing else is said.
  const DnsQuery one = *parse_hex(kDigEdns1);
  EXPECT_EQ(one.edns_version, 1);
  EXPECT_EQ(answer_hex(one, DnsCode::name_error, kAddress),
            "401a81800001000000000001" + to_hex(bytes_of(one.question)) + "00002904d0010000000000");
}

TEST(DnsAnswer, IsNeverLongerThanPromisedNorAQuery) {
  std::string wire;
  for (int i = 0; i < 127; ++i) wire += label("a");
  const DnsQuery query =
      *parse_dns_query(bytes_of(header_edns() + wire + '\0' + type_a_in() + opt()));
  const Bytes longest = dns_answer(query, DnsCode::name_error, {}, 0);
  EXPECT_EQ(longest.size(), kMaxDnsAnswer);
  EXPECT_EQ(parse_dns_query(longest), std::nullopt);
}

}  // namespace
}  // namespace berm
