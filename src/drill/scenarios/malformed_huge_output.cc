#include "drill/scenarios/entries.h"

namespace berm::drill {

Scenario malformed_huge_output() {
  return {
      .id = "malformed_huge_output",
      .title = R"D(24 MiB in one event)D",
      .incident = R"D(malformed set: a hostile or broken model gateway)D",
      .layer = Layer::limits,
      .steps = {malformed(Shape::huge_output)},
      .seconds = 15,
  };
}

}  // namespace berm::drill
