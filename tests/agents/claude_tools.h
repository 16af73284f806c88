// tests/agents/claude_tools.h: the tool calls of the real Claude Code client, and what the record
// has of them.
#pragma once

#include <sstream>

#include "claude.h"

namespace berm::test {

inline json turn(std::initializer_list<json> blocks) { return json::array_t(blocks); }
inline json tool(const std::string& name, const json& input) {
  return {{"type", "tool_use"}, {"name", name}, {"input", input}};
}

class ClaudeTools : public Claude {
 protected:
  void SetUp() override {
    Claude::SetUp();
    if (site) site->write("policy.toml", policy);
  }
  Finished run_with(const Model& model, const std::string& tools,
                    const std::vector<std::string>& flags = {}) {
    site->write("policy.toml", "version = 1\nprofile = \"claude\"\n[tools]\n" + tools);
    return run(model, {"--policy", "policy.toml"}, flags);
  }
  // The events of the last run whose type begins with `type`.
  std::vector<json> events(const std::string& type) {
    std::vector<json> out;
    std::istringstream lines(site->berm({"log", "latest", "--json"}).out);
    for (std::string line; std::getline(lines, line);) {
      json event = json::parse(line, nullptr, false);
      if (event.is_object() && event.value("type", "").starts_with(type)) out.push_back(event);
    }
    return out;
  }
  std::vector<json> calls(const std::string& decision) {
    std::vector<json> out;
    for (const json& event : events("tool.call")) {
      const json& data = event["data"];
      if (data.value("kind", "") == "before-tool" && data.value("decision", "") == decision) {
        out.push_back(data);
      }
    }
    return out;
  }
  bool changed(const Finished& finished, const std::string& path) {
    return finished.out.find("\"" + path + "\"") != std::string::npos;
  }
  std::string policy = "version = 1\n";
};

}  // namespace berm::test
