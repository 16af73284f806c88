#include "drill/scenarios/entries.h"

namespace berm::drill {

Scenario endless_tool_loop() {
  return {
      .id = "endless_tool_loop",
      .title = R"D(The same call again and again)D",
      .incident = R"D(malformed set: runaway loops)D",
      .layer = Layer::limits,
      .steps = {Step{.text = "true", .forever = true}},
      .seconds = 15,
  };
}

}  // namespace berm::drill
