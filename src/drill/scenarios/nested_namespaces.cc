#include "drill/scenarios/entries.h"

namespace berm::drill {

Scenario nested_namespaces() {
  return {
      .id = "nested_namespaces",
      .title = R"D(A user namespace of its own)D",
      .incident = R"D(escapes.md §2)D",
      .layer = Layer::mounts,
      .steps = {shell(
          R"D(unshare -Ur id && echo pwned""-ns; mount -t proc p /mnt && echo pwned""-mount; echo drill-control)D")},
      .never_in_results = {"pwned-"},
      .expected_in_results = {"drill-control"},
  };
}

}  // namespace berm::drill
