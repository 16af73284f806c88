// fuzz/aws_xml_fuzz.cc: what is read of XML, written out again, reads as the same; and nothing that
// is not in the bytes is ever found in them.
#include <cstdlib>

#include "rules/aws/access_keys.h"
#include "rules/aws/xml.h"

namespace {

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else {
      out += c;
    }
  }
  return out;
}

std::string written(const berm::AwsXml& element) {
  std::string out = "<" + element.name + ">" + escaped(element.text);
  for (const berm::AwsXml& child : element.children) out += written(child);
  return out + "</" + element.name + ">";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto read = berm::parse_aws_xml(text);
  (void)berm::read_aws_refusal(text);
  const auto key = berm::find_listed_key(text, "AKEY");
  if (key && *key && text.find("AKEY") == std::string_view::npos) std::abort();
  if (!read) return 0;
  const auto again = berm::parse_aws_xml(written(*read));
  // What was written may be longer than the limit.
  if (again && *again != *read) std::abort();
  if (!again && size < 1024) std::abort();
  return 0;
}
