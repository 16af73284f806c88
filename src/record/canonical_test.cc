#include "record/canonical.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>

namespace berm {
namespace {

using nlohmann::json;

// RFC 8785 §3.2.2 and §3.2.3.
TEST(Canonical, TheExamplesOfTheRfc) {
  EXPECT_EQ(canonical(json::parse(R"({
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    })")),
            R"({"literals":[null,true,false],)"
            R"("numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],)"
            R"("string":"€$\u000f\nA'B\"\\\\\"/"})");
  EXPECT_EQ(canonical(json::parse(R"({
      "\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh",
      "1": "One", "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control", "\u00f6": "Latin"
    })")),
            "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xC2\x80\":\"Control\",\"ö\":\"Latin\","
            "\"€\":\"Euro Sign\",\"😀\":\"Emoji: Grinning Face\","
            "\"\xEF\xAC\xB3\":\"Hebrew Letter Dalet With Dagesh\"}");
}

// RFC 8785, appendix B.
TEST(Canonical, NumbersAsEcmaScriptWritesThem) {
  const struct {
    std::uint64_t bits;
    const char* text;
  } kCases[] = {
      {0x0000000000000000, "0"},
      {0x8000000000000000, "0"},
      {0x0000000000000001, "5e-324"},
      {0x8000000000000001, "-5e-324"},
      {0x7fefffffffffffff, "1.7976931348623157e+308"},
      {0x4340000000000000, "9007199254740992"},
      {0xc340000000000000, "-9007199254740992"},
      {0x4430000000000000, "295147905179352830000"},
      {0x44b52d02c7e14af5, "9.999999999999997e+22"},
      {0x44b52d02c7e14af6, "1e+23"},
      {0x44b52d02c7e14af7, "1.0000000000000001e+23"},
      {0x444b1ae4d6e2ef4e, "999999999999999700000"},
      {0x444b1ae4d6e2ef4f, "999999999999999900000"},
      {0x444b1ae4d6e2ef50, "1e+21"},
      {0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
      {0x3eb0c6f7a0b5ed8d, "0.000001"},
      {0x41b3de4355555553, "333333333.3333332"},
      {0x41b3de4355555554, "333333333.33333325"},
      {0xbecbf647612f3696, "-0.0000033333333333333333"},
      {0x43143ff3c1cb0959, "1424953923781206.2"},
      {0x7ff0000000000000, "null"},
  };
  for (const auto& c : kCases) {
    double value = 0;
    std::memcpy(&value, &c.bits, sizeof value);
    EXPECT_EQ(canonical(json(value)), c.text);
  }
  EXPECT_EQ(canonical(json(UINT64_MAX)), "18446744073709551615");
  EXPECT_EQ(canonical(json(INT64_MIN)), "-9223372036854775808");
}

TEST(Canonical, WhatIsNoUtf8IsReplacedAndTheResultIsStable) {
  const std::string odd = canonical(json("a\xff\xc3(\xed\xa0\x80"));
  EXPECT_TRUE(json::accept(odd));
  EXPECT_EQ(canonical(json::parse(odd)), odd);
}

}  // namespace
}  // namespace berm
