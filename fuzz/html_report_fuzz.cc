// No record makes markup: the page has the tags of an empty one, and its data is JSON.
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/text.h"
#include "report/html.h"

namespace {

std::size_t tags_of(std::string_view page) {
  std::size_t found = 0;
  for (const char c : page) found += c == '<' ? 1 : 0;
  return found;
}

std::string_view block(std::string_view page, std::string_view begin) {
  page.remove_prefix(page.find(begin) + begin.size());
  return page.substr(0, page.find("</script>"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  static const std::size_t kTags = tags_of(berm::html_report("", ""));
  const std::string_view record(reinterpret_cast<const char*>(data), size);
  const std::string page = berm::html_report(record, record.substr(0, 64));
  if (tags_of(page) != kTags) __builtin_trap();
  const nlohmann::json told = nlohmann::json::parse(block(page, "report-data\">"), nullptr, false);
  if (!told.is_object()) __builtin_trap();
  const std::string_view details = block(page, "report-details\">");
  std::size_t lines = 0;
  for (const std::string_view line : berm::split(details, '\n')) {
    if (line.empty()) continue;
    ++lines;
    if (!nlohmann::json::parse(line, nullptr, false).is_array()) __builtin_trap();
  }
  if (lines != told["events"]["t"].size()) __builtin_trap();
  return 0;
}
