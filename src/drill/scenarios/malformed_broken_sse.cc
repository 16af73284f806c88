#include "drill/scenarios/entries.h"

namespace berm::drill {

Scenario malformed_broken_sse() {
  return {
      .id = "malformed_broken_sse",
      .title = R"D(Events that are none)D",
      .incident = R"D(malformed set: a hostile or broken model gateway)D",
      .layer = Layer::limits,
      .steps = {malformed(Shape::broken_sse)},
      .seconds = 15,
  };
}

}  // namespace berm::drill
