#include "report/html.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/text.h"
#include "record/chain.h"
#include "record/sha256.h"
#include "record/verify.h"
#include "report/html_assets.h"
#include "report/html_events.h"
#include "report/html_parts.h"
#include "report/html_value.h"

namespace berm {
namespace {

using nlohmann::json;

std::vector<json> events_of(std::string_view record) {
  std::vector<json> events;
  for (const std::string_view line : split(record, '\n')) {
    json event = parse_event(line);
    if (event.is_object()) events.push_back(std::move(event));
  }
  return events;
}

// CSP level 3, §2.3.1: base64 of the digest of what stands between the tags, to the byte.
std::string hash_source(std::string_view content) {
  const std::string hex = sha256_hex(content);
  std::string bytes;
  for (std::size_t at = 0; at + 1 < hex.size(); at += 2) {
    bytes += percent_decoded("%" + hex.substr(at, 2));
  }
  return "'sha256-" + base64(bytes) + "'";
}

// Each {{name}} of the page, in one pass: what is put in is not looked at again, so that a record
// that holds "{{script}}" shows just that.
std::string filled(std::string_view page,
                   const std::vector<std::pair<std::string_view, std::string_view>>& values) {
  std::string out;
  for (;;) {
    const std::size_t begin = page.find("{{");
    out += page.substr(0, begin);
    if (begin == std::string_view::npos) return out;
    const std::size_t end = page.find("}}", begin);
    const std::string_view name = page.substr(begin + 2, end - begin - 2);
    for (const auto& [key, value] : values) {
      if (key == name) out += value;
    }
    page.remove_prefix(end + 2);
  }
}

json notes_of(const html::EventTable& table) {
  json out = json::array();
  if (table.left_out > 0) {
    out.push_back(fmt::format("{} events behind the first {} are not on this page: berm log",
                              table.left_out, html::kMostEvents));
  }
  if (table.no_details > 0) {
    out.push_back(
        fmt::format("{} events are listed without their data: berm log --json", table.no_details));
  }
  return out;
}

}  // namespace

std::string html_report(std::string_view record, std::string_view expected_head,
                        std::string_view diffs) {
  const std::vector<json> events = events_of(record);
  html::EventTable table = html::event_table(events);
  json data = {
      {"head", html::head_part(events)},
      {"integrity",
       html::integrity_part(check_record(record, {.head = std::string(expected_head), .key = {}}),
                            expected_head)},
      {"changes", html::changes_part(events, diffs)},
      {"guard", html::guard_part(events)},
      {"denials", html::denials_part(events)},
      {"hosts", html::hosts_part(events)},
      {"tree", html::tree_part(events)},
      {"memory", html::memory_part(events)},
      {"cut", notes_of(table)},
      {"events", std::move(table.columns)}};
  const std::string run = data["head"]["run"].get<std::string>();
  const std::string status = data["head"]["status"].get<std::string>();
  const std::string csp = fmt::format(
      "default-src 'none'; script-src {}; style-src {}; base-uri 'none'; form-action 'none'; "
      "require-trusted-types-for 'script'; trusted-types 'none'",
      hash_source(html::kScript), hash_source(html::kStyle));
  return filled(html::kPage, {{"csp", csp},
                              {"run", html::in_markup(run)},
                              {"status", html::in_markup(status)},
                              {"style", html::kStyle},
                              {"script", html::kScript},
                              {"data", html::in_script(data)},
                              {"details", table.lines}});
}

}  // namespace berm
