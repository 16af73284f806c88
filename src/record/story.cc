#include "record/story.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "record/story_calls.h"
#include "record/story_events.h"
#include "record/story_processes.h"

namespace berm {
namespace {

using story::Call;
using story::Events;

constexpr std::size_t kMostWords = 256;  // of a command that are looked up among the changes

bool writes(const std::string& tool) {
  return tool == "Write" || tool == "Edit" || tool == "MultiEdit" || tool == "NotebookEdit";
}

// As changes name it: relative to the repository; else as it was.
std::string relative(std::string path, const Events& events) {
  const std::string root = events.repository + "/";
  if (!events.repository.empty() && path.starts_with(root)) path.erase(0, root.size());
  while (path.starts_with("./")) path.erase(0, 2);
  return path;
}

std::string kind_of(const std::string& path, const Events& events) {
  const auto found = events.changes.find(path);
  return found == events.changes.end() ? std::string() : found->second;
}

void add_written(Call& call, const Events& events) {
  const std::string named =
      story::ToolInput(call.input).first_of({"file_path", "notebook_path", "filePath", "path"});
  if (named.empty()) return;
  const std::string path = relative(story::shortened(named, 4096), events);
  call.shown.files.push_back({.path = path, .kind = kind_of(path, events), .mentioned = false});
}

// Where a command's output goes is not known; but that it names a file that changed, is.
void add_mentioned(Call& call, const Events& events) {
  constexpr std::string_view kBetween = " \t\r\n'\"`;|&<>()$={}[],\\";
  const std::string_view text = call.command.empty() ? call.input : call.command;
  const std::string here = relative(call.cwd + "/", events);
  std::unordered_set<std::string> seen;
  std::size_t words = 0;
  for (std::size_t at = 0; at < text.size() && words < kMostWords;) {
    const std::size_t begin = text.find_first_not_of(kBetween, at);
    if (begin == std::string_view::npos) return;
    at = std::min(text.find_first_of(kBetween, begin), text.size());
    ++words;
    const std::string word = relative(std::string(text.substr(begin, at - begin)), events);
    for (const std::string& path : {word, here + word}) {
      const auto change = events.changes.find(path);
      if (change == events.changes.end() || !seen.insert(path).second) continue;
      call.shown.files.push_back({.path = path, .kind = change->second, .mentioned = true});
    }
  }
}

void add_files(Call& call, const Events& events) {
  if (!call.allowed()) return;
  const bool wrote = writes(call.shown.tool) && call.shown.end != CallEnd::failed;
  if (wrote) add_written(call, events);
  const bool patch = wrote && call.shown.files.empty();
  if (!events.changes.empty() && (call.runs_commands || patch)) add_mentioned(call, events);
}

}  // namespace

std::string_view name_of(Tie tie) {
  constexpr std::string_view kNames[] = {"parent", "command", "alone", "time"};
  return kNames[static_cast<std::size_t>(tie)];
}

std::string_view name_of(CallEnd end) {
  constexpr std::string_view kNames[] = {"unknown", "ok", "failed"};
  return kNames[static_cast<std::size_t>(end)];
}

Story tell_story(const std::vector<nlohmann::json>& record) {
  const Events events = story::read_events(record);
  Story out{.hooked = std::ranges::any_of(
                events.told, [](const story::Told& told) { return told.kind != "result"; }),
            .watched = !events.execs.empty(),
            .prompts = {},
            .own = {},
            .hooks = 0,
            .own_hosts = {},
            .outside = {}};
  story::Calls calls = story::read_calls(events.told);
  story::tie_processes(events, calls, out);
  out.prompts = std::move(calls.prompts);
  for (Call& call : calls.calls) {
    add_files(call, events);
    out.prompts[call.prompt].calls.push_back(std::move(call.shown));
  }
  return out;
}

}  // namespace berm
