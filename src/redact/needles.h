// src/redact/needles.h: finds any of very many byte strings at memory speed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "redact/span.h"
#include "redact/wiped.h"

namespace berm {

/// Finds every occurrence of every needle. The text is sampled: if each needle has at least `key`
/// bytes, one of the 4-grams that begin at every (key - 3)rd byte of the text lies among the first
/// (key - 3) of the needle. A bitmap of those is asked; what it admits is verified exactly.
/// Const members may be called by several threads. Everything is wiped when dropped.
class Needles {
 public:
  /// @param key  The least length of a needle, 6..16.
  explicit Needles(std::size_t key) : key_(key), stride_(key - 3) {}
  Needles(Needles&&) = default;
  Needles& operator=(Needles&&) = default;
  Needles(const Needles&) = delete;
  Needles& operator=(const Needles&) = delete;
  ~Needles() = default;

  /// Keeps `text`, so that its parts can be named by their place.
  /// @return  Where `text` begins, for add().
  [[nodiscard]] std::size_t keep(std::string_view text);

  /// The needle is what is kept at [at, at + length). One that is there already keeps its label.
  void add(std::size_t at, std::size_t length, std::uint32_t label);

  /// Appends the occurrences that begin at `from` or later, by their beginning. Overlapping ones
  /// with one label are one span.
  void find(std::string_view text, std::size_t from, std::vector<SecretSpan>& out) const;

  /// Where the longest end of `text` begins that may be the beginning of a needle that goes on;
  /// text.size() if none. Errs to the left, in a few percent of ends of four bytes or more.
  [[nodiscard]] std::size_t unfinished_from(std::string_view text) const;

  [[nodiscard]] bool empty() const noexcept { return needles_.empty(); }
  [[nodiscard]] std::size_t longest() const noexcept { return longest_; }

 private:
  struct Needle {
    std::uint32_t at;
    std::uint32_t length;
    std::uint32_t label;
  };

  [[nodiscard]] std::string_view text_of(const Needle& needle) const;
  [[nodiscard]] std::uint64_t hash_of(const char* at) const;
  [[nodiscard]] bool may_hold(const char* gram) const;
  [[nodiscard]] bool may_begin(std::string_view end) const;
  [[nodiscard]] bool has_beginning(std::string_view end) const;
  void find_around(std::string_view text, std::size_t first, std::size_t last,
                   std::vector<SecretSpan>& out) const;
  void grow();
  void index(std::uint32_t number);

  std::size_t key_;
  std::size_t stride_;
  std::size_t longest_ = 0;
  Wiped<char> kept_;
  Wiped<Needle> needles_;
  Wiped<std::uint64_t> grams_;     ///< bitmap of hashed 4-grams
  unsigned gram_shift_ = 32;       ///< 32 - log2(bits)
  Wiped<std::uint64_t> slots_;     ///< open addressing: tag << 32 | needle + 1; 0 is free
  Wiped<std::uint64_t> openings_;  ///< bitmaps of the first byte, first two and (hashed) three
};

}  // namespace berm
