// The tree of a page: prompt, tool call, processes.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "record/story.h"
#include "report/html_events.h"
#include "report/html_parts.h"
#include "report/html_value.h"

namespace berm::html {
namespace {

using nlohmann::json;

constexpr std::size_t kLabel = 240;

/// The events of started programs by their number: a process is shown by the text of its event.
using Rows = std::unordered_map<std::uint64_t, std::size_t>;

Rows rows_of(const Events& events) {
  Rows rows;
  for (std::size_t i = 0; i < std::min(events.size(), kMostEvents); ++i) {
    if (raw_text(events[i], "type") == "exec") rows.try_emplace(count(events[i], "seq"), i);
  }
  return rows;
}

class Tree {
 public:
  explicit Tree(const Events& events) : events_(events), rows_(rows_of(events)) {}

  void row(std::size_t depth, const char* kind, std::string label, std::string note, Tone tone,
           std::int64_t event = -1) {
    if (depth_.size() == kMostEvents) return;
    depth_.push_back(depth);
    kind_.push_back(kind);
    label_.push_back(std::move(label));
    note_.push_back(std::move(note));
    tone_.push_back(tone);
    event_.push_back(event);
  }

  void processes(const std::vector<StoryProcess>& list, std::size_t indent) {
    for (const StoryProcess& one : list) {
      const std::string& words = one.arguments.empty() ? one.executable : one.arguments;
      std::string note = one.denied ? "denied" : "";
      if (one.tie == Tie::time) note += one.denied ? " · about then" : "about then";
      row(indent + one.depth, "process", is_listed(one) ? "" : shown(words, kLabel),
          std::move(note), one.denied ? Tone::bad : Tone::plain,
          static_cast<std::int64_t>(one.event));
    }
  }

  void call(const StoryCall& call, std::size_t indent);
  void group(const char* label, const std::vector<StoryProcess>& list, Tone tone) {
    if (list.empty()) return;
    row(0, "group", label, fmt::format("{}", list.size()), tone);
    processes(list, 1);
  }

  json take() && {
    return {{"depth", std::move(depth_)}, {"kind", std::move(kind_)}, {"label", std::move(label_)},
            {"note", std::move(note_)},   {"tone", std::move(tone_)}, {"event", std::move(event_)}};
  }

 private:
  // In a record that was tampered with, two events may have one number.
  [[nodiscard]] bool is_listed(const StoryProcess& process) const {
    const auto found = rows_.find(process.event);
    return found != rows_.end() && process.pid >= 0 &&
           count(member(events_[found->second], "data"), "pid") ==
               static_cast<std::uint64_t>(process.pid);
  }

  const Events& events_;
  Rows rows_;
  json depth_ = json::array(), kind_ = json::array(), label_ = json::array();
  json note_ = json::array(), tone_ = json::array(), event_ = json::array();
};

std::string note_of(const StoryCall& call) {
  std::string out = call.decision.empty() ? "not decided" : shown(call.decision, 32);
  if (!call.rule.empty()) out += fmt::format(" [{}]", shown(call.rule, 128));
  if (call.decision == "deny")
    return out + (call.reason.empty() ? "" : " " + shown(call.reason, kLabel));
  if (call.duration_ms) out += fmt::format(" · {} ms", *call.duration_ms);
  out += call.end == CallEnd::ok ? " · ok" : call.end == CallEnd::failed ? " · failed" : "";
  if (!call.error.empty()) out += ": " + shown(call.error, kLabel);
  if (call.background) out += " · in the background";
  if (call.no_process) out += " · no process seen";
  if (call.asked_inside) out += " · asked by a process of a tool, not by the agent";
  return out;
}

void Tree::call(const StoryCall& call, std::size_t indent) {
  const bool bad = call.decision == "deny";
  std::string label = shown(call.tool, 64) + "  " + shown(call.summary, kLabel);
  if (!call.subagent.empty()) label += fmt::format("  (subagent {})", shown(call.subagent, 64));
  row(indent, "call", std::move(label), note_of(call),
      bad                                                ? Tone::bad
      : call.end == CallEnd::failed || call.asked_inside ? Tone::warn
                                                         : Tone::good);
  processes(call.processes, indent + 1);
  for (const StoryHost& host : call.hosts) {
    row(indent + 1, "host", shown(host.name, kLabel),
        fmt::format("{}{}", shown(host.outcome, 32), host.about ? " · about then" : ""),
        host.outcome == "reached" ? Tone::plain : Tone::bad);
  }
  for (const StoryFile& file : call.files) {
    row(indent + 1, "file", shown(file.path, kLabel),
        file.kind.empty() ? "not among the changes" : shown(file.kind, 32), Tone::plain);
  }
}

}  // namespace

json tree_part(const Events& events) {
  const Story story = tell_story(events);
  Tree tree(events);
  for (const StoryPrompt& prompt : story.prompts) {
    const std::string label = !prompt.text.empty() ? shown(prompt.text, 1000)
                              : prompt.sha256.empty()
                                  ? "prompt that was not seen"
                                  : "prompt, sha256 " + shown(prompt.sha256, 16);
    tree.row(0, "prompt", label, fmt::format("{} calls", prompt.calls.size()), Tone::plain);
    for (const StoryCall& call : prompt.calls) tree.call(call, 1);
  }
  tree.group("Started outside of any tool call", story.outside, Tone::warn);
  tree.group(story.hooked ? "The agent's own processes" : "Processes", story.own, Tone::plain);
  return std::move(tree).take();
}

}  // namespace berm::html
