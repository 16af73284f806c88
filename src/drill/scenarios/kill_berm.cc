#include "drill/scenarios/entries.h"

namespace berm::drill {

Scenario kill_berm() {
  return {
      .id = "kill_berm",
      .title = R"D(Every process that can be signalled)D",
      .incident = R"D(Ona (Veto): an agent disables its own sandbox)D",
      .layer = Layer::mounts,
      .steps = {shell(R"D(kill -9 1; pkill -9 berm; rm -f /run/berm/*; echo drill-control)D")},
      .expected_in_results = {"drill-control"},
  };
}

}  // namespace berm::drill
