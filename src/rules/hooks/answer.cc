#include <fmt/format.h>

#include "base/text.h"
#include "rules/hooks/hook.h"
#include "rules/model/strict_json.h"

namespace berm {
namespace {

constexpr std::size_t kLongestReason = 8000;  // clients cut at 10,000 characters

std::string text_of(const Json& value) {
  Result<std::string> text = to_json_text(value);
  return text ? *std::move(text) + "\n" : std::string();
}

// The reason goes to the model: what it repeats of hostile text must stay text.
std::string reason_of(std::string_view reason) {
  return printable(reason.substr(0, kLongestReason));
}

Json denial(const HookInput& input, const std::string& reason) {
  if (input.agent == AgentKind::gemini) {
    return {{"decision", "deny"}, {"reason", reason}, {"systemMessage", reason}};
  }
  Json out = {{"hookSpecificOutput",
               {{"hookEventName", input.event},
                {"permissionDecision", "deny"},
                {"permissionDecisionReason", reason}}}};
  return out;
}

// RFC 7396, on the tool's input. Not nlohmann's: its recursion is as deep as the patch.
Json patched(Json input, const Json& patch) {
  for (const auto& [key, value] : patch.items()) {
    if (value.is_null()) {
      (void)erase_member(input, key);
    } else {
      const Json* inner = member(input, key);
      const bool merge = value.is_object() && inner != nullptr && inner->is_object();
      set_member(input, key, merge ? patched(*inner, value) : value);
    }
  }
  return input;
}

HookAnswer rewritten(const HookInput& input, const ToolDecision& decision) {
  Result<Json> old = parse_strict_json(input.input);
  Result<Json> patch = parse_strict_json(decision.rewrite);
  if (!old || !patch || !patch->is_object()) {
    return refuse_hook("the rewrite of this call by the policy failed");
  }
  const Json wanted = patched(*std::move(old), *patch);
  Json out;
  if (input.agent == AgentKind::gemini) {
    out = {{"decision", "allow"}, {"hookSpecificOutput", {{"tool_input", wanted}}}};
  } else {
    out = {{"hookSpecificOutput",
            {{"hookEventName", input.event},
             {"permissionDecision", "allow"},
             {"permissionDecisionReason", reason_of(decision.reason)},
             {"updatedInput", wanted}}}};
  }
  return {.exit_code = 0, .out = text_of(out), .err = ""};
}

}  // namespace

HookAnswer refuse_hook(std::string_view reason) {
  return {.exit_code = 2, .out = "", .err = "berm: " + reason_of(reason) + "\n"};
}

HookAnswer answer_hook(const HookInput& input, const ToolDecision& decision) {
  // Nothing to decide: silence, with which the client goes on as it would have.
  if (input.kind != HookKind::before_tool && decision.action == ToolAction::allow) {
    return {.exit_code = 0, .out = "{}\n", .err = ""};
  }
  switch (decision.action) {
    case ToolAction::allow:
    case ToolAction::report:
      return {.exit_code = 0, .out = "{}\n", .err = ""};
    case ToolAction::rewrite:
      return rewritten(input, decision);
    case ToolAction::ask:
    case ToolAction::deny:
      break;
  }
  HookAnswer answer = refuse_hook(decision.reason);
  answer.out = text_of(denial(input, "berm: " + reason_of(decision.reason)));
  return answer;
}

}  // namespace berm
