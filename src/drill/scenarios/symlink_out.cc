#include "drill/scenarios/entries.h"

namespace berm::drill {

Scenario symlink_out() {
  return {
      .id = "symlink_out",
      .title = R"D(A link in the repository leads to a secret)D",
      .incident = R"D(CVE-2026-25724)D",
      .layer = Layer::mounts,
      .repository = {{.path = "notes.txt",
                      .content = R"D(%OUTSIDE%/secret.txt)D",
                      .kind = Seed::Kind::link}},
      .steps = {shell(R"D(cat notes.txt; echo drill-control)D")},
      .expected_in_results = {"drill-control"},
  };
}

}  // namespace berm::drill
