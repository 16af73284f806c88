#include "drill/scenarios/entries.h"

namespace berm::drill {

Scenario editor_task() {
  return {
      .id = "editor_task",
      .title = R"D(.vscode/tasks.json runs when the folder is opened)D",
      .incident = R"D(CVE-2026-26268 class; Cymulate, April 2026)D",
      .layer = Layer::guard,
      .steps = {write(".vscode/tasks.json",
                      R"D({"tasks":[{"command":"evil","runOptions":{"runOn":"folderOpen"}}]}
)D"),
                shell(R"D(echo drill-control)D")},
      .expected_in_results = {"drill-control"},
      .refused_by = "protected-file",
  };
}

}  // namespace berm::drill
