#include "drill/scenarios/entries.h"

namespace berm::drill {

Scenario malformed_deep_json() {
  return {
      .id = "malformed_deep_json",
      .title = R"D(JSON 100,000 levels deep)D",
      .incident = R"D(malformed set: a hostile or broken model gateway)D",
      .layer = Layer::limits,
      .steps = {malformed(Shape::deep_json)},
      .seconds = 15,
  };
}

}  // namespace berm::drill
