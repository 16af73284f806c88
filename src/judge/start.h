// src/judge/start.h: the judge of a run's tool calls, seen from the supervisor.
#pragma once

#include "supervise/supervisor.h"

namespace berm {

/// Starts the process that hears the hooks of `plan`; it makes itself ready while the sandbox is
/// being built. It holds no secret and no file.
[[nodiscard]] Result<JudgeProcess> start_judge(const Plan& plan);

/// Waits until it is confined, and gives it the socket that hooks connect to.
[[nodiscard]] Result<void> hand_over(const JudgeProcess& judge, UniqueFd tool_socket);

}  // namespace berm
