// src/init/hook.h: berm-init as the hook of an agent.
#pragma once

namespace berm::init {

/// `berm-init hook AGENT [--ask|--tell]`: the client's question on stdin, its answer on stdout and
/// stderr.
/// @return 0, or 2 for everything that is not a clear yes. Never anything else.
int answer_hook(int argc, char** argv);

}  // namespace berm::init
