// src/record/canonical.h: JSON in the one form that has one hash (RFC 8785, JCS).
#pragma once

#include <fmt/format.h>

#include <concepts>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace berm {

/// Appends to `out` value by value, without a tree. Who calls it gives an object's members in the
/// order of RFC 8785 (for ASCII names: of their bytes), each name once.
class CanonicalWriter {
 public:
  explicit CanonicalWriter(std::string& out) : out_(out) {}

  void open_object() { begin('{'); }
  void close_object() { out_ += '}'; }
  void open_array() { begin('['); }
  void close_array() { out_ += ']'; }
  void key(std::string_view name);
  /// What is no UTF-8 becomes U+FFFD, byte by byte.
  void text(std::string_view value);
  template <std::integral T>
  void number(T value) {
    separate();
    fmt::format_to(std::back_inserter(out_), "{}", value);
  }
  /// As ECMAScript writes it (ECMA-262, Number::toString); what is no number, as null.
  void number(double value);
  void boolean(bool value);
  void null();

 private:
  void begin(char bracket);
  void separate();
  std::string& out_;
};

/// The canonical form of `value`. Integers beyond 2^53 are written in full, where RFC 8785 would
/// round them: a count or an inode number must stay what it is.
[[nodiscard]] std::string canonical(const nlohmann::json& value);

}  // namespace berm
