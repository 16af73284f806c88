// fuzz/http_head_fuzz.cc: a head that is let through means the same to a lenient parser (lines end
// at LF, blanks around names, any case) as to a strict one: one request line, the same framing.
#include <cstdlib>
#include <map>
#include <string>

#include "base/text.h"
#include "rules/egress/http_head.h"

namespace {

// Field names and values as a careless server reads them.
std::multimap<std::string, std::string> lenient_fields(std::string_view head) {
  std::multimap<std::string, std::string> fields;
  bool first = true;
  for (const std::string_view line : berm::split(head, '\n')) {
    const std::size_t colon = line.find(':');
    if (!first && colon != std::string_view::npos) {
      fields.emplace(berm::lower(berm::trim(line.substr(0, colon))),
                     berm::lower(berm::trim(line.substr(colon + 1))));
    }
    first = false;
  }
  return fields;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t length = berm::head_length(text);
  if (length == 0) return 0;
  const std::string_view head = text.substr(0, length);
  if (!berm::why_ambiguous(head).empty()) return 0;
  const auto fields = lenient_fields(head);
  const std::size_t lengths = fields.count("content-length");
  const std::size_t encodings = fields.count("transfer-encoding");
  if (fields.count("host") > 1 || lengths > 1 || encodings > 1 || lengths + encodings > 1) {
    std::abort();
  }
  if (encodings == 1 && fields.find("transfer-encoding")->second != "chunked") std::abort();
  return 0;
}
