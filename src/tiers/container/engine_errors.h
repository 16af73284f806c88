// src/tiers/container/engine_errors.h: what an engine's client says, as cause and fix. Pure.
#pragma once

#include <string_view>

#include "base/result.h"
#include "plan/plan.h"

namespace berm {

/// `errors` is what the client wrote to stderr when it started no container.
[[nodiscard]] Error explain_engine_error(const ContainerPlan& container, std::string_view errors);

}  // namespace berm
