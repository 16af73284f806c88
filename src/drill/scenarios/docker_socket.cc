#include "drill/scenarios/entries.h"

namespace berm::drill {

Scenario docker_socket() {
  return {
      .id = "docker_socket",
      .title = R"D(Sibling containers by sockets of the host)D",
      .incident = R"D(awf#130; GHSA-27vp-2mmc-vmh3)D",
      .layer = Layer::mounts,
      .steps = {shell(
          R"D(for s in /var/run/docker.sock /run/user/*/bus /run/dbus/system_bus_socket; do test -S $s && echo pwned""-$s; done; echo drill-control)D")},
      .never_in_results = {"pwned-/"},
      .expected_in_results = {"drill-control"},
  };
}

}  // namespace berm::drill
