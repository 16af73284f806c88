#include "lint/job.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "lint/agents.h"

namespace berm::lint {
namespace {

constexpr std::array<std::string_view, 6> kToolFlags = {"--allowedTools", "--allowed-tools",
                                                        "--allow-tool",   "--tools",
                                                        "--core-tools",   "--allowed_tools"};

bool is_tool_flag(std::string_view word) {
  return std::ranges::find(kToolFlags, word) != kToolFlags.end();
}

// A word's tools, each at its own place if the word stands in the file as it is.
void split_tools(const Said& list, std::size_t from, std::vector<Said>& out) {
  const std::string_view text = std::string_view(list.text).substr(from);
  const bool as_written = list.span.end - list.span.begin == list.text.size();
  for (const ToolUse& use : tools_in(text)) {
    const std::size_t begin = list.span.begin + from + use.at;
    out.push_back({.text = std::string(use.tool),
                   .span = as_written ? Span{begin, begin + use.tool.size()} : list.span});
  }
}

}  // namespace

void find_tools(Agent& agent) {
  const std::vector<Said>& words = agent.arguments;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::size_t equals = words[i].text.find('=');
    if (equals != std::string::npos && is_tool_flag(words[i].text.substr(0, equals)))
      split_tools(words[i], equals + 1, agent.tools);
    if (!is_tool_flag(words[i].text)) continue;
    while (i + 1 < words.size() && !words[i + 1].text.starts_with('-')) {
      split_tools(words[++i], 0, agent.tools);
    }
  }
}

void add_tools(const Source& file, const Node* list, Agent& agent) {
  for (const Node* node : words_of(list)) {
    const Node* scalar = follow(node);
    for (const ToolUse& use : tools_in(scalar->value)) {
      agent.tools.push_back(
          {.text = std::string(use.tool), .span = span_in(file, *scalar, use.at, use.tool.size())});
    }
  }
}

std::vector<Agent> agents_in(const Script& script) {
  std::vector<Agent> out;
  for (const Command& command : script.commands) {
    const std::optional<AgentStart> start = agent_start(command);
    if (!start) continue;
    Agent agent{.file = script.file,
                .at = script.in_file(command.span),
                .name = command.words[start->program].text,
                .in_berm = start->in_berm,
                .script = &script,
                .command = &command,
                .arguments = {},
                .tools = {}};
    for (std::size_t i = start->program + 1; i < command.words.size(); ++i) {
      const Word& word = command.words[i];
      agent.arguments.push_back({.text = word.text, .span = script.in_file(word.span)});
    }
    find_tools(agent);
    out.push_back(std::move(agent));
  }
  return out;
}

std::string words_for(const Job& job) {
  if (job.system == CiSystem::shell) return "the script";
  if (job.system == CiSystem::image_build) return "the image's build";
  return fmt::format("job '{}'", printable(job.id));
}

}  // namespace berm::lint
