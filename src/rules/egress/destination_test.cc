#include "rules/egress/destination.h"

#include <gtest/gtest.h>

namespace berm {
namespace {

using namespace std::string_view_literals;

TEST(ParseAuthority, OneStringOneDestination) {
  EXPECT_EQ(parse_authority("API.example.com.:443"),
            (Destination{"api.example.com", std::nullopt, 443}));
  for (const std::string_view bad :
       {"good.com\0.evil.com:443"sv,  // Claude Code 2.0.24: the resolver stopped at the NUL
        "a%00b:1"sv,
        "a.com%2eevil.com:1"sv,
        "u@a.com:1"sv,
        "a.com"sv,
        "a.com:"sv,
        "a.com:0"sv,
        "a.com:443x"sv,
        "a.com:+443"sv,
        "a.com:0443"sv,
        "a.com:65536"sv,
        "a.com:443:443"sv,
        "127.1:80"sv,
        "0x7f.1:80"sv,
        "2130706433:80"sv,
        "0177.0.0.1:80"sv,
        "127.0.0.1.:80"sv,
        "0x7f000001:80"sv,
        "127.0.0.256:80"sv,
        "[fe80::1%lo]:80"sv,
        "[::1:80"sv,
        "::1:80"sv,
        "[a.com]:80"sv,
        "[127.0.0.1]:80"sv,
        "a b:1"sv,
        ":80"sv,
        "a..b:1"sv,
        "a.com..:1"sv,
        "\xd0\xb0pple.com:443"sv /* Cyrillic a */,
        "a.com\r\n:1"sv,
        "a.com/:1"sv,
        "*.com:1"sv}) {
    EXPECT_EQ(parse_authority(bad), std::nullopt) << bad;
  }
}

TEST(ParseAuthority, AnAddressIsAnAddressWhereverItStands) {
  const std::optional<Destination> v4 = parse_authority("127.0.0.1:80");
  ASSERT_TRUE(v4 && v4->address);
  const std::optional<Destination> v6 = parse_authority("[0:0:0:0:0:0:0:1]:80");
  ASSERT_TRUE(v6 && v6->address);
  EXPECT_EQ(v6->host, "::1") << "one spelling";
  EXPECT_EQ(to_text(*v6), "[::1]:80");
  EXPECT_EQ(parse_authority("a.com", 80), (Destination{"a.com", std::nullopt, 80}));
}

TEST(ParseIp, OneSpellingOfFourPartsOrRfc4291) {
  for (const std::string_view good : {"0.0.0.0", "255.255.255.255", "::", "::1",
                                      "1::", "2001:db8::1", "::ffff:1.2.3.4", "1:2:3:4:5:6:7:8"}) {
    EXPECT_TRUE(parse_ip(good).has_value()) << good;
  }
  for (const std::string_view bad :
       {"", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.256", "1.2.3.4 ", " 1.2.3.4", "1.2.3.-4", ":",
        ":::", "1::2::3", "12345::", "::1%lo", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
        "1.2.3.4::", "::1.2.3.4.5", "1:2:3:4:5:6:7::8"}) {
    EXPECT_FALSE(parse_ip(bad).has_value()) << bad;
  }
  EXPECT_EQ(to_text(*parse_ip("2001:0:0:1:0:0:0:1")), "2001:0:0:1::1") << "RFC 5952 §4.2.3";
  EXPECT_EQ(to_text(*parse_ip("1:0:3:4:5:6:7:8")), "1:0:3:4:5:6:7:8") << "one group stays";
}

}  // namespace
}  // namespace berm
