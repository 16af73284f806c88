#include "redact/keyword_filter.h"

#include <bit>
#include <utility>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace berm {
namespace {

constexpr std::size_t kBuckets = 8;

// Bits of classes_. A nibble table knows rectangles only, so letters, digits and '_' are four.
constexpr std::uint8_t kWord = 0x0f;
constexpr std::uint8_t kEscape = 0x70;
constexpr std::uint8_t kM = 0x80;

std::size_t low_of(char c) { return static_cast<unsigned char>(c) & 15U; }
std::size_t high_of(char c) { return static_cast<unsigned char>(c) >> 4U; }

/// The nibbles of the bytes that may stand at a place, a bit each.
struct Place {
  unsigned low = 0;
  unsigned high = 0;
};
using Places = std::array<Place, KeywordFilter::kGram>;

Places places_of(const KeywordFilter::Gram& gram) {
  Places places;
  for (std::size_t i = 0; i < gram.size(); ++i) {
    if (gram[i].empty()) places[i] = {0xffff, 0xffff};
    for (const char c : gram[i]) {
      places[i].low |= 1U << low_of(c);
      places[i].high |= 1U << high_of(c);
    }
  }
  return places;
}

// What share of text passes a bucket, very roughly: small letters count three times.
int share_of(const Places& bucket) {
  int share = 1;
  for (const Place& place : bucket) {
    share *= std::popcount(place.low) *
             (std::popcount(place.high & 0x3cU) + 3 * std::popcount(place.high & 0xc0U));
  }
  return share;
}

Places joined(Places places, const Places& others) {
  for (std::size_t i = 0; i < places.size(); ++i) {
    places[i].low |= others[i].low;
    places[i].high |= others[i].high;
  }
  return places;
}

}  // namespace

std::uint8_t KeywordFilter::Nibbles::of(char c) const { return low[low_of(c)] & high[high_of(c)]; }

KeywordFilter::KeywordFilter(std::span<const Gram> openings, std::span<const Gram> samples,
                             Vectors vectors)
    : openings_(tables_of(openings)), samples_(tables_of(samples)) {
#if defined(__x86_64__)
  use_avx2_ = vectors == Vectors::if_present && __builtin_cpu_supports("avx2") != 0;
#else
  (void)vectors;
#endif
  const auto add_class = [this](std::uint8_t bit, char from, char to) {
    for (char c = from; c <= to; ++c) {
      classes_.low[low_of(c)] |= bit;
      classes_.high[high_of(c)] |= bit;
    }
  };
  add_class(0x01, '0', '9');
  add_class(0x02, 'A', 'O');
  add_class(0x02, 'a', 'o');
  add_class(0x04, 'P', 'Z');
  add_class(0x04, '_', '_');
  add_class(0x08, 'p', 'z');
  add_class(0x10, '\\', '\\');
  add_class(0x20, '%', '%');
  add_class(0x40, '\x1b', '\x1b');
  add_class(kM, 'm', 'm');
}

// Each gram goes into the bucket that it widens least, and may change its bucket once.
KeywordFilter::Tables KeywordFilter::tables_of(std::span<const Gram> grams) {
  std::vector<Places> places;
  for (const Gram& gram : grams) places.push_back(places_of(gram));
  std::vector<std::size_t> bucket_of(grams.size(), kBuckets);
  std::array<Places, kBuckets + 1> buckets = {};  // the last: for those that are in none yet
  for (std::size_t turn = 0; turn < 2 * grams.size(); ++turn) {
    const std::size_t number = turn % grams.size();
    const std::size_t left = std::exchange(bucket_of[number], kBuckets);
    buckets[left] = {};
    for (std::size_t i = 0; left < kBuckets && i < grams.size(); ++i) {
      if (bucket_of[i] == left) buckets[left] = joined(buckets[left], places[i]);
    }
    const auto widened = [&](std::size_t bucket) {
      return share_of(joined(buckets[bucket], places[number])) - share_of(buckets[bucket]);
    };
    std::size_t best = 0;
    for (std::size_t bucket = 1; bucket < kBuckets; ++bucket) {
      if (widened(bucket) < widened(best)) best = bucket;
    }
    bucket_of[number] = best;
    buckets[best] = joined(buckets[best], places[number]);
  }
  Tables tables;
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    const Places& all = buckets[bucket];
    const auto bit = static_cast<std::uint8_t>(1U << bucket);
    for (std::size_t at = 0; at < kGram; ++at) {
      for (std::size_t nibble = 0; nibble < 16; ++nibble) {
        if ((all[at].low >> nibble & 1) != 0) tables[at].low[nibble] |= bit;
        if ((all[at].high >> nibble & 1) != 0) tables[at].high[nibble] |= bit;
      }
    }
  }
  return tables;
}

