#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

// Flags that take an agent's own questions and sandbox off.
bool is_bypass(std::string_view word) {
  static constexpr std::string_view kFlags[] = {"--dangerously-skip-permissions",
                                                "--allow-dangerously-skip-permissions",
                                                "--dangerously-bypass-approvals-and-sandbox",
                                                "--yolo",
                                                "danger-full-access",
                                                "--sandbox=danger-full-access",
                                                "--permission-mode=bypassPermissions",
                                                "bypassPermissions",
                                                "--approval-mode=yolo"};
  return std::ranges::find(kFlags, word) != std::end(kFlags);
}

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

void check_container(const Pod& pod, const PodContainer& container, Report& report) {
  for (const char* key : {"command", "args"}) {
    for (const Node* word : words_of(get(container.node, key))) {
      const std::string& text = text_of(word);
      for (std::size_t at = 0; at < text.size();) {
        const std::size_t begin = text.find_first_not_of(" \n\t'\"", at);
        if (begin == std::string::npos) break;
        const std::size_t end = std::min(text.find_first_of(" \n\t'\"", begin), text.size());
        const std::string_view one = std::string_view(text).substr(begin, end - begin);
        at = end;
        if (!is_bypass(one)) continue;
        report.add(*pod.object.file, span_in(*pod.object.file, *follow(word), begin, end - begin),
                   fmt::format("{} starts its agent with {}", words_for(pod, container), one));
      }
    }
  }
}

// The words of a script or of an action's arguments; a line that starts berm is berm's.
void check_step(const Workflow& workflow, const StepText& text, Report& report) {
  const std::string& value = text.node->value;
  for (std::size_t line = 0; line <= value.size();) {
    const std::size_t line_end = std::min(value.find('\n', line), value.size());
    const std::string_view whole = std::string_view(value).substr(line, line_end - line);
    const bool held =
        trim(whole).starts_with("#") || whole.find("berm run ") != std::string_view::npos;
    for (std::size_t at = line; !held && at < line_end;) {
      const std::size_t begin = value.find_first_not_of(" \t'\"=,[]", at);
      if (begin >= line_end) break;
      const std::size_t end = std::min(value.find_first_of(" \t'\"=,[]\n", begin), line_end);
      at = end;
      const std::string_view one = std::string_view(value).substr(begin, end - begin);
      if (!is_bypass(one)) continue;
      report.add(*workflow.file, span_in(*workflow.file, *text.node, begin, end - begin),
                 fmt::format("the agent is started with {}, on the runner itself", one));
    }
    line = line_end + 1;
  }
}

void check_workflows(const Model& model, Report& report) {
  for (const Workflow& workflow : model.workflows) {
    for (const WorkflowJob& job : workflow.jobs) {
      for (const WorkflowStep& step : job.steps) {
        if (step.agent == AgentUse::none) continue;
        for (const StepText& text : texts_of(step)) {
          if (text.where != "with.prompt" && !text.where.starts_with("env."))
            check_step(workflow, text, report);
        }
      }
    }
  }
}

void check(const Model& model, Report& report) {
  check_workflows(model, report);
  for (const Pod& pod : model.cluster.pods) {
    for (const PodContainer& container : pod.containers) {
      if (!is_berm(container)) check_container(pod, container, report);
    }
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
