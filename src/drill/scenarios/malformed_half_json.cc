#include "drill/scenarios/entries.h"

namespace berm::drill {

Scenario malformed_half_json() {
  return {
      .id = "malformed_half_json",
      .title = R"D(An event that ends in its middle)D",
      .incident = R"D(malformed set: a hostile or broken model gateway)D",
      .layer = Layer::limits,
      .steps = {malformed(Shape::half_json)},
      .seconds = 15,
      .in_ci = true,
  };
}

}  // namespace berm::drill
