// src/drill/scenarios/list.h: every scenario there is. A new one is a file here and a line in
// list.cc.
#pragma once

#include <vector>

#include "drill/scenarios/scenario.h"

namespace berm::drill {

[[nodiscard]] std::vector<Scenario> all_scenarios();

}  // namespace berm::drill
