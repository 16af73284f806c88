#include "rules/model/json_scanner.h"

#include <algorithm>

namespace berm {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

bool ends_bare(char c) {
  return is_blank(c) || c == ',' || c == ':' || c == '}' || c == ']' || c == '{' || c == '[' ||
         c == '"';
}

}  // namespace

void JsonScanner::reset() { *this = JsonScanner(); }

void JsonScanner::feed(std::string_view bytes, JsonSink& sink) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    switch (state_) {
      case State::text:
        at = skip_text(bytes, at, sink);
        break;
      case State::escape:
        state_ = State::text;
        ++at;
        break;
      case State::bare:
        at = skip_bare(bytes, at, sink);
        break;
      case State::value:
        structural(bytes[at++]);
        break;
    }
  }
}

// The hot path: nearly all bytes of a stream are inside texts.
std::size_t JsonScanner::skip_text(std::string_view bytes, std::size_t at, JsonSink& sink) {
  std::size_t end = at;
  while (end < bytes.size() && bytes[end] != '"' && bytes[end] != '\\') ++end;
  if (!too_long_) {
    const std::size_t room = kLength - token_.size();
    too_long_ = end - at > room;
    token_.append(bytes.substr(at, std::min(end - at, room)));
  }
  if (end == bytes.size()) return end;
  if (bytes[end] == '\\') {
    too_long_ = true;
    state_ = State::escape;
  } else {
    end_text(sink);
    state_ = State::value;
  }
  return end + 1;
}

std::size_t JsonScanner::skip_bare(std::string_view bytes, std::size_t at, JsonSink& sink) {
  const char c = bytes[at];
  if (!ends_bare(c)) {
    too_long_ = too_long_ || token_.size() == kLength;
    if (!too_long_) token_ += c;
    return at + 1;
  }
  const char first = token_.empty() ? ' ' : token_.front();
  const bool number = first == '-' || (first >= '0' && first <= '9');
  if (is_near() && !too_long_ && !expects_key_) {
    sink.scalar(path_, number ? JsonScalar::number : JsonScalar::other, token_);
  }
  state_ = State::value;
  closed_ = closed_ || depth_ == 0;
  return at;  // the byte that ended it means something of its own
}

void JsonScanner::structural(char c) {
  if (is_blank(c)) return;
  excess_ = excess_ || closed_;
  switch (c) {
    case '{':
      return open(false);
    case '[':
      return open(true);
    case '}':
    case ']':
      return close();
    case ',':
      expects_key_ = is_near() && depth_ > 0 && !is_array_[depth_];
      return;
    case ':':
      expects_key_ = false;
      return;
    default:
      break;
  }
  token_.clear();
  too_long_ = !is_near();
  state_ = c == '"' ? State::text : State::bare;
  if (c != '"') token_ += c;
}

void JsonScanner::open(bool array) {
  ++depth_;
  expects_key_ = !array;
  if (!is_near()) return;
  prefix_[depth_] = path_.size();
  is_array_[depth_] = array;
  if (array) path_ += path_.empty() ? "[]" : ".[]";
}

void JsonScanner::close() {
  if (depth_ == 0) {
    excess_ = true;
    return;
  }
  if (is_near()) path_.resize(std::min(path_.size(), prefix_[depth_]));
  --depth_;
  expects_key_ = false;
  closed_ = closed_ || depth_ == 0;
}

void JsonScanner::end_text(JsonSink& sink) {
  if (!is_near()) return;
  if (expects_key_) return set_key();
  if (!too_long_) sink.scalar(path_, JsonScalar::text, token_);
  closed_ = closed_ || depth_ == 0;
}

// The key becomes the end of the path, in place of the one before it.
void JsonScanner::set_key() {
  if (depth_ == 0 || is_array_[depth_]) return;
  path_.resize(std::min(path_.size(), prefix_[depth_]));
  if (!path_.empty()) path_ += '.';
  // A dot inside a key must not look like a level.
  const bool usable = !too_long_ && token_.find('.') == std::string::npos;
  path_ += usable ? std::string_view(token_) : std::string_view("?");
}

}  // namespace berm
