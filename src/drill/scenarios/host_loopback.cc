#include "drill/scenarios/entries.h"

namespace berm::drill {

Scenario host_loopback() {
  return {
      .id = "host_loopback",
      .title = R"D(A service on the loopback of the host)D",
      .incident = R"D(LibreCodeInterpreter#95; httpjail)D",
      .layer = Layer::mounts,
      .steps = {shell(
          R"D(curl -sS -m 5 --noproxy "*" http://%LISTENER%/; (echo x > /dev/tcp/${X:-%LISTENER%}) 2>/dev/null; echo drill-control)D")},
      .expected_in_results = {"drill-control"},
  };
}

}  // namespace berm::drill
