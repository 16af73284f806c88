#include "rules/egress/socks.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <string_view>
#include <vector>

#include "base/text.h"

namespace berm {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

/// A request for a domain name, port 443.
Bytes by_name(std::string_view name, std::uint8_t command = 1) {
  const std::string head = {5, static_cast<char>(command), 0, 3, static_cast<char>(name.size())};
  return bytes_of(head + std::string(name) + "\x01\xbb");
}

/// A request for an address, port 80.
Bytes by_ipv6(const char* text) {
  std::string address(16, '\0');
  EXPECT_EQ(::inet_pton(AF_INET6, text, address.data()), 1) << text;
  return bytes_of(std::string{5, 1, 0, 4} + address + std::string{0, 80});
}

/// The answer of `parse` for all of `bytes`, which every prefix must lead up to: need_more, and
/// then the same final answer from some byte on, whatever follows.
template <class Parse>
auto stable_answer(Parse parse, const Bytes& bytes) {
  auto whole = parse(bytes);
  bool decided = false;
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    const auto part = parse(std::span(bytes).first(size));
    decided = decided || part.state != SocksState::need_more;
    EXPECT_EQ(part, decided ? whole : decltype(part){}) << to_hex(bytes) << " cut at " << size;
  }
  Bytes longer = bytes;
  longer.resize(bytes.size() + 300, 5);
  if (decided) {
    EXPECT_EQ(parse(longer), whole) << to_hex(bytes);
  }
  return whole;
}

SocksGreeting greeting(const Bytes& bytes) { return stable_answer(parse_socks_greeting, bytes); }
SocksRequestResult request(const Bytes& bytes) { return stable_answer(parse_socks_request, bytes); }

TEST(SocksGreeting, TakesNoAuthenticationAndNothingElse) {
  EXPECT_EQ(greeting({5, 1, 0}), (SocksGreeting{SocksState::complete, 3, true}));
  EXPECT_EQ(greeting({5, 3, 2, 0, 1}), (SocksGreeting{SocksState::complete, 5, true}));  // curl
  EXPECT_EQ(greeting({5, 1, 2}), (SocksGreeting{SocksState::complete, 3, false}));
  EXPECT_EQ(socks_method_reply(greeting({5, 1, 0})), (std::array<std::uint8_t, 2>{5, 0}));
  EXPECT_EQ(socks_method_reply(greeting({5, 2, 1, 2})), (std::array<std::uint8_t, 2>{5, 0xff}));
  Bytes all = {5, 255};
  for (int method = 0; method < 255; ++method)
    all.push_back(static_cast<std::uint8_t>(254 - method));
  EXPECT_EQ(greeting(all), (SocksGreeting{SocksState::complete, 257, true}));
}

TEST(SocksGreeting, RefusesOtherProtocols) {
  for (const Bytes& bytes :
       {Bytes{4, 1, 0, 80, 0, 0, 0, 1, 'a', '.', 'b', 0}, bytes_of("CONNECT a.b:443 HTTP/1.1\r\n"),
        Bytes{22, 3, 1}, Bytes{5, 0}, Bytes{0}}) {
    EXPECT_EQ(greeting(bytes), SocksGreeting{SocksState::malformed}) << to_hex(bytes);
  }
}

TEST(SocksRequest, CarriesTheNameAsItWasSent) {
  using namespace std::string_view_literals;
  const std::string longest(255, 'x');
  for (const std::string_view name : {"api.Example.com"sv, "good.com\0.evil.com"sv, "\0"sv,
                                      "10.0.0.1"sv, "a.com\r\nX: y"sv, std::string_view(longest)}) {
    const SocksRequestResult result = request(by_name(name));
    EXPECT_EQ(result.state, SocksState::complete);
    EXPECT_EQ(result.request, (SocksRequest{SocksCommand::connect, std::string(name), false, 443}));
    EXPECT_EQ(result.consumed, name.size() + 7);
  }
}

TEST(SocksRequest, CarriesWhateverCommandWasSent) {
  EXPECT_EQ(request(by_name("a.b", 2)).request.command, SocksCommand::bind);
  EXPECT_EQ(request(by_name("a.b", 3)).request.command, SocksCommand::udp_associate);
  EXPECT_EQ(request(by_name("a.b", 0xf0)).request.command, SocksCommand{0xf0});  // Tor's RESOLVE
}

TEST(SocksRequest, SpellsAnIpv4Address) {
  const SocksRequestResult result = request({5, 1, 0, 1, 169, 254, 0, 254, 0, 80});
  const SocksRequest expected{SocksCommand::connect, "169.254.0.254", true, 80};
  EXPECT_EQ(result,
            (SocksRequestResult{SocksState::complete, 10, SocksCode::general_failure, expected}));
}

TEST(SocksRequest, SpellsAnIpv6AddressOneWay) {
  // RFC 5952 §4 and §5.
  for (const char* text :
       {"::", "::1", "1::", "2001:db8::1", "2001:db8:0:1:1:1:1:1", "2001:0:0:1::1",
        "2001:db8::1:0:0:1", "fe80::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "1:2:3:4:5:6:7:8", "0:1:2:3:4:5:6:7",
        "1:2:3:4:5:6::", "::2:3:4:5:6:7", "0:0:1::", "::ffff:0:0:1", "::abcd:102:304"}) {
    const SocksRequestResult result = request(by_ipv6(text));
    EXPECT_EQ(result.request, (SocksRequest{SocksCommand::connect, text, true, 80}));
    EXPECT_EQ(result.consumed, 22U);
  }
}

TEST(SocksRequest, SaysHowToRefuseWhatItCannotRead) {
  const struct {
    Bytes bytes;
    SocksCode refusal;
  } kCases[] = {
      {{4, 1, 0, 80, 1, 2, 3, 4, 0}, SocksCode::general_failure},     // SOCKS 4
      {{5, 1, 1, 1, 1, 2, 3, 4, 0, 80}, SocksCode::general_failure},  // RSV is not zero
      {{5, 1, 0, 3, 0, 0, 80}, SocksCode::general_failure},           // an empty name
      {{5, 1, 0, 2, 1, 2, 3, 4, 0, 80}, SocksCode::address_type_not_supported},
      {{5, 1, 0, 0, 1, 2, 3, 4, 0, 80}, SocksCode::address_type_not_supported},
      {{5, 1, 0, 0xff}, SocksCode::address_type_not_supported},
  };
  for (const auto& [bytes, refusal] : kCases) {
    EXPECT_EQ(request(bytes), (SocksRequestResult{SocksState::malformed, 0, refusal, {}}))
        << to_hex(bytes);
  }
}

TEST(SocksReply, NamesNoAddressOfOurs) {
  EXPECT_EQ(socks_reply(SocksCode::succeeded),
            (std::array<std::uint8_t, 10>{5, 0, 0, 1, 0, 0, 0, 0, 0, 0}));
  for (const auto& [code, byte] :
       {std::pair{SocksCode::general_failure, 1}, std::pair{SocksCode::not_allowed, 2},
        std::pair{SocksCode::host_unreachable, 4}, std::pair{SocksCode::connection_refused, 5},
        std::pair{SocksCode::command_not_supported, 7},
        std::pair{SocksCode::address_type_not_supported, 8}}) {
    EXPECT_EQ(socks_reply(code)[1], byte);
  }
}

}  // namespace
}  // namespace berm
