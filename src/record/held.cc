#include "record/held.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/text.h"
#include "record/canonical.h"
#include "record/chain.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr std::string_view kBegin = R"({"data":)";
constexpr std::array kMembers = {"data", "hash",   "mono", "prev", "run",
                                 "seq",  "source", "time", "type", "v"};

// What a store added beside our members is not ours.
std::string line_of(const json& object) {
  json out = json::object();
  for (const char* name : kMembers) {
    const auto found = object.find(name);
    if (found == object.end()) return "";
    out[name] = *found;
  }
  return canonical(out);
}

// Breadth first, as depth is bounded by parse_event() and width by the text.
template <typename Take>
bool any_event(const json& document, const Take& take) {
  bool found = false;
  std::vector<const json*> waiting = {&document};
  while (!waiting.empty()) {
    const json& value = *waiting.back();
    waiting.pop_back();
    if (value.is_string()) {
      const auto& text = value.get_ref<const std::string&>();
      found |= text.starts_with(kBegin) && take(text);
      continue;
    }
    if (value.is_object() && value.contains("hash") && take(line_of(value))) {
      found = true;
      continue;
    }
    for (const json& inner : value) {
      if (inner.is_structured() || inner.is_string()) waiting.push_back(&inner);
    }
  }
  return found;
}

std::vector<std::string_view> lines_in(std::string_view record) {
  std::vector<std::string_view> out = split(record, '\n');
  if (!out.empty() && out.back().empty()) out.pop_back();
  return out;
}

void compare(const HeldRun& held, const std::string& record, RecordCheck& check) {
  const std::vector<std::string_view> lines = lines_in(record);
  for (const auto& [sequence, line] : held.lines) {
    if (sequence < lines.size() && lines[sequence] == line) continue;
    check.problems.push_back({sequence, RecordFault::forked,
                              sequence < lines.size() ? "the run's own record has another one here"
                                                      : "the run's own record ends before it"});
  }
  const std::uint64_t held_to = held.lines.empty() ? 0 : held.lines.rbegin()->first + 1;
  if (held_to < lines.size()) check.gaps.push_back({held_to, lines.size() - 1});
}

}  // namespace

void HeldEvents::add(std::string_view text) {
  bool any = false;
  std::uint64_t others = 0;
  for (const std::string_view line : split(text, '\n')) {
    const std::string_view bare = trim(line);
    if (bare.empty()) continue;
    if (take(bare) || take_part(bare) || take_json(bare)) {
      any = true;
    } else {
      ++others;
    }
  }
  if (any || !take_json(text)) other_lines_ += others;
}

bool HeldEvents::take(std::string_view line) {
  const std::optional<SealedLine> sealed = parse_sealed(line);
  if (!sealed) return false;
  HeldRun& run = runs_[std::string(sealed->run)];
  const std::uint64_t sequence = sealed->sequence;
  if (!sealed->fits) {
    run.problems.push_back({sequence, RecordFault::edited, "the hash does not fit the content"});
    return true;
  }
  const auto [at, is_new] = run.lines.emplace(sequence, line);
  if (is_new) return true;
  if (at->second == line) {
    ++run.copies;
  } else {
    run.problems.push_back({sequence, RecordFault::forked, "two events with this number"});
  }
  return true;
}

// Behind what syslog put before it.
bool HeldEvents::take_part(std::string_view line) {
  const std::size_t begin = line.find(kBegin);
  return begin != std::string_view::npos && begin > 0 && take(line.substr(begin));
}

bool HeldEvents::take_json(std::string_view text) {
  const json document = parse_event(
      trim(text).starts_with('[') ? fmt::format(R"({{"held":{}}})", text) : std::string(text));
  return document.is_object() &&
         any_event(document, [this](std::string_view s) { return take(s); });
}

RecordCheck check_held(const HeldRun& held, const RecordTrust& trust, const std::string* record) {
  std::string text;
  std::vector<std::uint64_t> sequences;
  for (const auto& [sequence, line] : held.lines) {
    sequences.push_back(sequence);
    text += line;
    text += '\n';
  }
  RecordTrust gapped = trust;
  gapped.may_lack_events = true;
  RecordCheck check = check_record(text, gapped);
  for (RecordProblem& problem : check.problems) {
    const bool known = problem.line > 0 && problem.line <= sequences.size();
    problem.line = known ? sequences[problem.line - 1] : 0;
  }
  check.problems.insert(check.problems.end(), held.problems.begin(), held.problems.end());
  if (record != nullptr) compare(held, *record, check);
  std::ranges::stable_sort(check.problems, {}, &RecordProblem::line);
  check.complete = check.complete && check.gaps.empty();
  return check;
}

}  // namespace berm
