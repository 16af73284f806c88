#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "lint/agents.h"
#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

bool is_berm(const PodContainer& container) {
  for (const char* key : {"command", "args"}) {
    for (const Node* word : words_of(get(container.node, key))) {
      for (const std::string_view one : split(text_of(word), ' ')) {
        if (one == "berm" || one.ends_with("/berm")) return true;
      }
    }
  }
  return false;
}

// A pod's command is a list of words, and of scripts of sh -c.
std::vector<Said> words_said(const PodContainer& container, const Source& file) {
  std::vector<Said> out;
  for (const char* key : {"command", "args"}) {
    for (const Node* word : words_of(get(container.node, key))) {
      const std::string& text = text_of(word);
      for (std::size_t at = 0; at < text.size();) {
        const std::size_t begin = text.find_first_not_of(" \n\t'\"", at);
        if (begin == std::string::npos) break;
        at = std::min(text.find_first_of(" \n\t'\"", begin), text.size());
        out.push_back({.text = text.substr(begin, at - begin),
                       .span = span_in(file, *follow(word), begin, at - begin)});
      }
    }
  }
  return out;
}

void look(const Source& file, const std::vector<Said>& said, const std::string& who,
          Report& report) {
  std::vector<std::string_view> words;
  for (const Said& one : said) words.emplace_back(one.text);
  for (const BypassUse& use : bypasses_in(words)) {
    std::string text;
    for (std::size_t i = use.first; i < use.first + use.count; ++i)
      text += (text.empty() ? "" : " ") + said[i].text;
    const Span span{said[use.first].span.begin, said[use.first + use.count - 1].span.end};
    report.add(file, span, fmt::format("{} starts its agent with {}", who, printable(text)));
  }
}

void check(const Model& model, Report& report) {
  for (const AgentAt& at : agents_of(model)) {
    if (!at.agent.in_berm) look(*at.agent.file, at.agent.arguments, words_for(at.job), report);
  }
  for (const auto& [pod, container] : model.cluster.containers) {
    if (is_berm(container)) continue;
    const Source& file = *pod.object.file;
    look(file, words_said(container, file), words_for(pod, container), report);
  }
}

}  // namespace

const Rule agent_permission_bypass{
    .id = "agent-permission-bypass",
    .title = "an agent that is told not to ask, outside of a sandbox of its own",
    .severity = Severity::high,
    .why =
        "The flag is meant for a sandbox that holds without the agent's help; in a plain container "
        "it leaves "
        "the network, the token and the keys to whatever the agent reads.",
    .bad = "args: [claude, --dangerously-skip-permissions, -p, \"fix it\"]",
    .good = "args: [berm, run, claude, -p, \"fix it\"]",
    .fix = "run the agent by berm, which holds what the flag lets go, or list its tools",
    .check = check};

}  // namespace berm::lint
