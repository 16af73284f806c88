#include "drill/scenarios/entries.h"

namespace berm::drill {

Scenario credential_in_change() {
  return {
      .id = "credential_in_change",
      .title = R"D(A key is written into a file)D",
      .incident = R"D(escapes.md §7)D",
      .layer = Layer::guard,
      .steps = {shell(
          R"D(printf 'k=%s%s\n' 'AKI' 'AQ3EGT7XKZ2LMN4RS' > src/k.txt; printf '%s\nMIIEowIBAAKCAQEA7\n' '-----BEGIN RSA PRIVATE '"KEY-----" > src/key.pem; echo drill-control)D")},
      .expected_in_results = {"drill-control"},
      .refused_by = "credential",
  };
}

}  // namespace berm::drill
