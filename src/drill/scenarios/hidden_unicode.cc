#include "drill/scenarios/entries.h"

namespace berm::drill {

Scenario hidden_unicode() {
  return {
      .id = "hidden_unicode",
      .title = R"D(Bidi controls in source code)D",
      .incident = R"D(CVE-2021-42574 (Trojan Source))D",
      .layer = Layer::guard,
      .steps = {shell(
          R"D(printf 'int x; /* \342\200\256 evil */\n' > src/x.c; echo drill-control)D")},
      .expected_in_results = {"drill-control"},
      .refused_by = "hidden-unicode",
  };
}

}  // namespace berm::drill
