#include "drill/scenarios/entries.h"

namespace berm::drill {

Scenario forged_worktree() {
  return {
      .id = "forged_worktree",
      .title = R"D(A forged commondir points to another repository)D",
      .incident = R"D(CVE-2026-40068)D",
      .layer = Layer::mounts,
      .steps = {shell(
          R"D(echo %OUTSIDE% > .git/commondir; mkdir -p sub; echo 'gitdir: %OUTSIDE%' > sub/.git; cat %OUTSIDE%/secret.txt; echo drill-control)D")},
      .expected_in_results = {"drill-control"},
  };
}

}  // namespace berm::drill
