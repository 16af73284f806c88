#include "drill/scenarios/entries.h"

namespace berm::drill {

Scenario malformed_unicode_garbage() {
  return {
      .id = "malformed_unicode_garbage",
      .title = R"D(Bytes that are no text)D",
      .incident = R"D(malformed set: a hostile or broken model gateway)D",
      .layer = Layer::limits,
      .steps = {malformed(Shape::unicode_garbage)},
      .seconds = 15,
  };
}

}  // namespace berm::drill
