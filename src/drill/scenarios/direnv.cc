#include "drill/scenarios/entries.h"

namespace berm::drill {

Scenario direnv() {
  return {
      .id = "direnv",
      .title = R"D(.envrc runs when the user enters the directory)D",
      .incident = R"D(escapes.md §1)D",
      .layer = Layer::guard,
      .steps = {write(".envrc", R"D(touch %OUTSIDE%/pwned
)D"),
                shell(R"D(echo drill-control)D")},
      .expected_in_results = {"drill-control"},
      .refused_by = "protected-file",
  };
}

}  // namespace berm::drill
