#include "rules/model/sse.h"

#include <algorithm>

namespace berm {
namespace {

constexpr std::string_view kMark = "\xEF\xBB\xBF";
constexpr std::string_view kData = "data";

}  // namespace

void SseReader::feed(std::string_view bytes, SseSink& sink) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const char c = bytes[at];
    const bool second_half = after_cr_ && c == '\n';
    after_cr_ = false;
    if (second_half) {
      ++at;
    } else if (c == '\r' || c == '\n') {
      line_end(sink);
      after_cr_ = c == '\r';
      ++at;
    } else if (state_ == State::value || state_ == State::skip) {
      const std::size_t end = std::min(bytes.find_first_of("\r\n", at), bytes.size());
      if (state_ == State::value) sink.data(bytes.substr(at, end - at));
      at = end;
    } else if (name_byte(c, sink)) {
      ++at;
    }
  }
}

void SseReader::line_end(SseSink& sink) {
  const bool blank = matched_ == 0 && (state_ == State::name || state_ == State::mark);
  if (blank && has_data_) {
    sink.dispatch();
    has_data_ = false;
  }
  // A line of the field's name alone is the field with an empty value.
  if (state_ == State::name && matched_ == kData.size()) begin_data(sink);
  state_ = State::name;
  matched_ = 0;
}

bool SseReader::name_byte(char c, SseSink& sink) {
  switch (state_) {
    case State::mark:
      if (c == kMark[matched_]) {
        if (++matched_ < kMark.size()) return true;
        state_ = State::name;
        matched_ = 0;
        return true;
      }
      state_ = matched_ == 0 ? State::name : State::skip;
      return false;
    case State::name:
      if (matched_ < kData.size() && c == kData[matched_]) {
        ++matched_;
      } else if (matched_ == kData.size() && c == ':') {
        begin_data(sink);
        state_ = State::before_value;
      } else {
        state_ = State::skip;
      }
      return true;
    case State::before_value:
      state_ = State::value;
      return c == ' ';
    case State::value:
    case State::skip:
      break;
  }
  return true;
}

void SseReader::begin_data(SseSink& sink) {
  if (has_data_) sink.data("\n");
  has_data_ = true;
}

}  // namespace berm
