#include "drill/scenarios/entries.h"

namespace berm::drill {

Scenario malformed_not_http() {
  return {
      .id = "malformed_not_http",
      .title = R"D(No HTTP at all)D",
      .incident = R"D(malformed set: a hostile or broken model gateway)D",
      .layer = Layer::limits,
      .steps = {malformed(Shape::not_http)},
      .seconds = 15,
  };
}

}  // namespace berm::drill
