#include <gtest/gtest.h>

#include <string>

#include "base/base64.h"
#include "base/glob.h"
#include "base/path.h"
#include "base/secret.h"
#include "base/text.h"
#include "base/units.h"

namespace berm {
namespace {

TEST(HostPath, AcceptsOnlyNormalForm) {
  const struct {
    std::string_view text;
    bool ok;
  } kCases[] = {
      {"/", true},        {"/srv/repo", true}, {"/..data", true},  // ".." only as a prefix
      {"", false},        {"work", false},     {"/a//b", false},      {"/a/./b", false},
      {"/a/../b", false}, {"/a/", false},      {{"/a\0b", 4}, false},  // a C API would stop at the
                                                                       // NUL and mount "/a"
  };
  for (const auto& [text, ok] : kCases) {
    SCOPED_TRACE(text);
    EXPECT_EQ(HostPath::parse(text).has_value(), ok);
  }
  EXPECT_FALSE(HostPath::parse("/" + std::string(256, 'a')).has_value()) << "longer than NAME_MAX";
}

TEST(HostPath, IsWithinComparesWholeComponents) {
  const HostPath root = *HostPath::parse("/srv/repo");
  EXPECT_TRUE(HostPath::parse("/srv/repo/a")->is_within(root));
  EXPECT_TRUE(root.is_within(root));
  EXPECT_FALSE(HostPath::parse("/srv/repository")->is_within(root));
}

TEST(Glob, MatchesAsAPolicyReads) {
  const struct {
    std::string_view pattern, path;
    bool covered;
  } kCases[] = {
      {"src/**", "src/a/b.c", true},
      {"src/**", "src", false},        // what is below, not the directory itself
      {"src/**", "srcs/a", false},     // whole components
      {"src/**", "lib/src/a", false},  // anchored
      {"*.pem", "a/b/key.pem", true},  // no slash: at any depth
      {"*.pem", "key.pem.txt", false},
      {".env*", ".env.local", true},
      {"**/x", "x", true},
      {"**/x", "a/b/x", true},
      {"a/*/c", "a/b/c", true},
      {"a/*/c", "a/b/d/c", false},  // '*' does not cross '/'
      {"a/**/c", "a/c", true},
      {"[a-c]x", "bx", true},
      {"[!a-c]x", "bx", false},
      {"\\*", "*", true},
      {"\\*", "a", false},
      {"docs", "docs/deep/file", true},  // a directory covers what is below
      {"**", "anything/at/all", true},
  };
  for (const auto& [pattern, path, covered] : kCases) {
    SCOPED_TRACE(std::string(pattern) + " ~ " + std::string(path));
    EXPECT_EQ(Glob::parse(pattern)->covers(path), covered);
  }
}

TEST(Glob, RefusesWhatCannotBeMeant) {
  EXPECT_FALSE(Glob::parse("[\\]").has_value()) << "it would match nothing, and hide nothing";
  for (const std::string_view pattern : {"", "/etc", "a/../b", "a//b", "[ab", "x\\"}) {
    EXPECT_FALSE(Glob::parse(pattern).has_value()) << pattern;
  }
}

TEST(Glob, ManyStarsTakeNoExponentialTime) {
  // Fails by the test's own time-out if the matcher backtracks over more than the last star.
  const Glob glob = *Glob::parse("*a*a*a*a*a*a*a*a*a*a*a*a*b");
  EXPECT_FALSE(glob.covers(std::string(200, 'a')));
}

TEST(Units, SizesAndTimesParseAndPrintBack) {
  EXPECT_EQ(parse_bytes("4GiB")->count, 4ULL << 30);
  EXPECT_EQ(parse_bytes("10MB")->count, 10000000U);
  EXPECT_EQ(parse_bytes("17")->count, 17U);
  for (const char* bad :
       {"", "GiB", "-1", "1.5GiB", "1 QiB", "99999999999999999999", "9999999TiB"}) {
    EXPECT_FALSE(parse_bytes(bad).has_value()) << bad;
  }
  EXPECT_EQ(parse_duration("1h30m")->count(), 5400000);
  EXPECT_EQ(parse_duration("250ms")->count(), 250);
  for (const char* bad : {"", "30", "h", "1y", "-5s", "99999999999d"}) {
    EXPECT_FALSE(parse_duration(bad).has_value()) << bad;
  }
  for (const std::uint64_t n : {1ULL, 1023ULL, 1ULL << 20, (1ULL << 31) + 1}) {
    EXPECT_EQ(parse_bytes(to_policy_text(Bytes{n}))->count, n);
  }
}

TEST(Text, NothingThatATerminalActsOnGetsThrough) {
  EXPECT_EQ(printable("a\nb"), "a\\nb");
  EXPECT_EQ(printable("\x1b]0;title\x07"), "\\e]0;title\\x07");
  EXPECT_EQ(printable("\xff\xfe"), "\\xff\\xfe");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\xc2\\x9b31m")
      << "C1 control sequence introducer";
  EXPECT_EQ(printable("\xe2\x80\xae"
                      "x"),
            "\\u{202E}x")
      << "right-to-left override";
  EXPECT_EQ(printable("für"), "für");
}

TEST(Text, AgentOutputKeepsColoursOnly) {
  EXPECT_EQ(terminal_safe("\x1b[31mred\x1b[0m\n"), "\x1b[31mred\x1b[0m\n");
  EXPECT_EQ(terminal_safe("\x1b]52;c;AAAA\x07"), "\\e]52;c;AAAA\\x07") << "clipboard";
  EXPECT_EQ(terminal_safe("\x1b[6n"), "\\e[6n") << "a query that types its answer";
  EXPECT_EQ(terminal_safe("\x1b[2J"), "\\e[2J");
}

TEST(Text, Utf8DecoderRefusesWhatUnicodeRefuses) {
  char32_t out = 0;
  EXPECT_EQ(decode_utf8("\xc0\xaf", 0, out), 0U) << "overlong slash";
  EXPECT_EQ(decode_utf8("\xed\xa0\x80", 0, out), 0U) << "surrogate";
  EXPECT_EQ(decode_utf8("\xf4\x90\x80\x80", 0, out), 0U) << "above U+10FFFF";
  EXPECT_EQ(decode_utf8("\xf3\xa0\x80\x81", 0, out), 4U);
  EXPECT_TRUE(is_hidden_character(out)) << "tag character";
}

TEST(Text, NearestSuggestsOnlyWhatIsNear) {
  constexpr std::string_view kWords[] = {"allow", "mode", "rule"};
  EXPECT_EQ(nearest("allows", kWords), "allow");
  EXPECT_EQ(nearest("zebra-crossing", kWords), "");
}

TEST(Secret, PrintsAsAPlaceholderAndCannotBeCopied) {
  const Secret secret(std::string("hunter2"));
  EXPECT_EQ(fmt::format("{}", secret), "<secret>");
  EXPECT_EQ(secret.reveal(), "hunter2");
  static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);
}

// RFC 4648 §10.
TEST(Base64, EncodesAndDecodesTheVectorsOfItsRfc) {
  const std::pair<std::string_view, std::string_view> vectors[] = {{"", ""},
                                                                   {"f", "Zg=="},
                                                                   {"fo", "Zm8="},
                                                                   {"foo", "Zm9v"},
                                                                   {"foob", "Zm9vYg=="},
                                                                   {"fooba", "Zm9vYmE="},
                                                                   {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(base64(bytes), text);
    EXPECT_EQ(base64_decoded(text), bytes);
    EXPECT_EQ(base64_decoded(base64url(bytes)), bytes);
  }
  EXPECT_EQ(base64url("\xfb\xff"), "-_8");
  for (const char* bad : {"Z", "Zg=", "Zg===", "Z g=", "Zm9v=", "\n"}) {
    EXPECT_EQ(base64_decoded(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace berm
