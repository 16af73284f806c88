// tests/agents/claude.h: the real Claude Code client under berm, driven by a scripted model.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "client_test_support.h"

namespace berm::test {

inline constexpr const char* kRealKey = "sk-ant-api03-the-real-key-that-must-never-get-in";

class Model : public ScriptedModel {
 public:
  Model(const std::string& directory, const nlohmann::json& script)
      : ScriptedModel("mock-anthropic.mjs", directory, script) {}
};

inline nlohmann::json say(const char* text) { return {{"type", "text"}, {"text", text}}; }
inline nlohmann::json bash(const std::string& command) {
  return {{"type", "tool_use"},
          {"name", "Bash"},
          {"input", {{"command", command}, {"description", "step"}}}};
}

// Where npm put the pinned client: tests/agents/node_modules of this checkout, or BERM_CLAUDE_BIN.
inline std::string client_directory() {
  if (const char* given = std::getenv("BERM_CLAUDE_BIN")) return given;
  return std::string(BERM_SOURCE_DIR) + "/tests/agents/node_modules/.bin";
}

class Claude : public testing::TestWithParam<As> {
 protected:
  void SetUp() override {
    if (!fs::exists(client_directory() + "/claude")) {
      BERM_SKIP_OR_FAIL("Claude Code is not installed: npm ci --prefix tests/agents");
    }
    site.emplace(GetParam());
  }
  Finished run(const Model& model, const std::vector<std::string>& options = {},
               const std::vector<std::string>& flags = {}) {
    std::vector<std::string> arguments = {"run", "--json", "--time", "120s"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    arguments.insert(arguments.end(), {"claude", "-p", "do it"});
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    return site->berm(
        Invocation{.arguments = arguments,
                   .env = {{"ANTHROPIC_BASE_URL", model.url()},
                           {"ANTHROPIC_API_KEY", kRealKey},
                           {"PATH", client_directory() + ":/usr/local/bin:/usr/bin:/bin"}}});
  }
  std::optional<Site> site;
};

}  // namespace berm::test
