#include "lint/source.h"

#include <algorithm>

namespace berm::lint {

Source::Source(std::string path, std::string text)
    : path_(std::move(path)), text_(std::move(text)) {
  starts_.push_back(0);
  for (std::size_t at = text_.find('\n'); at != std::string::npos; at = text_.find('\n', at + 1)) {
    starts_.push_back(at + 1);
  }
}

std::string_view Source::slice(Span span) const {
  const std::size_t begin = std::min(span.begin, text_.size());
  return std::string_view(text_).substr(begin, std::max(span.end, begin) - begin);
}

Place Source::place_of(std::size_t offset) const {
  offset = std::min(offset, text_.size());
  const auto after = std::ranges::upper_bound(starts_, offset);
  const std::size_t line = static_cast<std::size_t>(after - starts_.begin());
  std::size_t column = 1;
  for (std::size_t at = starts_[line - 1]; at < offset; ++at) {
    // Continuation bytes of UTF-8 begin no character.
    if ((static_cast<unsigned char>(text_[at]) & 0xC0) != 0x80) ++column;
  }
  return {line, column};
}

std::string_view Source::line(std::size_t number) const {
  if (number == 0 || number > starts_.size()) return {};
  const std::size_t begin = starts_[number - 1];
  const std::size_t end = std::min(text_.find('\n', begin), text_.size());
  std::string_view out = std::string_view(text_).substr(begin, end - begin);
  if (out.ends_with('\r')) out.remove_suffix(1);
  return out;
}

}  // namespace berm::lint
