// fuzz/report_fuzz.cc: whatever a record holds, no report is larger than it may be, none is
// damaged, and no text of the record begins a line of Markdown or a command of a runner.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "report/across.h"
#include "report/ci_text.h"
#include "report/junit.h"
#include "report/markdown.h"
#include "report/record_reader.h"
#include "report/sarif.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

bool begins_as_ours(std::string_view line) {
  constexpr std::string_view kBeginnings[] = {
      "#",          "| ",       "- ",         "    ",     "… and ",   "<details>",
      "</details>", "Record: ", "To permit",  "SHA-256",  "Limits: ", "Import: ",
      "None.",      "Nothing",  "The record", "_Left out"};
  if (line.front() >= '0' && line.front() <= '9') return true;
  return std::any_of(std::begin(kBeginnings), std::end(kBeginnings),
                     [&](std::string_view beginning) { return line.starts_with(beginning); });
}

void check_markdown(const std::string& text, std::size_t most) {
  require(text.size() <= most && berm::printable_block(text) == text);
  std::size_t columns = 0;
  for (const std::string_view line : berm::split(text, '\n')) {
    require(line.empty() || begins_as_ours(line));
    require(line.find("##[") == std::string_view::npos);
    const auto pipes = static_cast<std::size_t>(std::count(line.begin(), line.end(), '|'));
    if (!line.starts_with('|')) require(pipes == 0);
    require(columns == 0 || pipes == 0 || pipes == columns);
    columns = line.starts_with('|') ? pipes : 0;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace berm::report;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const RunFacts facts = read_record(text);
  check_markdown(markdown(facts, {.most = 6000}), 6000);
  (void)sarif(facts).dump();  // throws for what is no UTF-8
  (void)code_quality(facts).dump();
  const std::string xml = junit(facts);
  require(berm::split(xml, '\n').size() > 20 && xml.ends_with("</testsuites>\n"));
  const std::string annotations = github_annotations(facts);
  for (const std::string_view line : berm::split(annotations, '\n')) {
    require(line.empty() || line.starts_with("::error ") || line.starts_with("::warning ") ||
            line.starts_with("::notice "));
  }
  AcrossRuns all;
  all.add("record", facts);
  check_markdown(all.to_markdown(), SIZE_MAX);
  (void)all.to_json().dump();
  return 0;
}
