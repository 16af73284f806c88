// src/rules/model/json_scanner.h: the scalars near the root of a JSON text, as its bytes come.
// Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace berm {

enum class JsonScalar : std::uint8_t { text, number, other };

/// What the scanner found. `path` is "response.usage.input_tokens", with "[]" for any element of an
/// array; `value` is without quotes and as sent, escapes not decoded.
class JsonSink {
 public:
  virtual ~JsonSink() = default;
  virtual void scalar(std::string_view path, JsonScalar kind, std::string_view value) = 0;
};

/// Reads one JSON text in pieces of any size and keeps none of it: a response of any length needs
/// the same few hundred bytes. It is no validator: what is no JSON gives scalars or none, and
/// complete() tells if the outermost value was closed.
///
/// Scalars deeper than kDepth, keys and texts longer than kLength, and keys with an escape are
/// passed over: none of those we look for is like that.
class JsonScanner {
 public:
  static constexpr std::size_t kDepth = 6;
  static constexpr std::size_t kLength = 96;

  void feed(std::string_view bytes, JsonSink& sink);
  /// Ends the text: a number at the top has no other end.
  void reset();
  /// The outermost value has been closed, and nothing but white space came after it.
  [[nodiscard]] bool complete() const { return state_ == State::value && closed_ && !excess_; }

 private:
  enum class State : std::uint8_t { value, text, escape, bare };

  std::size_t skip_text(std::string_view bytes, std::size_t at, JsonSink& sink);
  std::size_t skip_bare(std::string_view bytes, std::size_t at, JsonSink& sink);
  void structural(char c);
  void open(bool array);
  void close();
  void end_text(JsonSink& sink);
  void set_key();
  [[nodiscard]] bool is_near() const { return depth_ <= kDepth; }

  State state_ = State::value;
  bool expects_key_ = false;
  bool too_long_ = false;  ///< the token at hand is of no interest
  bool closed_ = false;
  bool excess_ = false;
  std::string token_;
  std::string path_;
  std::size_t depth_ = 0;
  std::array<std::size_t, kDepth + 2> prefix_{};  ///< length of the path of each open container
  std::array<bool, kDepth + 2> is_array_{};
};

}  // namespace berm
