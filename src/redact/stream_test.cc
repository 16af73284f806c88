#include "redact/stream.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "base/base64.h"
#include "redact/redactor.h"

namespace berm {
namespace {

const std::string kValue = "Zk4tWq9LmXr2Vb7NcY5hPd3F";
const std::string kToken = std::string("ghp") + "_" + std::string(18, 'A') + std::string(18, '1');
const std::string kFrame = std::string("-----BEGIN RSA PRIVATE") + " KEY-----";
const std::string kFrameEnd = std::string("-----END RSA PRIVATE") + " KEY-----";

KnownSecrets known() {
  KnownSecrets secrets;
  EXPECT_TRUE(secrets.add("key", kValue));
  return secrets;
}

std::string in_pieces(std::string_view text, std::size_t size, const KnownSecrets& secrets) {
  RedactingStream stream(secrets);
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += size) out += stream.feed(text.substr(at, size));
  return out + stream.finish();
}

std::string long_text() {
  return "start " + kValue + " mid " + base64("u:" + kValue) + "\nexport T=" + kToken +
         "\nDB_PASSWORD = \"q8w7e6r5t4z3\" postgres://app:s3cr3tpw@db/x\n" + kFrame +
         "\nMIIEabc\nQUJD+/==\n" + kFrameEnd + "\ntext behind\n\"a\\n" + kToken + "\" \x1b[1;31m" +
         kToken + "\x1b[0m " + kValue.substr(3, 14) + " " + std::string("xoxb-") +
         std::string(3000, '7') + " end sk-";
}

TEST(Redactor, HidesKnownSecretsAndCredentials) {
  EXPECT_EQ(
      redact(long_text(), known()),
      "start [redacted:key] mid dTp[redacted:key]\nexport T=[redacted:github-token]\n"
      "DB_PASSWORD = \"[redacted:password]\" postgres://app:[redacted:url-password]@db/x\n"
      "[redacted:private-key]\ntext behind\n\"a\\n[redacted:github-token]\" "
      "\x1b[1;31m[redacted:github-token]\x1b[0m [redacted:key] [redacted:slack-token] end sk-");
}

// The quick look may only err in one direction.
TEST(Redactor, WhatTheQuickLookPassesIsNotChanged) {
  const KnownSecrets secrets = known();
  const std::string text = long_text();
  std::minstd_rand random(7);
  int clean = 0;
  int hidden = 0;
  for (int round = 0; round < 4000; ++round) {
    const auto slice = [&] {
      std::string part = text.substr(random() % text.size(), random() % 60);
      if (round % 2 == 0) std::erase_if(part, [](char c) { return c < ' ' || c == '"'; });
      return part;
    };
    const nlohmann::json value = {{"a", slice()}, {"b", {slice(), 7, slice()}}, {slice(), true}};
    const bool changed = redact_json(value, secrets) != value;
    const bool passed = is_clean_json(value.dump(), secrets);
    ASSERT_FALSE(changed && passed) << value.dump();
    clean += passed ? 1 : 0;
    hidden += changed ? 1 : 0;
  }
  EXPECT_GT(clean, 100);
  EXPECT_GT(hidden, 100);
}

TEST(RedactingStream, ASecretSplitOverAnyWritesIsRedacted) {
  const KnownSecrets secrets = known();
  const std::string text = long_text();
  const std::string whole = redact(text, secrets);
  for (std::size_t size = 1; size < 80; ++size) {
    EXPECT_EQ(in_pieces(text, size, secrets), whole) << size;
  }
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    RedactingStream stream(secrets);
    std::string out = stream.feed(text.substr(0, cut));
    out += stream.feed(text.substr(cut));
    out += stream.finish();
    ASSERT_EQ(out, whole) << cut;
  }
}

TEST(RedactingStream, HoldsOnlyWhatMayBeTheBeginningOfASecret) {
  const KnownSecrets secrets = known();
  RedactingStream stream(secrets);
  EXPECT_EQ(stream.feed("$ ls -l\n"), "$ ls -l\n");
  EXPECT_EQ(stream.feed("password: "), "password: ") << "a lead is no secret";
  EXPECT_EQ(stream.feed("\nghost Zk4"), "\nghost ");
  EXPECT_EQ(stream.held(), 3U);
  EXPECT_EQ(stream.feed("!"), "Zk4!");
  EXPECT_EQ(stream.feed(" gh"), " ");
  EXPECT_EQ(stream.feed("p"), "");
  EXPECT_EQ(stream.feed("x "), "ghpx ");
  EXPECT_EQ(stream.finish(), "");
}

