// src/rules/egress/bytes.h: network-order fields out of bytes that a sandbox sent.
#pragma once

#include <cstdint>
#include <span>

namespace berm {

/// Reads fields from the front of some bytes. Every length comes from the attacker, so the bounds
/// are checked here and nowhere else: a read past the end gives zeros, and from then on the reader
/// has failed(). Nothing that was read counts until failed() was asked.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::uint8_t> bytes) : rest_(bytes) {}

  [[nodiscard]] std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
  [[nodiscard]] std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
  [[nodiscard]] std::uint32_t u24() { return number(3); }

  /// The next `size` bytes; none of them if there are fewer.
  [[nodiscard]] std::span<const std::uint8_t> take(std::size_t size) {
    if (size > rest_.size()) {
      failed_ = true;
      rest_ = {};
      return {};
    }
    const std::span<const std::uint8_t> taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }
  void skip(std::size_t size) { (void)take(size); }

  /// Bytes behind their own length in one or two bytes (a vector of RFC 8446 §3.4).
  [[nodiscard]] std::span<const std::uint8_t> vector8() { return take(u8()); }
  [[nodiscard]] std::span<const std::uint8_t> vector16() { return take(u16()); }

  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] bool empty() const { return rest_.empty(); }
  /// True if everything was read and nothing was missing.
  [[nodiscard]] bool finished() const { return !failed_ && rest_.empty(); }
  [[nodiscard]] std::size_t remaining() const { return rest_.size(); }

 private:
  std::uint32_t number(std::size_t size) {
    std::uint32_t value = 0;
    for (const std::uint8_t byte : take(size)) value = (value << 8) | byte;
    return value;
  }

  std::span<const std::uint8_t> rest_;
  bool failed_ = false;
};

}  // namespace berm