void KeywordFilter::scan(const char* text, std::span<BlockMasks> masks) const {
#if defined(__x86_64__)
  if (use_avx2_) return scan_avx2(text, masks);
#endif
  scan_bytewise(text, masks);
}

void KeywordFilter::scan_bytewise(const char* text, std::span<BlockMasks> masks) const {
  for (BlockMasks& block : masks) {
    block = {};
    for (std::size_t i = 0; i < kBlock; ++i) {
      const char* const at = text + i;
      const std::uint8_t kind = classes_.of(at[0]);
      unsigned opening = 0xff;
      unsigned sample = 0xff;
      for (std::size_t place = 0; place < kGram; ++place) {
        opening &= openings_[place].of(at[place]);
        sample &= samples_[place].of(at[place]);
      }
      block.word |= std::uint64_t{(kind & kWord) != 0} << i;
      block.escape |= std::uint64_t{(kind & kEscape) != 0} << i;
      block.m |= std::uint64_t{(kind & kM) != 0} << i;
      block.openings |= std::uint64_t{opening != 0} << i;
      block.samples |= std::uint64_t{sample != 0} << i;
    }
    text += kBlock;
  }
}

#if defined(__x86_64__)
// Not lambdas: those do not inherit the target.
#define BERM_AVX2 __attribute__((target("avx2"), always_inline)) static inline

namespace {

struct Vector {
  __m256i low;
  __m256i high;
};

struct Halves {
  std::uint32_t word, escape, m, openings, samples;
};

}  // namespace

BERM_AVX2 __m256i table(const std::array<std::uint8_t, 16>& nibbles) {
  return _mm256_broadcastsi128_si256(
      _mm_loadu_si128(reinterpret_cast<const __m128i*>(nibbles.data())));
}

BERM_AVX2 __m256i bytes_at(const char* at) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
}

BERM_AVX2 __m256i high_nibbles(__m256i bytes) {
  return _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(15));
}

// A byte above 127 as an index gives 0, so `low` need not be a nibble unless any byte may pass.
BERM_AVX2 __m256i buckets(const Vector& tables, __m256i low, __m256i high) {
  return _mm256_and_si256(_mm256_shuffle_epi8(tables.low, low),
                          _mm256_shuffle_epi8(tables.high, high));
}

BERM_AVX2 std::uint32_t bits_set(__m256i bytes) {
  return ~static_cast<std::uint32_t>(
      _mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, _mm256_setzero_si256())));
}

BERM_AVX2 Halves masks_of_32(const char* at, const Vector& classes, const Vector* openings,
                             const Vector* samples) {
  __m256i low = bytes_at(at);
  __m256i high = high_nibbles(low);
  const __m256i kind = buckets(classes, low, high);
  __m256i opening = buckets(openings[0], low, high);
  __m256i sample = buckets(samples[0], low, high);
  for (std::size_t place = 1; place < KeywordFilter::kGram; ++place) {
    low = bytes_at(at + place);
    high = high_nibbles(low);
    if (place + 1 == KeywordFilter::kGram) low = _mm256_and_si256(low, _mm256_set1_epi8(15));
    opening = _mm256_and_si256(opening, buckets(openings[place], low, high));
    sample = _mm256_and_si256(sample, buckets(samples[place], low, high));
  }
  return {bits_set(_mm256_and_si256(kind, _mm256_set1_epi8(kWord))),
          bits_set(_mm256_and_si256(kind, _mm256_set1_epi8(kEscape))),
          static_cast<std::uint32_t>(_mm256_movemask_epi8(kind)), bits_set(opening),
          bits_set(sample)};
}

__attribute__((target("avx2"))) void KeywordFilter::scan_avx2(const char* text,
                                                              std::span<BlockMasks> masks) const {
  const Vector classes = {table(classes_.low), table(classes_.high)};
  Vector openings[kGram];
  Vector samples[kGram];
  for (std::size_t i = 0; i < kGram; ++i) {
    openings[i] = {table(openings_[i].low), table(openings_[i].high)};
    samples[i] = {table(samples_[i].low), table(samples_[i].high)};
  }
  const auto both = [](std::uint32_t low, std::uint32_t high) {
    return low | std::uint64_t{high} << 32;
  };
  for (BlockMasks& block : masks) {
    const Halves a = masks_of_32(text, classes, openings, samples);
    const Halves b = masks_of_32(text + kBlock / 2, classes, openings, samples);
    block = {both(a.word, b.word), both(a.escape, b.escape), both(a.m, b.m),
             both(a.openings, b.openings), both(a.samples, b.samples)};
    text += kBlock;
  }
}
#endif

}  // namespace berm
