#include "redact/keywords.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/text.h"

namespace berm {
namespace {

constexpr std::size_t kBlock = KeywordFilter::kBlock;
constexpr std::size_t kOpening = 3;  // no keyword is shorter but the pairs
constexpr std::size_t kSample = KeywordFilter::kGram;
constexpr std::uint32_t kLowerCase = 0x20202020;

std::size_t less(std::size_t from, std::size_t what) { return from - std::min(from, what); }

// Hashes, so that the bitmaps fit the first-level cache. Three bytes: words may be as short. Four
// where keywords are longer: 3-grams of "password" are in every other line.
std::uint32_t hash_of_opening(const char* at) {
  // Not memcpy: to load what was stored in two parts stalls the processor.
  const auto byte = [at](std::size_t i) {
    return std::uint32_t{static_cast<unsigned char>(at[i])};
  };
  return (byte(0) | byte(1) << 8 | byte(2) << 16) * 0x9E3779B1 >> 17;
}
std::uint32_t hash_of_sample(const char* at) {
  std::uint32_t bytes;
  std::memcpy(&bytes, at, sizeof bytes);
  return (bytes | kLowerCase) * 0x9E3779B1 >> 17;
}

char lower_case(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

bool is_hex_digit(char c) {
  return (c >= '0' && c <= '9') || (lower_case(c) >= 'a' && lower_case(c) <= 'f');
}

bool is_word_byte(char c) { return is_in(Alphabet::word, c); }

// Is text[at - 1] the end of an escape, so that a word begins behind it though it is a letter? In
// the source "\nghp_", in a query "%20ghp_", on a terminal "\x1b[1mghp_".
bool ends_an_escape(std::string_view text, std::size_t at) {
  const char last = text[at - 1];
  if (at >= 2 && text[at - 2] == '\\') {
    return std::string_view("nrtbfve0").find(last) != std::string_view::npos;
  }
  if (at >= 3 && text[at - 3] == '%') return is_hex_digit(text[at - 2]) && is_hex_digit(last);
  if (last != 'm') return false;
  for (std::size_t i = at - 1; i-- > 0 && at - i <= Keywords::kBehind - 1;) {
    if (text[i] == '[') return i > 0 && text[i - 1] == '\x1b';
    if (text[i] != ';' && (text[i] < '0' || text[i] > '9')) return false;
  }
  return false;
}

bool is_word_start(std::string_view text, std::size_t at) {
  return at == 0 || !is_word_byte(text[at - 1]) || ends_an_escape(text, at);
}

// "abc8Q~…": a client secret of Azure has three characters and a digit before its mark.
bool is_azure_mark(std::string_view text, std::size_t at) {
  if (at < 4 || text[at - 1] < '0' || text[at - 1] > '9') return false;
  return std::ranges::all_of(text.substr(at - 4, 3),
                             [](char c) { return is_in(Alphabet::token, c) || c == '~'; });
}

// Where the `size` bytes of `keyword` begin that are the least common in text.
std::size_t rarest_stretch(std::string_view keyword, std::size_t size) {
  constexpr std::string_view kCommonFirst = " etaoinsrhldcumfpgwybvkxjqz";
  const auto rarity = [&](std::size_t at) {
    std::size_t sum = 0;
    for (const char c : keyword.substr(at, size)) {
      sum += std::min(kCommonFirst.find(c), kCommonFirst.size());
    }
    return sum;
  };
  std::size_t rarest = 0;
  for (std::size_t at = 0; at + size <= keyword.size(); ++at) {
    if (rarity(at) > rarity(rarest)) rarest = at;
  }
  return rarest;
}

constexpr auto kEitherCase = [] {
  std::array<char, 512> table = {};
  for (std::size_t c = 0; c < 256; ++c) {
    table[2 * c] = static_cast<char>(c);
    table[2 * c + 1] = static_cast<char>(c >= 'a' && c <= 'z' ? c - 0x20 : c);
  }
  return table;
}();

std::string_view either_case(char c) {
  return {&kEitherCase[std::size_t{2} * static_cast<unsigned char>(c)], 2};
}

// Where a word may begin, and in vain behind 'm' and two and three bytes behind a sign of escape:
// is_word_start() decides.
std::uint64_t word_starts(const BlockMasks& before, const BlockMasks& block) {
  std::uint64_t starts = ~(block.word << 1 | before.word >> 63);
  if ((block.escape | before.escape) != 0) {
    starts |= block.escape << 2 | before.escape >> 62 | block.escape << 3 | before.escape >> 61;
    starts |= block.m << 1 | before.m >> 63;
  }
  return starts & block.word;
}

}  // namespace

Keywords::Keywords(std::span<const PatternRule> rules, Vectors vectors) {
  words_.heads.resize(words_.present.size());
  anywhere_.heads.resize(anywhere_.present.size());
  for (std::size_t number = 0; number < rules.size(); ++number) {
    for (const std::string_view keyword : split(rules[number].keywords, ' ')) {
      add(keyword, rules[number], number);
    }
  }
  std::vector<KeywordFilter::Gram> openings;
  // Behind a digit, as is_azure_mark() wants it: "Q~" alone would leave the filter little to see.
  std::vector<KeywordFilter::Gram> samples = {{"0123456789", "Q", "~", ""}, {":", "/", "/", ""}};
  for (std::size_t number = 0; number < entries_.size(); ++number) {
    const std::string_view text = entries_[number].text;
    if (entries_[number].where == Keyword::word) {
      openings.push_back(
          {text.substr(0, 1), text.substr(1, 1), text.substr(2, 1), text.substr(kOpening, 1)});
      add_gram(words_, hash_of_opening(text.data()), number, 0);
    } else if (entries_[number].where == Keyword::anywhere) {
      const std::size_t at = rarest_stretch(text, kSample);
      samples.push_back({either_case(text[at]), either_case(text[at + 1]),
                         either_case(text[at + 2]), either_case(text[at + 3])});
      add_gram(anywhere_, hash_of_sample(text.data() + at), number, at);
    }
  }
  filter_ = KeywordFilter(openings, samples, vectors);
}

void Keywords::add(std::string_view text, const PatternRule& rule, std::size_t number) {
  by_first_[static_cast<unsigned char>(text[0])].push_back(
      static_cast<std::uint16_t>(entries_.size()));
  entries_.push_back(
      {std::string(text), static_cast<std::uint16_t>(number), rule.where, rule.lead.empty()});
  longest_ = std::max(longest_, text.size());
}

void Keywords::add_gram(Grams& grams, std::uint32_t hash, std::size_t entry, std::size_t offset) {
  grams.present.set(hash);
  grams.places.push_back(
      {static_cast<std::uint16_t>(entry), static_cast<std::uint16_t>(offset), grams.heads[hash]});
  grams.heads[hash] = static_cast<std::uint16_t>(grams.places.size() - 1);
}

bool Keywords::is_at(const Entry& entry, std::string_view text, std::size_t at) const {
  const std::string_view found = text.substr(at, entry.text.size());
  if (entry.where == Keyword::anywhere) {
    return std::ranges::equal(found, entry.text, {}, lower_case);
  }
  if (found != entry.text) return false;
  if (entry.where == Keyword::word) return is_word_start(text, at);
  return entry.text != "Q~" || is_azure_mark(text, at);
}

// What has this hash is at `at`: which keywords that begin at `from` or later are around it?
void Keywords::confirm(const Grams& grams, std::uint32_t hash, std::string_view text,
                       std::size_t at, std::size_t from, std::vector<KeywordHit>& out) const {
  for (std::size_t place = grams.heads[hash]; place != 0; place = grams.places[place].next) {
    const std::size_t offset = grams.places[place].offset;
    if (at < from + offset) continue;
    const Entry& entry = entries_[grams.places[place].entry];
    if (!is_at(entry, text, at - offset)) continue;
    out.push_back({at - offset, entry.rule, static_cast<std::uint16_t>(entry.text.size())});
  }
}

void Keywords::confirm_pair(std::string_view text, std::size_t at,
                            std::vector<KeywordHit>& out) const {
  for (const std::uint16_t number : by_first_[static_cast<unsigned char>(text[at])]) {
    const Entry& entry = entries_[number];
    if (entry.where != Keyword::pair || !is_at(entry, text, at)) continue;
    out.push_back({at, entry.rule, static_cast<std::uint16_t>(entry.text.size())});
  }
}

void Keywords::visit_opening(std::string_view text, std::size_t at, std::size_t from,
                             std::vector<KeywordHit>& out) const {
  if (at + kOpening > text.size()) return;
  const std::uint32_t hash = hash_of_opening(text.data() + at);
  if (words_.present[hash]) confirm(words_, hash, text, at, from, out);
}

void Keywords::visit_sample(std::string_view text, std::size_t at, std::size_t from,
                            std::vector<KeywordHit>& out) const {
  // The pairs: "://", and a digit before "Q~".
  for (const std::size_t pair : {at, at + 1}) {
    if (pair < from || pair >= text.size()) continue;
    if (text[pair] == (pair == at ? ':' : 'Q')) confirm_pair(text, pair, out);
  }
  if (at + kSample > text.size()) return;
  const std::uint32_t hash = hash_of_sample(text.data() + at);
  if (anywhere_.present[hash]) confirm(anywhere_, hash, text, at, from, out);
}

void Keywords::find(std::string_view text, std::size_t from, std::vector<KeywordHit>& out) const {
  if (from >= text.size()) return;
  constexpr std::size_t kBatch = 64;  // blocks; their masks stay in the first-level cache
  std::array<BlockMasks, kBatch> masks;
  BlockMasks before = {};
  // From a block earlier on: what stands before a word is then known.
  std::size_t at = less(from, kBlock);
  const auto visit = [&](std::span<const BlockMasks> blocks) {
    for (const BlockMasks& block : blocks) {
      std::uint64_t openings = word_starts(before, block) & block.openings;
      for (; openings != 0; openings &= openings - 1) {
        visit_opening(text, at + static_cast<std::size_t>(std::countr_zero(openings)), from, out);
      }
      for (std::uint64_t samples = block.samples; samples != 0; samples &= samples - 1) {
        visit_sample(text, at + static_cast<std::size_t>(std::countr_zero(samples)), from, out);
      }
      before = block;
      at += kBlock;
    }
  };
  while (text.size() - at >= kBlock + KeywordFilter::kBehind) {
    const std::size_t whole = (text.size() - at - KeywordFilter::kBehind) / kBlock;
    const auto batch = std::span(masks).first(std::min(whole, kBatch));
    filter_.scan(text.data() + at, batch);
    visit(batch);
  }
  // The end, with zeros behind it.
  char padded[2 * kBlock + KeywordFilter::kBehind] = {};
  std::memcpy(padded, text.data() + at, text.size() - at);
  const auto last = std::span(masks).first(2);
  filter_.scan(padded, last);
  visit(last);
}

std::size_t Keywords::unfinished_from(std::string_view text) const {
  const std::size_t reach = std::min(text.size(), longest_ - 1);
  for (std::size_t at = text.size() - reach; at < text.size(); ++at) {
    const std::string_view end = text.substr(at);
    for (const std::uint16_t number : by_first_[static_cast<unsigned char>(lower_case(end[0]))]) {
      const Entry& entry = entries_[number];
      if (!entry.is_secret || entry.where != Keyword::anywhere) continue;
      if (entry.text.size() > end.size() &&
          std::ranges::equal(end, entry.text.substr(0, end.size()), {}, lower_case)) {
        return at;
      }
    }
    for (const std::uint16_t number : by_first_[static_cast<unsigned char>(end[0])]) {
      const Entry& entry = entries_[number];
      if (!entry.is_secret || entry.where == Keyword::anywhere) continue;
      if (entry.text.size() > end.size() && entry.text.starts_with(end) &&
          (entry.where == Keyword::pair || is_word_start(text, at))) {
        return at;
      }
    }
  }
  return text.size();
}

}  // namespace berm
