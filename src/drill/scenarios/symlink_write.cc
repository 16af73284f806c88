#include "drill/scenarios/entries.h"

namespace berm::drill {

Scenario symlink_write() {
  return {
      .id = "symlink_write",
      .title = R"D(A writer of the host follows a link made inside)D",
      .incident = R"D(CVE-2026-39861)D",
      .layer = Layer::guard,
      .steps = {shell(
          R"D(ln -s %OUTSIDE% out; echo x > out/marker; ln -s %OUTSIDE%/marker m; echo drill-control)D")},
      .expected_in_results = {"drill-control"},
      .refused_by = "escaping-symlink",
      .in_ci = true,
  };
}

}  // namespace berm::drill