TEST(RedactingStream, AKeyIsSwallowedWithoutBeingHeld) {
  const KnownSecrets secrets = known();
  RedactingStream stream(secrets);
  std::string out = stream.feed("a " + kFrame + "\n");
  for (int line = 0; line < 60; ++line) {
    out += stream.feed(std::string(64, 'M') + "\n");
    EXPECT_LE(stream.held(), 80U);
  }
  out += stream.feed(kFrameEnd + "\nb\n");
  out += stream.finish();
  EXPECT_EQ(out, "a [redacted:private-key]\nb\n");
}

TEST(RedactingStream, HoldsAtMostItsBound) {
  const KnownSecrets secrets = known();
  const std::size_t bound = PatternRule::kSecret + 32;
  for (const std::string& text : {"xoxb-" + std::string(5000, '7'), "eyJ" + std::string(5000, 'e'),
                                  std::string(5000, '-'), "password=" + std::string(5000, 'e')}) {
    RedactingStream stream(secrets);
    std::string out;
    for (const char c : text) {
      out += stream.feed({&c, 1});
      ASSERT_LE(stream.held(), bound);
    }
    EXPECT_EQ(out + stream.finish(), redact(text, secrets));
  }
}

TEST(RedactingStream, KeywordsOneBehindTheOtherAreJudgedLikeAnyOther) {
  const KnownSecrets none;
  const auto repeated = [](std::string_view what, int times) {
    std::string text;
    while (times-- > 0) text += what;
    return text;
  };
  const std::string claims = "." + std::string("eyJ") + std::string(20, 'c');
  const struct {
    std::string text, expected;
  } kCases[] = {
      {repeated("-eyJ", 900), repeated("-eyJ", 900)},
      {repeated("-eyJ", 900) + claims + " x", repeated("-eyJ", 649) + "-[redacted:jwt] x"},
      {repeated("glrt-", 900) + " x", "[redacted:gitlab-token] x"},
      {repeated("password=", 300) + " x", repeated("password=", 300) + " x"},
      {repeated("password=", 300) + "1 x", repeated("password=", 290) + "[redacted:password] x"},
      {"a glrt-" + std::string(20, 'a') + "/glrt-" + std::string(20, 'b'),
       "a [redacted:gitlab-token]/[redacted:gitlab-token]"},
  };
  for (const auto& [text, expected] : kCases) {
    EXPECT_EQ(redact(text, none), expected);
    for (const std::size_t size : {7U, 100U, 1500U}) {
      EXPECT_EQ(in_pieces(text, size, none), expected) << size;
    }
  }
}

TEST(RedactingStream, AFlushedBeginningIsSeenAndTheRestIsHidden) {
  const KnownSecrets secrets = known();
  RedactingStream stream(secrets);
  std::string out = stream.feed("x " + kValue.substr(0, 5));
  out += stream.flush();
  EXPECT_EQ(out, "x " + kValue.substr(0, 5));
  out += stream.feed(kValue.substr(5) + " y");
  EXPECT_EQ(out + stream.finish(), "x " + kValue.substr(0, 5) + "[redacted:key] y");
}

TEST(RedactingStream, ASecretFlushedAfterEveryByteShowsElevenOfThem) {
  const KnownSecrets secrets = known();
  RedactingStream stream(secrets);
  std::string out;
  for (const char c : kValue) {
    out += stream.feed({&c, 1});
    out += stream.flush();
  }
  EXPECT_EQ(out + stream.finish(), kValue.substr(0, 11) + "[redacted:key]");
}

TEST(RedactingStream, BeginsAnewBehindItsEnd) {
  const KnownSecrets secrets = known();
  RedactingStream stream(secrets);
  EXPECT_EQ(stream.feed(kValue.substr(0, 11)), "");
  EXPECT_EQ(stream.finish(), kValue.substr(0, 11));
  std::string out = stream.feed(kValue.substr(11));
  out += stream.finish();
  EXPECT_EQ(out, "[redacted:key]");
}

TEST(RedactingStream, FindsASecretThatIsAddedWhileItRuns) {
  KnownSecrets secrets;
  RedactingStream stream(secrets);
  EXPECT_EQ(stream.feed(kValue + " "), kValue + " ");
  EXPECT_TRUE(secrets.add("renewed", kValue));
  EXPECT_EQ(stream.feed(kValue + " "), "[redacted:renewed] ");
}

}  // namespace
}  // namespace berm
