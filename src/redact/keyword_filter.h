// src/redact/keyword_filter.h: where keywords may be, 64 places a step.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace berm {

/// 64 bytes of text, a bit each.
struct BlockMasks {
  std::uint64_t word;      ///< letters, digits, '_'
  std::uint64_t escape;    ///< '\\', '%' and ESC
  std::uint64_t m;         ///< 'm', the last byte of a colour
  std::uint64_t openings;  ///< an opening may begin here
  std::uint64_t samples;   ///< a sample may begin here
  bool operator==(const BlockMasks&) const = default;
};

/// Whether the processor's vector instructions may be used. They change no result.
enum class Vectors : std::uint8_t { if_present, never };

/// Sorts texts into eight buckets and looks a byte's two nibbles up in a table each, which say in
/// which buckets there is a text with such a byte at this place; what is left of the buckets after
/// four bytes is a candidate ("Teddy", by Langdale for Hyperscan). Misses nothing. Const
/// members may be called by several threads.
class KeywordFilter {
 public:
  static constexpr std::size_t kBlock = 64;
  static constexpr std::size_t kGram = 4;
  static constexpr std::size_t kBehind = kGram - 1;  ///< bytes read behind the last block

  /// The bytes that may stand at each place, ASCII. Empty, the last one only: any.
  using Gram = std::array<std::string_view, kGram>;

  KeywordFilter() = default;
  KeywordFilter(std::span<const Gram> openings, std::span<const Gram> samples, Vectors vectors);

  /// The masks of text[0, masks.size() * kBlock).
  void scan(const char* text, std::span<BlockMasks> masks) const;

 private:
  /// A bit for each bucket, by a byte's nibbles.
  struct Nibbles {
    std::array<std::uint8_t, 16> low = {};
    std::array<std::uint8_t, 16> high = {};
    [[nodiscard]] std::uint8_t of(char c) const;
  };

  using Tables = std::array<Nibbles, kGram>;

  static Tables tables_of(std::span<const Gram> grams);
  void scan_bytewise(const char* text, std::span<BlockMasks> masks) const;
  void scan_avx2(const char* text, std::span<BlockMasks> masks) const;

  bool use_avx2_ = false;
  Nibbles classes_;  ///< no buckets: see kWord and the others
  Tables openings_;
  Tables samples_;
};

}  // namespace berm
