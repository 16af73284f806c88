// src/lint/source.h: a file that is looked at, and where in it something stands. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace berm::lint {

/// Bytes of a file: [begin, end).
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool operator==(const Span&) const = default;
};

/// For people and reports: from 1; columns count code points.
struct Place {
  std::size_t line = 1;
  std::size_t column = 1;
  bool operator==(const Place&) const = default;
};

class Source {
 public:
  /// @param path  as it is shown: relative to where the user stands
  Source(std::string path, std::string text);

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] std::string_view slice(Span span) const;
  [[nodiscard]] Place place_of(std::size_t offset) const;
  /// Without its line end. @param number  from 1
  [[nodiscard]] std::string_view line(std::size_t number) const;
  [[nodiscard]] std::size_t lines() const { return starts_.size(); }
  /// Of the first byte of a line.
  [[nodiscard]] std::size_t start_of(std::size_t number) const { return starts_[number - 1]; }

 private:
  std::string path_;
  std::string text_;
  std::vector<std::size_t> starts_;
};

}  // namespace berm::lint
