#include "drill/scenarios/entries.h"

namespace berm::drill {

Scenario malformed_empty_body() {
  return {
      .id = "malformed_empty_body",
      .title = R"D(Nothing)D",
      .incident = R"D(malformed set: a hostile or broken model gateway)D",
      .layer = Layer::limits,
      .steps = {malformed(Shape::empty_body)},
      .seconds = 15,
  };
}

}  // namespace berm::drill
