#include "drill/scenarios/entries.h"

namespace berm::drill {

Scenario malformed_many_calls() {
  return {
      .id = "malformed_many_calls",
      .title = R"D(10,000 calls in one answer)D",
      .incident = R"D(malformed set: a hostile or broken model gateway)D",
      .layer = Layer::limits,
      .steps = {malformed(Shape::many_calls)},
      .seconds = 15,
  };
}

}  // namespace berm::drill
