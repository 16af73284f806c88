#include "report/html_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "record/chain.h"
#include "record/sha256.h"
#include "record/story_events.h"
#include "report/html_events.h"
#include "report/html_value.h"

namespace berm::html {
namespace {

using nlohmann::json;

constexpr std::size_t kMostFiles = 20'000;
constexpr std::size_t kMostRows = 2000;
constexpr std::size_t kMostDiff = 64 << 10;      // of a file
constexpr std::size_t kMostDiffs = 32ULL << 20;  // of all

const json& data_of(const json& event) { return member(event, "data"); }

// The last one counts: a run that goes on after a question tells its verdict anew.
const json& last_of(const Events& events, std::string_view type) {
  static const json kNull;
  for (auto event = events.rbegin(); event != events.rend(); ++event) {
    if (raw_text(*event, "type") == type) return data_of(*event);
  }
  return kNull;
}
const json& first_of(const Events& events, std::string_view type) {
  static const json kNull;
  for (const json& event : events) {
    if (raw_text(event, "type") == type) return data_of(event);
  }
  return kNull;
}

json texts(const json& list, std::size_t most = kMostRows) {
  json out = json::array();
  if (!list.is_array()) return out;
  for (const json& one : list) {
    if (out.size() == most) break;
    out.push_back(shown_value(one, 2000));
  }
  return out;
}

// Members that are numbers, flags or text, as [name, value].
json plain_members(const json& object, const std::string& prefix = "") {
  json out = json::array();
  if (!object.is_object()) return out;
  for (const auto& [key, value] : object.items()) {
    if (out.size() == 64) break;
    if (is_empty(value)) continue;
    const std::string name = prefix + shown(key, 64);
    if (value.is_object() && prefix.empty()) {
      for (json& inner : plain_members(value, name + ".")) out.push_back(std::move(inner));
    } else if (value.is_number_unsigned()) {
      out.push_back({name, count(object, key.c_str())});
    } else {
      out.push_back({name, shown_value(value, 200)});
    }
  }
  return out;
}

json layers_of(const json& enforcement) {
  json out = json::array();
  const json& layers = member(enforcement, "layers");
  if (!layers.is_array()) return out;
  for (const json& layer : layers) {
    if (out.size() == kMostRows) break;
    out.push_back({text(layer, "layer", 64), text(layer, "strength", 64), text(layer, "how")});
  }
  return out;
}

json policy_of(const json& start) {
  json out = json::array();
  const json& policy = member(start, "policy");
  if (!policy.is_array()) return out;
  for (const json& source : policy) {
    if (out.size() == kMostRows) break;
    out.push_back({text(source, "source", 512), text(source, "sha256", 128)});
  }
  return out;
}

json limits_hit(const Events& events) {
  json out = json::array();
  for (const json& event : events) {
    if (raw_text(event, "type") != "limit.hit" || out.size() == kMostRows) continue;
    const json& data = data_of(event);
    out.push_back({text(data, "limit", 64), text(data, "culprit", 256), count(event, "seq")});
  }
  return out;
}

// Line by line: each is shown on its own, coloured by its first character.
json diff_lines(const std::string& diff, std::size_t most) {
  json out = json::array();
  const std::string kept = story::shortened(diff, most);  // split() keeps views of it
  for (const std::string_view line : split(kept, '\n')) {
    out.push_back(shown(line, 1000));
  }
  return out;
}

// They stand beside the record, which names their digest.
json trusted_diffs(const json& changes, std::string_view diffs) {
  const std::string& digest = raw_text(changes, "diffs_sha256");
  if (digest.empty() || sha256_hex(diffs) != digest) return json::object();
  return parse_event(diffs);
}

int class_of(const json& file) {
  if (flag(file, "ignored")) return 4;
  const std::string& kind = raw_text(file, "kind");
  return kind == "added" ? 0 : kind == "modified" ? 1 : kind == "deleted" ? 2 : 3;
}

}  // namespace

json head_part(const Events& events) {
  const json& start = first_of(events, "run.start");
  const json& base = member(start, "base");
  const json& enforcement = first_of(events, "enforcement");
  const json& outcome = last_of(events, "run.outcome");
  const json& verdict = last_of(events, "verdict");
  static const json kNone;
  const json& first = events.empty() ? kNone : events.front();
  const json& last = events.empty() ? kNone : events.back();
  return {{"run", text(first, "run", 128)},
          {"agent", text(start, "agent", 128)},
          {"berm", text(start, "berm", 64)},
          {"kernel", text(start, "kernel", 128)},
          {"command", words_of(member(start, "argv"), 2000)},
          {"repository", text(start, "repository")},
          {"commit", text(base, "head", 128)},
          {"branch", text(base, "branch", 512)},
          {"plan", text(start, "plan_sha256", 128)},
          {"policy", policy_of(start)},
          {"notes", texts(member(start, "notes"))},
          {"started", text(first, "time", 64)},
          {"ended", text(last, "time", 64)},
          {"duration_us", offset_us(last, first)},
          {"judged", verdict.is_object()},
          {"status", text(verdict, "status", 64)},
          {"exit_code", count(verdict, "exit_code")},
          {"reasons", texts(member(verdict, "reasons"))},
          {"outcome", plain_members(member(outcome, "outcome"))},
          {"usage", plain_members(member(outcome, "usage"))},
          {"limits", plain_members(member(enforcement, "limits"))},
          {"limits_hit", limits_hit(events)},
          {"layers", layers_of(enforcement)},
          {"weaknesses", texts(member(enforcement, "weaknesses"))},
          {"import", plain_members(last_of(events, "import"))}};
}

json integrity_part(const RecordCheck& check, std::string_view expected) {
  json problems = json::array();
  for (const RecordProblem& problem : check.problems) {
    if (problems.size() == 200) break;
    problems.push_back({problem.line, shown(problem.what, 512)});
  }
  return {{"state", !check.intact()  ? "broken"
                    : check.complete ? "intact"
                                     : "incomplete"},
          {"events", check.events},
          {"head", shown(check.head, 128)},
          {"signed", check.signed_events},
          {"checkpoints", check.checkpoints},
          {"key", check.key ? fingerprint(*check.key) : ""},
          {"anchored", !expected.empty()},
          {"problems", std::move(problems)},
          {"problems_in_all", check.problems.size()}};
}

json changes_part(const Events& events, std::string_view diffs) {
  const json& data = last_of(events, "changes");
  const json diff_of = trusted_diffs(data, diffs);
  const json& listed = member(data, "files");
  std::vector<const json*> files;
  if (listed.is_array()) {
    for (const json& file : listed) files.push_back(&file);
  }
  std::ranges::stable_sort(files, {}, [](const json* file) { return class_of(*file); });
  json out = json::array();
  std::size_t shown_diffs = 0;
  for (const json* file : files) {
    if (out.size() == kMostFiles) break;
    const std::string& diff = raw_text(diff_of, raw_text(*file, "path").c_str());
    json lines = json::array();
    if (!diff.empty() && shown_diffs < kMostDiffs) lines = diff_lines(diff, kMostDiff);
    shown_diffs += std::min(diff.size(), kMostDiff);
    out.push_back({text(*file, "path", 4096), text(*file, "kind", 64), text(*file, "type", 64),
                   text(*file, "mode", 16), count(*file, "size"), text(*file, "base_sha256", 128),
                   text(*file, "sha256", 128), flag(*file, "ignored"), flag(*file, "host_changed"),
                   std::move(lines)});
  }
  json refs = json::array();
  const json& moved = member(data, "refs");
  if (moved.is_array()) {
    for (const json& ref : moved) {
      if (refs.size() == kMostRows) break;
      refs.push_back({text(ref, "name", 1024), text(ref, "before", 128), text(ref, "after", 128)});
    }
  }
  return {{"told", data.is_object()},
          {"sha256", text(data, "sha256", 128)},
          {"in_all", files.size()},
          {"files", std::move(out)},
          {"refs", std::move(refs)}};
}

json guard_part(const Events& events) {
  const json& data = last_of(events, "guard");
  json findings = json::array();
  const json& listed = member(data, "findings");
  if (listed.is_array()) {
    for (const json& finding : listed) {
      if (findings.size() == kMostRows) break;
      findings.push_back({text(finding, "severity", 32), text(finding, "rule", 128),
                          text(finding, "path", 4096), text(finding, "message")});
    }
  }
  return {{"judged", data.is_object()},
          {"failed", last_of(events, "guard.failed").is_object()},
          {"refused", flag(data, "refused")},
          {"in_all", listed.is_array() ? listed.size() : 0},
          {"findings", std::move(findings)}};
}

json memory_part(const Events& events) {
  json times = json::array();
  json bytes = json::array();
  for (const json& event : events) {
    const std::string& type = raw_text(event, "type");
    if (!type.starts_with("resource") || times.size() == kMostEvents) continue;
    const json& data = data_of(event);
    const json& memory = member(data, "memory");
    if (!memory.is_number_unsigned()) continue;
    times.push_back(offset_us(event, events.front()));
    bytes.push_back(count(data, "memory"));
  }
  return {{"t", std::move(times)}, {"bytes", std::move(bytes)}};
}

}  // namespace berm::html
