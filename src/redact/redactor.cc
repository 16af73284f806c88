#include "redact/redactor.h"

namespace berm {

std::string redact(std::string_view text, const KnownSecrets& known, Patterns patterns) {
  RedactingStream stream(known, patterns);
  std::string out = stream.feed(text);
  out += stream.finish();
  return out;
}

}  // namespace berm
