#include <fmt/format.h>

#include <algorithm>

#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

struct Install {
  std::string_view words;
  std::string_view name;
};

void check(const Model& model, Report& report) {
  static constexpr std::string_view kPackages[] = {"@anthropic-ai/claude-code", "@openai/codex",
                                                   "@google/gemini-cli", "opencode-ai",
                                                   "aider-chat"};
  for (const Workflow& workflow : model.workflows) {
    for (const WorkflowJob& job : workflow.jobs) {
      for (const WorkflowStep& step : job.steps) {
        const std::string& script = text_of(step.run);
        for (const std::string_view package : kPackages) {
          for (std::size_t at = script.find(package); at != std::string::npos;
               at = script.find(package, at + 1)) {
            const std::size_t end = at + package.size();
            const char next = end < script.size() ? script[end] : ' ';
            const std::size_t line = script.rfind('\n', at) + 1;
            const std::string before = script.substr(line, at - line);
            const bool installs = before.find("npm i") != std::string::npos ||
                                  before.find("npm install") != std::string::npos ||
                                  before.find("npm add") != std::string::npos ||
                                  before.find("npx") != std::string::npos ||
                                  before.find("pip install") != std::string::npos ||
                                  before.find("bun add") != std::string::npos;
            const bool latest = script.substr(end, 7) == "@latest";
            const bool pinned = (next == '@' && !latest) || next == '=';
            const bool word = next == ' ' || next == '\n' || next == '"' || next == '\'' || latest;
            if (!installs || pinned || !word) continue;
            report.add(
                *workflow.file, span_in(*workflow.file, *follow(step.run), at, package.size()),
                fmt::format("{} of the day is installed, with its install scripts", package));
          }
        }
      }
    }
  }
}

}  // namespace

const Rule unpinned_agent_install{
    .id = "unpinned-agent-install",
    .title = "an agent without a version",
    .severity = Severity::low,
    .why =
        "Nx, s1ngularity and their like were in the registry for hours: a version that was looked "
        "at is not replaced by them.",
    .bad = "run: npm install -g @anthropic-ai/claude-code",
    .good = "run: npm install -g @anthropic-ai/claude-code@2.1.128 --ignore-scripts",
    .fix = "name the version",
    .check = check};

}  // namespace berm::lint
