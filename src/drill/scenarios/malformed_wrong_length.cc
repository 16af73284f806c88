#include "drill/scenarios/entries.h"

namespace berm::drill {

Scenario malformed_wrong_length() {
  return {
      .id = "malformed_wrong_length",
      .title = R"D(A length that lies)D",
      .incident = R"D(malformed set: a hostile or broken model gateway)D",
      .layer = Layer::limits,
      .steps = {malformed(Shape::wrong_length)},
      .seconds = 15,
  };
}

}  // namespace berm::drill
