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

#include "redact/keyword_filter.h"
#include "redact/patterns.h"

namespace berm {

struct KeywordHit {
  std::size_t at;
  std::uint16_t rule;
  std::uint16_t length;
  bool operator==(const KeywordHit&) const = default;
};

/// A filter says where the first four bytes of a word, or the rarest four of another keyword, may
/// be; those are looked up in a bitmap of hashes, and what that admits is compared. Const and
/// shared between threads.
class Keywords {
 public:
  /// A word that begins behind an escape ("\n", "%20", a colour) is recognised only if this many
  /// bytes before it are in the text.
  static constexpr std::size_t kBehind = 32;

  explicit Keywords(std::span<const PatternRule> rules, Vectors vectors = Vectors::if_present);

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

  /// Keywords by the hash of a gram in them.
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
  static void add_gram(Grams& grams, std::uint32_t hash, std::size_t entry, std::size_t offset);
  void visit_opening(std::string_view text, std::size_t at, std::size_t from,
                     std::vector<KeywordHit>& out) const;
  void visit_sample(std::string_view text, std::size_t at, std::size_t from,
                    std::vector<KeywordHit>& out) const;
  void confirm(const Grams& grams, std::uint32_t hash, std::string_view text, std::size_t at,
               std::size_t from, std::vector<KeywordHit>& out) const;
  void confirm_pair(std::string_view text, std::size_t at, std::vector<KeywordHit>& out) const;
  [[nodiscard]] bool is_at(const Entry& entry, std::string_view text, std::size_t at) const;

  std::vector<Entry> entries_;
  std::array<std::vector<std::uint16_t>, 256> by_first_;  ///< entries, by their first byte
  KeywordFilter filter_;
  Grams words_;     ///< by their first three bytes
  Grams anywhere_;  ///< by the rarest four, in small letters
  std::size_t longest_ = 0;
};

}  // namespace berm
