#include "redact/known_secrets.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <type_traits>

#include "base/base64.h"
#include "redact/redactor.h"

namespace berm {
namespace {

const std::string kPrefix = std::string("sk-ant-") + "api03-";
const std::string kValue = kPrefix + "q7Zr+/9_Lw3 x%KfT2\"\\vB8mNcY5";

KnownSecrets known(std::string_view value, Recognise recognise = Recognise::every_form) {
  KnownSecrets secrets;
  EXPECT_TRUE(secrets.add("key", value, recognise));
  return secrets;
}

std::string hidden(std::string_view text, const KnownSecrets& secrets) {
  return redact(text, secrets, Patterns::none);
}

std::string hex(std::string_view bytes, std::string_view before, std::string_view digits) {
  std::string out;
  for (const char c : bytes) {
    out += before;
    out += digits[static_cast<unsigned char>(c) >> 4];
    out += digits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

constexpr std::string_view kLower = "0123456789abcdef";
constexpr std::string_view kUpper = "0123456789ABCDEF";

TEST(KnownSecrets, AreHiddenInEveryForm) {
  const KnownSecrets secrets = known(kValue);
  const std::string reserved_lower = kPrefix + "q7Zr%2b%2f9_Lw3%20x%25KfT2%22%5cvB8mNcY5";
  const std::string reserved_upper = kPrefix + "q7Zr%2B%2F9_Lw3%20x%25KfT2%22%5CvB8mNcY5";
  const std::string json = kPrefix + "q7Zr+/9_Lw3 x%KfT2\\\"\\\\vB8mNcY5";
  const std::string php = kPrefix + "q7Zr+\\/9_Lw3 x%KfT2\\\"\\\\vB8mNcY5";
  const std::string texts[] = {kValue,
                               std::string(kValue.rbegin(), kValue.rend()),
                               base64(kValue),
                               base64url(kValue),
                               hex(kValue, "", kLower),
                               hex(kValue, "", kUpper),
                               hex(kValue, "%", kLower),
                               hex(kValue, "%", kUpper),
                               hex(kValue, "\\u00", kLower),
                               hex(kValue, "\\u00", kUpper),
                               reserved_lower,
                               reserved_upper,
                               json,
                               php};
  for (const std::string& text : texts) {
    EXPECT_EQ(hidden("a=" + text + "\n", secrets), "a=[redacted:key]\n") << text;
  }
}

TEST(KnownSecrets, AreHiddenInBase64AtEveryAlignment) {
  const KnownSecrets secrets = known(kValue);
  for (const std::string before : {"u:", "us:", "use:", "user:"}) {
    for (const std::string after : {"", "!", "!!", "!!!"}) {
      for (const std::string& text :
           {base64(before + kValue + after), base64url(before + kValue + after)}) {
        const std::string out = hidden(text, secrets);
        // What is left is the neighbours and the characters that the value shares with them.
        EXPECT_LE(out.size(),
                  std::string("[redacted:key]").size() + base64(before + after).size() + 2)
            << out;
        EXPECT_NE(out.find("[redacted:key]"), std::string::npos);
      }
    }
  }
}

TEST(KnownSecrets, APartOfTwelveCharactersIsHiddenAndNoneOfEleven) {
  const KnownSecrets secrets = known(kValue);
  const std::string encoded = base64(kValue);
  for (std::size_t at = 4; at + 12 <= kValue.size(); ++at) {
    EXPECT_EQ(hidden("<" + kValue.substr(at, 12) + ">", secrets), "<[redacted:key]>");
    const std::string eleven = "<" + kValue.substr(at, 11) + ">";
    EXPECT_EQ(hidden(eleven, secrets), eleven);
  }
  for (std::size_t at = 16; at + 12 <= encoded.size(); ++at) {
    EXPECT_EQ(hidden("<" + encoded.substr(at, 12) + ">", secrets), "<[redacted:key]>");
  }
}

TEST(KnownSecrets, WhatIsPublicOrOneByteRepeatedIsNoPart) {
  KnownSecrets secrets = known(kPrefix + std::string(80, 'a'));
  const std::string pem = std::string("-----BEGIN RSA PRIVATE") + " KEY-----\n" +
                          "MIIEpAIBAAKCAQEA7bXq3kPzT\nQm9Zr4LsW8xYv2\nAB==\n" +
                          "-----END RSA PRIVATE" + " KEY-----\n";
  EXPECT_TRUE(secrets.add("pem", pem));
  for (const std::string& text :
       {kPrefix + "b", std::string(100, 'a'), "-----BEGIN RSA PRIVATE" + std::string(" KEY-----"),
        base64("-----BEGIN RSA PRIVATE" + std::string(" KEY-----")),
        std::string("MIIEpAIBAAKCAQEA")}) {
    EXPECT_EQ(hidden(text, secrets), text);
  }
  EXPECT_EQ(hidden(kPrefix + std::string(80, 'a'), secrets), "[redacted:key]") << "as a whole";
  EXPECT_EQ(hidden("  Qm9Zr4LsW8xYv2", secrets), "  [redacted:pem]") << "a line of it";
  EXPECT_EQ(hidden(pem, secrets), "[redacted:pem]\n");
}

TEST(KnownSecrets, ShortValuesAreHiddenWholeAndEncoded) {
  const KnownSecrets secrets = known("hunter7");
  for (const std::string& text : {std::string("hunter7"), std::string("7retnuh"), base64("hunter7"),
                                  hex("hunter7", "", kLower), hex("hunter7", "%", kUpper)}) {
    EXPECT_EQ(hidden("p " + text + ".", secrets), "p [redacted:key].") << text;
  }
  EXPECT_EQ(hidden("hunter", secrets), "hunter");
  EXPECT_EQ(hidden("hunter7 " + base64("hunter7"), secrets), "[redacted:key] [redacted:key]")
      << "the longer form is found first";
}

TEST(KnownSecrets, WholeOnlyMeansNeitherPartsNorForms) {
  const std::string placeholder = "BERM_PLACEHOLDER_0123456789";
  const KnownSecrets secrets = known(placeholder, Recognise::whole_only);
  EXPECT_EQ(hidden("x" + placeholder + "y", secrets), "x[redacted:key]y");
  for (const std::string& text : {placeholder.substr(1), base64(placeholder)}) {
    EXPECT_EQ(hidden(text, secrets), text);
  }
}

TEST(KnownSecrets, RefusesWhatWouldHideInnocentText) {
  KnownSecrets secrets;
  EXPECT_FALSE(secrets.add("key", "short"));
  EXPECT_FALSE(secrets.add("key", "short\r\n")) << "line ends do not count";
  EXPECT_FALSE(secrets.add("key", std::string(65537, 'x')));
  EXPECT_FALSE(secrets.add("key", std::string(300, 'x')));
  EXPECT_FALSE(secrets.add("", kValue));
  EXPECT_FALSE(secrets.add("a]b", kValue));
  EXPECT_FALSE(
      secrets.add("a\x1b"
                  "b",
                  kValue));
  EXPECT_TRUE(secrets.empty());
  EXPECT_EQ(hidden("short", secrets), "short");
}

TEST(KnownSecrets, ALineEndBehindTheValueIsNoPartOfIt) {
  EXPECT_EQ(hidden("hunter7", known("hunter7\n")), "[redacted:key]");
}

TEST(KnownSecrets, TheOneThatBeginsFirstNamesWhatOverlaps) {
  KnownSecrets secrets;
  EXPECT_TRUE(secrets.add("first", "AbCdEfGhIjKlMnOp"));
  EXPECT_TRUE(secrets.add("second", "MnOpQrStUvWxYz12"));
  EXPECT_EQ(hidden("AbCdEfGhIjKlMnOpQrStUvWxYz12", secrets), "[redacted:first]");
  EXPECT_EQ(hidden("MnOpQrStUvWxYz12AbCdEfGhIjKlMnOp", secrets),
            "[redacted:second][redacted:first]");
}

TEST(KnownSecrets, FindExactlyWhatASlowSearchFinds) {
  std::mt19937 random(7);
  const auto letter = [&] { return static_cast<char>('a' + random() % 3); };
  for (int round = 0; round < 300; ++round) {
    std::string value;
    for (std::size_t i = 0; i < 12 + random() % 20; ++i) value += letter();
    std::string text;
    while (text.size() < 400) {
      if (random() % 8 == 0) text += value.substr(random() % value.size(), random() % 20);
      text += letter();
    }
    KnownSecrets secrets;
    if (!secrets.add("k", value, Recognise::whole_only)) continue;
    std::vector<SecretSpan> found;
    secrets.find(text, 0, found);
    std::vector<bool> fast(text.size()), slow(text.size());
    for (const SecretSpan& span : found) {
      for (std::size_t i = span.begin; i < span.end; ++i) fast[i] = true;
    }
    for (std::size_t at = text.find(value); at != std::string::npos;
         at = text.find(value, at + 1)) {
      for (std::size_t i = at; i < at + value.size(); ++i) slow[i] = true;
    }
    EXPECT_EQ(fast, slow) << value << "\n" << text;
  }
}

TEST(KnownSecrets, CannotBeCopied) {
  EXPECT_FALSE(std::is_copy_constructible_v<KnownSecrets>);
  EXPECT_TRUE(std::is_move_constructible_v<KnownSecrets>);
}

}  // namespace
}  // namespace berm
