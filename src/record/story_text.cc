#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "record/story.h"
#include "record/story_events.h"

namespace berm {
namespace {

constexpr std::size_t kMostLines = 2000;
constexpr std::size_t kMostProcesses = 20;  // of a call; hosts and files as well
constexpr std::size_t kDeepest = 8;
constexpr std::size_t kWide = 100;

std::string shown(std::string_view text, std::size_t most = kWide) {
  return printable(story::shortened(text, most));
}

std::string duration_of(std::uint64_t ms) {
  if (ms < 1000) return fmt::format("{} ms", ms);
  return fmt::format("{:.1f} s", static_cast<double>(ms) / 1000);
}

class Teller {
 public:
  std::string tell(const Story& story) {
    for (const StoryPrompt& prompt : story.prompts) {
      if (full(0)) break;
      tell_prompt(prompt);
    }
    tell_rest(story);
    return std::move(out_);
  }

 private:
  // Bounded: whoever writes the record decides how much there is.
  bool full(std::size_t indent) {
    if (lines_ < kMostLines) return false;
    if (lines_++ == kMostLines) {
      out_ += fmt::format("{:{}}  … and more (berm show --json)\n", "", indent);
    }
    return true;
  }
  void line(std::size_t indent, const std::string& text) {
    if (full(indent)) return;
    ++lines_;
    out_ += fmt::format("{:{}}{}\n", "", indent, text);
  }
  void more(std::size_t indent, std::size_t all) {
    if (all <= kMostProcesses) return;
    line(indent, fmt::format("… and {} more (berm show --json)", all - kMostProcesses));
  }
  void tell_prompt(const StoryPrompt& prompt);
  void tell_call(const StoryCall& call);
  void tell_processes(const std::vector<StoryProcess>& processes, std::size_t indent);
  void tell_hosts(const std::vector<StoryHost>& hosts, std::size_t indent);
  void tell_files(const std::vector<StoryFile>& files, std::size_t indent);
  void tell_rest(const Story& story);

  std::string out_;
  std::size_t lines_ = 0;
};

void Teller::tell_processes(const std::vector<StoryProcess>& processes, std::size_t indent) {
  for (std::size_t i = 0; i < std::min(processes.size(), kMostProcesses); ++i) {
    const StoryProcess& process = processes[i];
    const std::string& words = process.arguments.empty() ? process.executable : process.arguments;
    std::string text = fmt::format("{} {}", process.pid, shown(words));
    if (process.denied) text += fmt::format("  DENIED [{}]", shown(process.rule));
    if (process.tie == Tie::time) text += "  (about then)";
    line(indent + 2 * std::min(process.depth, kDeepest), text);
  }
  more(indent, processes.size());
}

void Teller::tell_hosts(const std::vector<StoryHost>& hosts, std::size_t indent) {
  for (std::size_t i = 0; i < std::min(hosts.size(), kMostProcesses); ++i) {
    const StoryHost& host = hosts[i];
    std::string text = fmt::format("{:<9} {}", shown(host.outcome), shown(host.name));
    if (host.times > 1) text += fmt::format(" (×{})", host.times);
    if (host.about) text += "  (about then)";
    line(indent, text);
  }
  more(indent, hosts.size());
}

void Teller::tell_files(const std::vector<StoryFile>& files, std::size_t indent) {
  for (std::size_t i = 0; i < std::min(files.size(), kMostProcesses); ++i) {
    const StoryFile& file = files[i];
    line(indent,
         fmt::format("{} {}{}", file.mentioned ? "mentioned" : "wrote    ", shown(file.path),
                     file.kind.empty() ? "  (not among the changes)"
                                       : fmt::format("  ({})", shown(file.kind))));
  }
  more(indent, files.size());
}

std::string ending_of(const StoryCall& call) {
  if (call.decision == "deny") {
    return fmt::format("DENIED [{}] {}", shown(call.rule), shown(call.reason));
  }
  std::string out = call.decision.empty() ? "not decided" : shown(call.decision);
  if (!call.rule.empty()) out += fmt::format(" [{}]", shown(call.rule));
  if (call.duration_ms) out += " · " + duration_of(*call.duration_ms);
  out += call.end == CallEnd::ok       ? " · ok"
         : call.end == CallEnd::failed ? " · failed"
                                       : " · its end was not told";
  if (!call.error.empty()) out += fmt::format(": {}", shown(call.error));
  if (call.background) out += " · in the background";
  if (call.no_process) out += " · no process seen";
  return out;
}

void Teller::tell_call(const StoryCall& call) {
  line(4, fmt::format(
              "{:<9} {}{}", shown(call.tool, 40), shown(call.summary),
              call.subagent.empty() ? "" : fmt::format("  (subagent {})", shown(call.subagent))));
  line(14, ending_of(call));
  if (call.asked_inside) line(14, "ASKED BY A PROCESS OF A TOOL, not by the agent");
  tell_processes(call.processes, 14);
  tell_hosts(call.hosts, 14);
  tell_files(call.files, 14);
}

void Teller::tell_prompt(const StoryPrompt& prompt) {
  const std::string what = !prompt.text.empty()     ? shown(prompt.text)
                           : !prompt.sha256.empty() ? "sha256 " + shown(prompt.sha256, 16)
                                                    : "that was not seen";
  line(2, fmt::format("prompt    {}", what));
  for (const StoryCall& call : prompt.calls) {
    if (full(4)) return;
    tell_call(call);
  }
}

void Teller::tell_rest(const Story& story) {
  lines_ =
      std::min(lines_, kMostLines - 4 * kMostProcesses);  // what nothing explains is always told
  if (!story.outside.empty()) {
    line(2, "started outside of any tool call");
    tell_processes(story.outside, 4);
  }
  if (story.own.empty() && story.hooks == 0) return;
  line(2, !story.hooked ? std::string("processes")
          : story.hooks == 0
              ? std::string("the agent's own processes")
              : fmt::format("the agent's own processes, and {} of its hooks", story.hooks));
  tell_processes(story.own, 4);
  if (story.hooked) tell_hosts(story.own_hosts, 4);
}

}  // namespace

std::string story_text(const Story& story) { return Teller().tell(story); }

}  // namespace berm
