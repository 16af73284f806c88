// src/report/html.h: a run as one page that a browser shows without a network.
#pragma once

#include <string>
#include <string_view>

namespace berm {

/// The page, made of the record: verdict, timeline, processes, hosts, changes, denials,
/// events. Nothing in it is requested from anywhere, and nothing of the record is markup or script:
/// it is data in two <script> blocks that no browser executes, which the page's own script shows
/// as text. What is longer or more than a page can carry is cut, and the page says so.
///
/// @param record         the lines of record.jsonl, whatever they hold
/// @param expected_head  hash of the last event as run.json tells it; "" = not known
/// @param diffs          the diffs.json beside it, shown if the record names its digest
[[nodiscard]] std::string html_report(std::string_view record, std::string_view expected_head,
                                      std::string_view diffs = "");

}  // namespace berm
