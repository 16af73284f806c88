#include "drill/scenarios/entries.h"

namespace berm::drill {

Scenario git_hooks() {
  return {
      .id = "git_hooks",
      .title = R"D(A hook in .git/hooks waits for the user)D",
      .incident = R"D(trailofbits devcontainer #42; CVE-2026-26268)D",
      .layer = Layer::mounts,
      .steps = {shell(
          R"D(printf '#!/bin/sh\nevil\n' > .git/hooks/pre-commit; chmod +x .git/hooks/pre-commit; git config core.fsmonitor 'touch %OUTSIDE%/pwned'; echo drill-control)D")},
      .expected_in_results = {"drill-control"},
      .in_ci = true,
  };
}

}  // namespace berm::drill
