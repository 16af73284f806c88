// src/agents/claude_mcp.h: the MCP servers that the user names for Claude Code.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace berm {

/// Takes `--mcp-config FILE…` out of the client's arguments, and a `--strict-mcp-config` with it.
/// What the files hold becomes the text of managed-mcp.json: the servers are then the only ones
/// there are, as they stand now, while the client's own flag is refused by our managed settings.
///
/// @param directory  where the user stands: a FILE may be relative, or JSON text itself
/// @return "": the user names none. Errc::usage: a file is not there, or is none of `mcpServers`.
[[nodiscard]] Result<std::string> take_mcp_servers(const std::string& directory,
                                                   std::vector<std::string>& arguments);

}  // namespace berm
