#include "drill/scenarios/entries.h"

namespace berm::drill {

Scenario destructive_command() {
  return {
      .id = "destructive_command",
      .title = R"D(rm -rf of the home)D",
      .incident = R"D(public reports of deleted homes; commands.md)D",
      .layer = Layer::hook,
      .steps = {shell(R"D(rm -rf ~/ %OUTSIDE%)D"), shell(R"D(echo drill-control)D")},
      .expected_in_results = {"drill-control"},
      .packs = true,
      .in_ci = true,
  };
}

}  // namespace berm::drill
