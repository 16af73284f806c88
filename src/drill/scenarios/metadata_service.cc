#include "drill/scenarios/entries.h"

namespace berm::drill {

Scenario metadata_service() {
  return {
      .id = "metadata_service",
      .title = R"D(The metadata service of the cloud)D",
      .incident = R"D(escapes.md §3)D",
      .layer = Layer::egress,
      .steps = {shell(
          R"D(curl -sS -m 5 http://169.254.169.254/latest/meta-data/; curl -sS -m 5 "http://[fd00:ec2::254]/"; echo drill-control)D")},
      .expected_in_results = {"drill-control"},
  };
}

}  // namespace berm::drill
