// fuzz/hook_fuzz.cc: whatever a client writes to its hook, the answer to a denial exits with 2, and
// what exits with 0 says valid JSON that denies nothing. The first byte of the input is the client,
// the second the decision; up to the first line feed stands the patch of a rewrite.
#include <algorithm>
#include <cstdlib>

#include "base/text.h"
#include "rules/hooks/hook.h"
#include "rules/model/strict_json.h"

namespace {

using berm::HookAnswer;
using berm::HookInput;
using berm::Json;
using berm::ToolAction;

constexpr berm::AgentKind kAgents[] = {berm::AgentKind::claude, berm::AgentKind::codex,
                                       berm::AgentKind::gemini, berm::AgentKind::opencode};
constexpr ToolAction kActions[] = {ToolAction::allow, ToolAction::report, ToolAction::rewrite,
                                   ToolAction::ask, ToolAction::deny};

// Written apart from the code under test: no word of a denial, at either place where clients look.
bool denies(const Json& answer) {
  const Json* own = berm::member(answer, "hookSpecificOutput");
  return berm::text_member(answer, "decision") == "deny" ||
         (own != nullptr && berm::text_member(*own, "permissionDecision") == "deny");
}

void check_denied(const HookAnswer& answer) {
  if (answer.exit_code != 2 || !answer.err.starts_with("berm: ")) std::abort();
  if (answer.out.empty()) return;
  const auto said = berm::parse_strict_json(berm::trim(answer.out));
  if (!said || !denies(*said)) std::abort();
}

void check_allowed(const HookAnswer& answer) {
  if (answer.exit_code != 0 || !answer.err.empty()) std::abort();
  const auto said = berm::parse_strict_json(berm::trim(answer.out));
  if (!said || !said->is_object() || denies(*said)) std::abort();
}

// What the policy matches has one form only.
void check_paths(const HookInput& input) {
  if (!input.call.cwd.starts_with('/')) std::abort();
  for (const auto& path : input.call.paths) {
    if (path.path.starts_with("~/")) continue;
    if (!path.path.starts_with('/')) std::abort();
    if (path.path == "/") continue;
    const std::string_view parts(path.path);
    for (const std::string_view part : berm::split(parts.substr(1), '/')) {
      if (part.empty() || part == "." || part == "..") std::abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const berm::AgentKind agent = kAgents[data[0] % std::size(kAgents)];
  const ToolAction action = kActions[data[1] % std::size(kActions)];
  const std::string_view rest(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::size_t line = std::min(rest.find('\n'), rest.size());
  const std::string patch(rest.substr(0, line));
  const std::string_view text = rest.substr(std::min(line + 1, rest.size()));

  const auto input = berm::read_hook(agent, text, "/work");
  if (!input) {
    check_denied(berm::refuse_hook(text));
    return 0;
  }
  check_paths(*input);
  const HookAnswer answer = berm::answer_hook(
      *input, {.action = action, .rule = "r", .reason = patch, .rewrite = patch, .reported = {}});
  const bool denied = action == ToolAction::ask || action == ToolAction::deny;
  // A rewrite that cannot be made is a denial.
  const bool unmade = action == ToolAction::rewrite && answer.exit_code != 0;
  denied || unmade ? check_denied(answer) : check_allowed(answer);
  return 0;
}
