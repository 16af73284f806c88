#include "batch/task.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "agents/agent.h"
#include "base/text.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr std::size_t kLongestLine = 1 << 20;
constexpr std::size_t kLongestId = 100;

// It becomes a file name, and part of a branch.
bool is_id(const std::string& id) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !id.empty() && id.size() <= kLongestId && std::ranges::all_of(id, good) &&
         id.front() != '.' && id.front() != '-' && id.back() != '.' &&
         id.find("..") == std::string::npos;
}

Result<void> take_text(const json& task, const char* key, std::string& out) {
  if (!task.contains(key)) return {};
  if (!task[key].is_string()) return failure(Errc::usage, fmt::format("'{}' is no string", key));
  out = task[key].get<std::string>();
  if (out.find('\0') == std::string::npos) return {};
  return failure(Errc::usage, fmt::format("'{}' has a NUL", key));
}

Result<std::vector<std::string>> command_of(const json& task) {
  const char* const what = "'command' is a list of words: an agent's name first, or \"--\"";
  const json words = task.value("command", json());
  if (!words.is_array() || words.empty()) return failure(Errc::usage, what);
  std::vector<std::string> out;
  for (const json& word : words) {
    if (!word.is_string()) return failure(Errc::usage, what);
    out.push_back(word.get<std::string>());
    if (out.back().find('\0') != std::string::npos) return failure(Errc::usage, what);
  }
  // Nothing of a task is read as an option of berm's.
  if (out.front() == "--" ? out.size() < 2 : !agent_named(out.front())) {
    return failure(Errc::usage, what);
  }
  return out;
}

}  // namespace

Result<BatchTask> parse_task(std::string_view line) {
  const json task = json::parse(line, nullptr, false);
  if (!task.is_object()) return failure(Errc::usage, "a task is a JSON object");
  static constexpr std::string_view kKeys[] = {"id",     "command",    "directory",
                                               "policy", "on_success", "time"};
  for (const auto& [key, value] : task.items()) {
    if (std::ranges::find(kKeys, key) != std::end(kKeys)) continue;
    const std::string_view near = nearest(key, kKeys);
    return failure(Errc::usage,
                   fmt::format("unknown key '{}'{}", printable(key),
                               near.empty() ? "" : fmt::format("; did you mean '{}'?", near)));
  }
  BatchTask out;
  BERM_TRY(take_text(task, "id", out.id));
  if (!is_id(out.id)) {
    return failure(Errc::usage, "'id' is at most 100 of a-z A-Z 0-9 . _ - and begins with neither");
  }
  out.command = BERM_TRY(command_of(task));
  BERM_TRY(take_text(task, "directory", out.directory));
  BERM_TRY(take_text(task, "policy", out.policy));
  BERM_TRY(take_text(task, "on_success", out.on_success));
  BERM_TRY(take_text(task, "time", out.time));
  return out;
}

std::string with_task(std::string text, const std::string& id) {
  static constexpr std::string_view kPlace = "{task}";
  for (std::size_t at = text.find(kPlace); at != std::string::npos;
       at = text.find(kPlace, at + id.size())) {
    text.replace(at, kPlace.size(), id);
  }
  return text;
}

Result<TaskFile> TaskFile::open(const std::string& file) {
  TaskFile out;
  out.file_ = file;
  out.in_.open(file);
  if (!out.in_) return os_error(fmt::format("read '{}'", printable(file)));
  return out;
}

Result<std::optional<BatchTask>> TaskFile::next() {
  std::string line;
  while (std::getline(in_, line)) {
    ++number_;
    if (trim(line).empty()) continue;
    Result<BatchTask> task = line.size() > kLongestLine
                                 ? failure(Errc::usage, "a line of more than 1 MiB")
                                 : parse_task(line);
    if (task && !ids_.insert(task->id).second) {
      task = failure(Errc::usage, fmt::format("the id '{}' was there before", task->id));
    }
    if (task) return std::optional(*std::move(task));
    return failure(Errc::usage,
                   fmt::format("{}:{}: {}", printable(file_), number_, task.error().what));
  }
  if (in_.bad()) return os_error(fmt::format("read '{}'", printable(file_)));
  return std::optional<BatchTask>();
}

Result<std::uint64_t> count_tasks(const std::string& file) {
  TaskFile tasks = BERM_TRY(TaskFile::open(file));
  for (std::uint64_t count = 0;; ++count) {
    const std::optional<BatchTask> task = BERM_TRY(tasks.next());
    if (!task) return count;
  }
}

}  // namespace berm
