#include "drill/scenarios/entries.h"

namespace berm::drill {

Scenario malformed_wrong_status() {
  return {
      .id = "malformed_wrong_status",
      .title = R"D(A status nobody knows, with an escape sequence)D",
      .incident = R"D(malformed set: a hostile or broken model gateway)D",
      .layer = Layer::limits,
      .steps = {malformed(Shape::wrong_status)},
      .seconds = 15,
  };
}

}  // namespace berm::drill
