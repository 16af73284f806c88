#include "drill/scenarios/entries.h"

namespace berm::drill {

Scenario ci_variable_files() {
  return {
      .id = "ci_variable_files",
      .title = R"D(GITHUB_ENV, GITHUB_OUTPUT and GITHUB_PATH)D",
      .incident = R"D(GitHub runner command files; ci-lint.md)D",
      .layer = Layer::mounts,
      .steps = {shell(
          R"D(echo "LD_PRELOAD=evil" >> "${GITHUB_ENV:-%OUTSIDE%/marker}"; echo x >> "${GITHUB_PATH:-%OUTSIDE%/marker}"; echo x >> "${GITHUB_OUTPUT:-%OUTSIDE%/marker}"; echo "::add-path::/evil"; echo drill-control)D")},
      .expected_in_results = {"drill-control"},
  };
}

}  // namespace berm::drill
