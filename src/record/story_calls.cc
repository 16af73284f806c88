#include "record/story_calls.h"

#include <algorithm>
#include <unordered_map>

namespace berm::story {
namespace {

// Calls without an id are compared one by one with what ends; no client has so many open at once.
constexpr std::size_t kMostNameless = 64;

std::string command_of(const Told& told, const ToolInput& input) {
  const auto keys = {"command", "cmd", "script"};
  if (told.decision == "rewrite") {
    std::string command = ToolInput(told.rewrite).first_of(keys);
    if (!command.empty()) return command;
  }
  return input.first_of(keys);
}

std::string summary_of(const Told& told, const ToolInput& input) {
  std::string text =
      input.first_of({"file_path", "notebook_path", "filePath", "absolute_path", "pattern", "url",
                      "query", "path", "description", "prompt", "task_id", "bash_id", "skill"});
  return text.empty() ? told.input : text;
}

class Reader {
 public:
  void read(const Told& told) {
    if (told.kind == "result") return end_by_result(told);
    if (told.kind == "before-tool") return begin(told);
    if (told.kind == "after-tool" || told.kind == "after-failure") return end_by_hook(told);
    if (told.kind != "prompt") return;
    StoryPrompt& prompt = out_.prompts[prompt_of(told, true)];
    prompt.sha256 = told.prompt_sha256;
    prompt.text = told.prompt;
  }

  Calls take() { return std::move(out_); }

 private:
  std::size_t prompt_of(const Told& told, bool is_prompt);
  void begin(const Told& told);
  void end_by_hook(const Told& told);
  void end_by_result(const Told& told);
  [[nodiscard]] std::size_t call_of(const Told& told);
  static void close(Call& call, const Told& told);

  Calls out_;
  std::unordered_map<std::string, std::size_t> prompts_;  // by prompt_id
  std::unordered_map<std::string, std::size_t> latest_;   // by session
  std::unordered_map<std::string, std::size_t> by_id_;
  std::vector<std::size_t> nameless_;
};

// Clients that number no prompts mean the last one of the session.
std::size_t Reader::prompt_of(const Told& told, bool is_prompt) {
  if (!told.prompt_id.empty()) {
    const auto [found, fresh] = prompts_.try_emplace(told.prompt_id, out_.prompts.size());
    if (fresh)
      out_.prompts.push_back({.id = told.prompt_id, .sha256 = {}, .text = {}, .calls = {}});
    return latest_[told.session] = found->second;
  }
  const auto latest = latest_.find(told.session);
  if (!is_prompt && latest != latest_.end()) return latest->second;
  out_.prompts.emplace_back();
  return latest_[told.session] = out_.prompts.size() - 1;
}

void Reader::begin(const Told& told) {
  Call call;
  call.prompt = prompt_of(told, false);
  call.opened_at = told.at;
  call.opened_by = told.pid;
  call.opened_mono = told.mono;
  call.session = told.session;
  call.input_sha256 = told.input_sha256;
  call.input = told.input;
  call.cwd = told.cwd;
  const ToolInput input(told.input);
  const std::string command = command_of(told, input);
  call.runs_commands = told.runs_shell && !command.empty();
  call.command = command.empty() ? input.member("pattern") : command;
  StoryCall& shown = call.shown;
  shown.id = told.id;
  shown.tool = told.tool;
  shown.summary = shortened(command.empty() ? summary_of(told, input) : command, 4096);
  shown.decision = told.decision;
  shown.rule = told.rule;
  shown.reason = told.reason;
  shown.subagent = told.agent_type.empty() ? told.agent_id : told.agent_type;
  shown.background = told.tool == "Monitor" || input.flag("run_in_background");
  const std::size_t index = out_.calls.size();
  if (!told.id.empty()) {
    by_id_[told.id] = index;
  } else {
    nameless_.push_back(index);
    if (nameless_.size() > kMostNameless) nameless_.erase(nameless_.begin());
  }
  out_.calls.push_back(std::move(call));
}

std::size_t Reader::call_of(const Told& told) {
  if (!told.id.empty()) {
    const auto found = by_id_.find(told.id);
    return found == by_id_.end() ? kNever : found->second;
  }
  const auto found = std::ranges::find_if(nameless_, [&](std::size_t index) {
    const Call& call = out_.calls[index];
    return call.closed_at == kNever && call.session == told.session &&
           call.shown.tool == told.tool && call.input_sha256 == told.input_sha256;
  });
  return found == nameless_.end() ? kNever : *found;
}

void Reader::close(Call& call, const Told& told) {
  if (call.closed_at != kNever) return;
  call.closed_at = told.at;
  if (!call.shown.duration_ms && told.mono >= call.opened_mono && call.opened_mono > 0) {
    call.shown.duration_ms = static_cast<std::uint64_t>(told.mono - call.opened_mono) / 1'000'000;
  }
}

// A failure stays one: Claude Code tells a command's exit code by both events.
void Reader::end_by_hook(const Told& told) {
  const std::size_t index = call_of(told);
  if (index == kNever) return;
  Call& call = out_.calls[index];
  if (told.duration_ms) call.shown.duration_ms = told.duration_ms;
  if (call.closed_at == kNever) call.closed_by = told.pid;
  close(call, told);
  const bool failed = told.kind == "after-failure";
  if (failed) call.shown.error = told.error;
  if (call.shown.end != CallEnd::failed) call.shown.end = failed ? CallEnd::failed : CallEnd::ok;
}

// What the agent tells its model comes after every hook; it counts where no hook told the end.
void Reader::end_by_result(const Told& told) {
  const auto found = by_id_.find(told.id);
  if (found == by_id_.end()) return;
  Call& call = out_.calls[found->second];
  close(call, told);
  if (call.shown.end == CallEnd::unknown || told.failed) {
    call.shown.end = told.failed ? CallEnd::failed : CallEnd::ok;
  }
}

}  // namespace

Calls read_calls(const std::vector<Told>& told) {
  Reader reader;
  for (const Told& one : told) reader.read(one);
  return reader.take();
}

}  // namespace berm::story
