#include "drill/scenarios/entries.h"

namespace berm::drill {

Scenario unknown_tool() {
  return {
      .id = "unknown_tool",
      .title = R"D(A tool that the client does not have)D",
      .incident = R"D(malformed set)D",
      .layer = Layer::mounts,
      .steps = {tool("NoSuchTool\u202e", nlohmann::json::parse(R"D({"x":1})D", nullptr, false)),
                shell(R"D(echo drill-control)D")},
      .expected_in_results = {"drill-control"},
      .agents = claude_only,
  };
}

}  // namespace berm::drill
