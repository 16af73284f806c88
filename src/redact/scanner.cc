#include "redact/scanner.h"

#include <algorithm>
#include <tuple>

namespace berm {

void Scanner::note_first(std::string_view text, std::size_t from) {
  spans_.clear();
  known_.find(text, from, spans_);
  if (spans_.empty()) return;
  const auto first = std::ranges::min_element(
      spans_, {}, [](const SecretSpan& span) { return std::tuple(span.begin, span.label); });
  found_ = known_.names()[first->label];
}

std::string_view Scanner::feed(std::string_view chunk) {
  if (!found_.empty() || known_.empty()) return found_;
  // The border first: what was left over, and as much of the chunk as a secret there can reach.
  const std::size_t left = end_.size();
  const std::string_view reach = chunk.substr(0, known_.longest());
  end_.append(reach);
  if (left > 0) note_first(end_.view(), 0);
  if (found_.empty()) note_first(chunk, 0);
  if (chunk.size() >= known_.longest()) {
    const std::string_view tail = chunk.substr(chunk.size() - known_.longest());
    end_.clear();
    end_.append(tail);
  }
  end_.drop_front(known_.unfinished_from(end_.view()));
  return found_;
}

}  // namespace berm
