// src/agents/client.h: finding a coding agent's own program, and what all profiles share.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agents/agent.h"

namespace berm {

/// The hook client inside the sandbox; the name of the agent follows.
inline constexpr std::string_view kHookClient = "/run/berm/berm-init hook";

/// Where the model API is reached inside, at 127.0.0.1.
inline constexpr std::uint16_t kModelPort = 8117;
[[nodiscard]] std::string model_url();

/// How a client is installed.
struct ClientProgram {
  std::string_view name;     ///< of the command: "codex"
  std::string_view product;  ///< as people call it: "Codex"
  std::string_view package;  ///< of npm, with the version that berm was tested with
};

/// Finds the client: on PATH, else as npm installs it in a node_modules upwards from where the user
/// stands. What the repository supplies, or links to, is not the client.
/// @return the beginning of the command line (the program, behind node if it is a script of
/// node's),
///         what must be visible inside for it to run, and the variables that every client needs;
///         Errc::usage if there is none, with how to install it.
[[nodiscard]] Result<AgentFacts> start_client(const AgentRequest& request,
                                              const ClientProgram& client);

/// The version of the client at `program` by its path (…/versions/2.1.330) or by the package that
/// it lies in; "" = neither says.
[[nodiscard]] std::string client_version(const std::string& program);

/// `--flag` or `--flag=…` is among the arguments.
[[nodiscard]] bool has_flag(const std::vector<std::string>& arguments, std::string_view flag);

/// The user's own upstream (a gateway) from berm's environment, never from the repository.
[[nodiscard]] std::string upstream_or(const char* variable, std::string_view otherwise);

/// `text` as a string of TOML, of JSON, or of both.
[[nodiscard]] std::string quoted(std::string_view text);

}  // namespace berm
