#include "drill/scenarios/entries.h"

namespace berm::drill {

Scenario malformed_never_ending() {
  return {
      .id = "malformed_never_ending",
      .title = R"D(A stream that never ends)D",
      .incident = R"D(malformed set: a hostile or broken model gateway)D",
      .layer = Layer::limits,
      .steps = {malformed(Shape::never_ending)},
      .seconds = 15,
  };
}

}  // namespace berm::drill
