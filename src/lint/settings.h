// src/lint/settings.h: what agents' own files in a repository set: code that runs, where the model
// is, what is not asked. Pure.
#pragma once

#include <string>
#include <vector>

#include "lint/job.h"
#include "lint/node.h"

namespace berm::lint {

enum class SettingsClient : std::uint8_t { claude, mcp, codex, gemini, opencode };

/// A server that a client starts for its tools.
struct ToolServer {
  std::string name;
  std::vector<Said> command;  ///< empty: an address
};

struct Settings {
  const Source* file = nullptr;
  const Node* root = nullptr;
  SettingsClient client = SettingsClient::claude;
  std::vector<Said> code;       ///< "a hook of PreToolUse": the command that runs
  std::vector<Said> hooks;      ///< those of `code` that a person may have wanted
  std::vector<Said> endpoints;  ///< where the model's requests, and its key, go
  std::vector<Said> modes;      ///< "defaultMode: bypassPermissions"
  std::vector<Said> sandbox;    ///< what opens or ends the client's sandbox or hooks
  std::vector<ToolServer> servers;
  std::vector<Said> all_servers;  ///< "every server of the repository is approved"
  std::vector<Variable> variables;
  Agent tools;  ///< its `tools`: what is allowed without a question
};

[[nodiscard]] Settings read_settings(const Source& file, const Node* document,
                                     SettingsClient client);

/// A text that an agent is told, in every session: CLAUDE.md, a command, a skill.
struct Suspicion {
  Span span;
  std::string what;
};
/// Characters that nobody sees; not those that join emoji or letters of scripts that need them.
[[nodiscard]] std::vector<Suspicion> hidden_in(std::string_view text);
/// Lines that tell an agent to put its guards aside, or to keep quiet; not those that forbid it.
[[nodiscard]] std::vector<Suspicion> orders_in(std::string_view text);

}  // namespace berm::lint
