// src/redact/keywords.h: finds the rules' keywords at memory speed.
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "redact/patterns.h"

namespace berm {

/// 64 bytes of text, a bit each.
struct BlockMasks {
  std::uint64_t word = 0;    ///< letters, digits, '_'
  std::uint64_t escape = 0;  ///< '\\', '%' and ESC
  std::uint64_t pair = 0;    ///< ":/" and "Q~" begin here
  bool operator==(const BlockMasks&) const = default;
};

/// The masks of block[0, 64); reads block[64] too. The same from either: with SSE2 where the
/// machine has it, and byte by byte.
[[nodiscard]] BlockMasks masks_of(const char* block);
[[nodiscard]] BlockMasks masks_of_bytewise(const char* block);

struct KeywordHit {
  std::size_t at;
  std::uint16_t rule;
  std::uint16_t length;
};

/// Words' beginnings are looked up in a bitmap of hashed 3-grams; keywords that stand anywhere are
/// sampled at 4-grams, as Needles does. Const and shared between threads.
class Keywords {
 public:
  /// A word that begins behind an escape ("\n", "%20", a colour) is recognised only if this many
  /// bytes before it are in the text.
  static constexpr std::size_t kBehind = 32;

  explicit Keywords(std::span<const PatternRule> rules);

  /// Appends the keywords that begin at `from` or later, in no order.
  void find(std::string_view text, std::size_t from, std::vector<KeywordHit>& out) const;

  /// Where the longest end of `text` begins that may be the beginning of a keyword which is itself
  /// secret (its rule has no lead); text.size() if none.
  [[nodiscard]] std::size_t unfinished_from(std::string_view text) const;

  [[nodiscard]] std::size_t longest() const noexcept { return longest_; }

 private:
  struct Entry {
    std::string text;
    std::uint16_t rule;
    Keyword where;
    bool is_secret;
  };

  /// Keywords by the hash of a gram in them: of 3 bytes for words, of 4 anywhere.
  struct Grams {
    struct Place {
      std::uint16_t entry;
      std::uint16_t offset;  ///< of the gram in the keyword
      std::uint16_t next;    ///< in places; 0: none
    };
    std::bitset<1U << 15> present;     ///< 4 KiB: stays in the first-level cache
    std::vector<std::uint16_t> heads;  ///< of chains, in places; 0: none
    std::vector<Place> places = {Place{}};
  };

  void add(std::string_view text, const PatternRule& rule, std::size_t number);
  void add_gram(Grams& grams, std::size_t entry, std::size_t offset);
  void find_words(std::string_view text, std::size_t from, std::vector<KeywordHit>& out) const;
  void find_anywhere(std::string_view text, std::size_t from, std::vector<KeywordHit>& out) const;
  void confirm(const Grams& grams, std::uint32_t gram, std::string_view text, std::size_t at,
               std::size_t from, std::vector<KeywordHit>& out) const;
  void confirm_pair(std::string_view text, std::size_t at, std::vector<KeywordHit>& out) const;
  [[nodiscard]] bool is_at(const Entry& entry, std::string_view text, std::size_t at) const;

  std::vector<Entry> entries_;
  std::array<std::vector<std::uint16_t>, 256> by_first_;  ///< entries, by their first byte
  Grams words_;                                           ///< by their first three bytes
  Grams anywhere_;  ///< by every gram of their rarest stretch of stride_ grams
  std::size_t stride_ = 64;
  std::size_t longest_ = 0;
};

}  // namespace berm
