#include "egress/tool_result_log.h"

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace berm {
namespace {

constexpr std::size_t kMostTold = 50'000;

std::string word(const std::string& text) { return printable(text.substr(0, 256)); }

}  // namespace

void ToolResultLog::note(const std::vector<ToolResult>& results) {
  std::vector<const ToolResult*> fresh;
  {
    const std::lock_guard lock(mutex_);
    const bool history = first_;
    first_ = false;
    for (const ToolResult& result : results) {
      const bool is_new = told_.size() < kMostTold && told_.insert(result.id).second;
      if (is_new && !history) fresh.push_back(&result);
    }
  }
  for (const ToolResult* result : fresh) {
    events_.say({{"type", "model.tool_result"},
                 {"id", word(result->id)},
                 {"name", word(result->name)},
                 {"error", result->error}});
  }
}

}  // namespace berm
