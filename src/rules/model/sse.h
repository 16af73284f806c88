// src/rules/model/sse.h: text/event-stream as its bytes come. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace berm {

class SseSink {
 public:
  virtual ~SseSink() = default;
  /// A piece of the event's data; the lines of one event are joined by a line feed.
  virtual void data(std::string_view piece) = 0;
  /// The event is complete (a blank line). Not called for events without data.
  virtual void dispatch() = 0;
};

/// Splits a stream into events and keeps nothing of them: their data goes on as it comes.
/// Lines end in CR, LF or CRLF; a byte order mark at the start, comments and all fields but `data`
/// are passed over (the types of events stand in their data too).
/// @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
class SseReader {
 public:
  void feed(std::string_view bytes, SseSink& sink);

 private:
  enum class State : std::uint8_t { mark, name, before_value, value, skip };

  void line_end(SseSink& sink);
  bool name_byte(char c, SseSink& sink);  ///< false: `c` is still to be read
  void begin_data(SseSink& sink);

  State state_ = State::mark;
  std::size_t matched_ = 0;  ///< bytes of the mark, or of "data", that this line starts with
  bool after_cr_ = false;    ///< a line feed now belongs to the line that a CR has ended
  bool has_data_ = false;
};

}  // namespace berm
