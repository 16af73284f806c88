// src/rules/hooks/hook.h: what agents tell their hooks, and what a hook answers them. Pure.
//
// Each client has its own words; here they become one HookInput, and one ToolDecision becomes the
// client's words again. Whatever is not understood is refused: a hook that shrugs lets the tool
// run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "rules/tools/decide.h"

namespace berm {

enum class HookKind : std::uint8_t {
  before_tool,    ///< decides; everything else only tells
  after_tool,     ///< the tool ran
  after_failure,  ///< the tool ran and failed
  prompt,         ///< somebody, or something, talks to the model
  session_start,
  session_end,
  subagent,          ///< one starts or stops
  settings_changed,  ///< a settings file was touched while the agent runs
  other,
};
[[nodiscard]] std::string_view name_of(HookKind kind);

/// One question of an agent's hook.
struct HookInput {
  AgentKind agent = AgentKind::claude;
  HookKind kind = HookKind::other;
  std::string event;  ///< as the client names it: "PreToolUse", "BeforeTool"
  std::string session;
  std::string prompt_id;
  std::string tool_use_id;
  std::string agent_id;  ///< of a subagent; "" in the main conversation
  std::string agent_type;
  std::string permission_mode;
  std::string client_version;
  std::string prompt;  ///< kind prompt
  std::string about;   ///< source, reason, or the changed file
  std::string error;   ///< after_failure
  std::optional<std::uint64_t> duration_ms;
  ToolCall call;      ///< tool events
  std::string input;  ///< the tool's input as JSON text
};

/// @param workspace  taken where the client names no directory
/// @return Errc::denied: not the JSON of a hook of that client.
[[nodiscard]] Result<HookInput> read_hook(AgentKind agent, std::string_view text,
                                          const std::string& workspace);

/// What the hook program prints and how it exits.
struct HookAnswer {
  int exit_code = 2;
  std::string out;
  std::string err;
};

/// The decision in the words of the client. A denial both says so in JSON and exits with 2: clients
/// have honoured one and forgotten the other. `ask` was answered before, and is a denial here.
[[nodiscard]] HookAnswer answer_hook(const HookInput& input, const ToolDecision& decision);

/// For a question that was not understood, or could not be decided.
[[nodiscard]] HookAnswer refuse_hook(std::string_view reason);

}  // namespace berm
