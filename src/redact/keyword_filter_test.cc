#include "redact/keyword_filter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "base/text.h"
#include "redact/keywords.h"

namespace berm {
namespace {

constexpr std::size_t kBlock = KeywordFilter::kBlock;

std::vector<BlockMasks> masks(const KeywordFilter& filter, std::string text) {
  std::vector<BlockMasks> result(text.size() / kBlock);
  text.resize(text.size() + KeywordFilter::kBehind);
  filter.scan(text.data(), result);
  return result;
}

std::vector<KeywordHit> hits_in(const Keywords& keywords, std::string_view text, std::size_t from) {
  std::vector<KeywordHit> hits;
  keywords.find(text, from, hits);
  std::ranges::sort(hits, {},
                    [](const KeywordHit& hit) { return std::tuple(hit.at, hit.rule, hit.length); });
  return hits;
}

/// Keywords, torn ones, their neighbours and any bytes, so that most of the text nearly is one.
std::string dense_text(std::mt19937_64& source) {
  static const std::vector<std::string> kKeywords = [] {
    std::vector<std::string> all;
    for (const PatternRule& rule : pattern_rules()) {
      for (const std::string_view keyword : split(rule.keywords, ' ')) all.emplace_back(keyword);
    }
    return all;
  }();
  constexpr std::string_view kBetween[] = {" ",    "_",          "m",  "\\n", "%20", "\x1b[m",
                                           "\x1b", "\x1b[1;31m", "7Q", "Q~",  "://", "\xc3\xa9"};
  std::string text;
  const std::size_t size = source() % 400;
  while (text.size() < size) {
    std::string part = kKeywords[source() % kKeywords.size()];
    if (source() % 4 == 0) part = part.substr(source() % 3, 3 + source() % 3);
    if (source() % 4 == 0 && !part.empty())
      part[source() % part.size()] ^= static_cast<char>(source() % 3 * 32);
    text += part;
    if (source() % 2 == 0) text += kBetween[source() % std::size(kBetween)];
    if (source() % 8 == 0) text += static_cast<char>(source());
  }
  return text;
}

TEST(KeywordFilter, GivesTheSameMasksWithVectorsAndWithout) {
  const KeywordFilter::Gram openings[] = {{"g", "h", "p", "_"}, {"h", "f", "_", ""}};
  const KeywordFilter::Gram samples[] = {{"sS", "eE", "cC", "rR"}, {":", "/", "/", ""}};
  const KeywordFilter fast(openings, samples, Vectors::if_present);
  const KeywordFilter plain(openings, samples, Vectors::never);
  std::mt19937_64 source(1);
  for (int round = 0; round < 2000; ++round) {
    std::string text(3 * kBlock, 'x');
    for (char& c : text) c = "ghpf_seSCcr:/ m\\%\x1b\xe7"[source() % 19];
    text[source() % text.size()] = static_cast<char>(source());
    ASSERT_EQ(masks(fast, text), masks(plain, text)) << text;
  }
  for (int c = 0; c < 256; ++c) {
    const std::string text(kBlock, static_cast<char>(c));
    const bool in_word = is_in(Alphabet::word, static_cast<char>(c));
    const bool escapes = c == '\\' || c == '%' || c == '\x1b';
    EXPECT_EQ(masks(plain, text)[0].word, in_word ? ~std::uint64_t{0} : 0) << c;
    EXPECT_EQ(masks(plain, text)[0].escape, escapes ? ~std::uint64_t{0} : 0) << c;
    EXPECT_EQ(masks(plain, text)[0].m, c == 'm' ? ~std::uint64_t{0} : 0) << c;
    EXPECT_EQ(masks(fast, text), masks(plain, text)) << c;
  }
}

TEST(KeywordFilter, MissesNothingAndPassesWhateverFollowsAShortOne) {
  const KeywordFilter::Gram openings[] = {{"h", "f", "_", ""}};
  const KeywordFilter filter(openings, {}, Vectors::if_present);
  for (int c = 0; c < 256; ++c) {
    std::string text(kBlock, ' ');
    text.replace(30, 4, std::string("hf_") + static_cast<char>(c));
    EXPECT_EQ(masks(filter, text)[0].openings, std::uint64_t{1} << 30) << c;
    EXPECT_EQ(masks(filter, text)[0].samples, 0U);
  }
}

TEST(Keywords, AreTheSameWithVectorsAndWithoutAndFromAnyPlace) {
  const Keywords fast(pattern_rules());
  const Keywords plain(pattern_rules(), Vectors::never);
  std::mt19937_64 source(1);
  std::size_t found = 0;
  for (int round = 0; round < 3000; ++round) {
    const std::string text = dense_text(source);
    const std::vector<KeywordHit> all = hits_in(plain, text, 0);
    ASSERT_EQ(hits_in(fast, text, 0), all) << text;
    const std::size_t from = source() % (text.size() + 1);
    std::vector<KeywordHit> rest;
    std::ranges::copy_if(all, std::back_inserter(rest),
                         [from](const KeywordHit& hit) { return hit.at >= from; });
    ASSERT_EQ(hits_in(fast, text, from), rest) << text << " from " << from;
    found += all.size();
  }
  EXPECT_GT(found, 10000U) << "else the texts test nothing";
}

// Each keyword at each place of a dense text, compared byte by byte.
TEST(Keywords, ThatStandAnywhereAreAllFound) {
  const Keywords keywords(pattern_rules());
  std::mt19937_64 source(2);
  for (int round = 0; round < 200; ++round) {
    const std::string text = dense_text(source);
    std::vector<KeywordHit> expected;
    const auto rules = pattern_rules();
    for (std::size_t rule = 0; rule < rules.size(); ++rule) {
      if (rules[rule].where != Keyword::anywhere) continue;
      for (const std::string_view keyword : split(rules[rule].keywords, ' ')) {
        const std::string small = lower(text);
        for (std::size_t at = small.find(keyword); at != std::string::npos;
             at = small.find(keyword, at + 1)) {
          expected.push_back(
              {at, static_cast<std::uint16_t>(rule), static_cast<std::uint16_t>(keyword.size())});
        }
      }
    }
    std::ranges::sort(expected, {}, [](const KeywordHit& hit) {
      return std::tuple(hit.at, hit.rule, hit.length);
    });
    std::vector<KeywordHit> hits = hits_in(keywords, text, 0);
    std::erase_if(
        hits, [&](const KeywordHit& hit) { return rules[hit.rule].where != Keyword::anywhere; });
    ASSERT_EQ(hits, expected) << text;
  }
}

}  // namespace
}  // namespace berm
