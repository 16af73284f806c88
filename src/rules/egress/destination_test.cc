#include "rules/egress/destination.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include "policy/parse.h"

namespace berm {
namespace {

TEST(ParseAuthority, OneStringOneDestination) {
  EXPECT_EQ(parse_authority("API.example.com.:443"), (Destination{"api.example.com", 443}));
  using namespace std::string_view_literals;
  for (const std::string_view bad :
       {"good.com\0.evil.com:443"sv, "a.com"sv, "a.com:"sv, "a.com:0"sv, "a.com:443x"sv,
        "a%00b:1"sv, "u@a.com:1"sv, "127.0.0.1:80"sv, "127.1:80"sv, "0x7f.1:80"sv,
        "2130706433:80"sv, "[::1]:80"sv, "a b:1"sv, ":80"sv, "a..b:1"sv}) {
    EXPECT_EQ(parse_authority(bad), std::nullopt) << bad;
  }
}

TEST(MatchingGrant, AnEmptyListAllowsNothing) {
  EXPECT_EQ(matching_grant({}, {"a.example.com", 443}), nullptr);
  const std::vector<HostGrant> grants = {*parse_host_grant("*.example.com:443")};
  EXPECT_NE(matching_grant(grants, {"a.example.com", 443}), nullptr);
  EXPECT_EQ(matching_grant(grants, {"a.example.com", 22}), nullptr);
  EXPECT_EQ(matching_grant(grants, {"example.com", 443}), nullptr);
}

TEST(ForbiddenAddress, DecodesWhatCarriesAnAddress) {
  const auto v4 = [](const char* text) {
    std::array<std::uint8_t, 4> bytes{};
    EXPECT_EQ(::inet_pton(AF_INET, text, bytes.data()), 1);
    return forbidden_address(std::span<const std::uint8_t, 4>(bytes));
  };
  const auto v6 = [](const char* text) {
    std::array<std::uint8_t, 16> bytes{};
    EXPECT_EQ(::inet_pton(AF_INET6, text, bytes.data()), 1);
    return forbidden_address(std::span<const std::uint8_t, 16>(bytes));
  };
  for (const char* bad :
       {"127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "224.0.0.1", "255.255.255.255", "168.63.129.16"}) {
    EXPECT_NE(v4(bad), "") << bad;
  }
  EXPECT_EQ(v4("93.184.216.34"), "");
  for (const char* bad :
       {"::1", "::", "fe80::1", "fd00:ec2::254", "ff02::1", "::ffff:169.254.169.254",
        "64:ff9b::169.254.169.254", "2002:a9fe:a9fe::1", "2001:db8::1", "2001::1"}) {
    EXPECT_NE(v6(bad), "") << bad;
  }
  EXPECT_EQ(v6("2606:2800:220:1::1"), "");
}

}  // namespace
}  // namespace berm
