// tests/agents/claude.h: the real Claude Code client under berm, driven by a scripted model.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "harness.h"

namespace berm::test {

namespace fs = std::filesystem;
inline constexpr const char* kRealKey = "sk-ant-api03-the-real-key-that-must-never-get-in";

// The scripted model: answers as the API would, logs what it was sent.
class Model {
 public:
  Model(const std::string& directory, const nlohmann::json& script)
      : log_(directory + "/requests.jsonl") {
    const std::string path = directory + "/script.json";
    std::ofstream(path) << script.dump();
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(ends[1], 1);
      ::execlp("node", "node",
               (std::string(BERM_SOURCE_DIR) + "/tests/agents/mock-anthropic.mjs").c_str(),
               "--script", path.c_str(), "--log", log_.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(ends[1]);
    char line[128] = {};
    const ssize_t got = ::read(ends[0], line, sizeof line - 1);
    ::close(ends[0]);
    const std::string text(line, got > 0 ? static_cast<std::size_t>(got) : 0);
    const std::size_t at = text.find("http://");
    if (at != std::string::npos) url_ = text.substr(at, text.find('\n') - at);
  }
  ~Model() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] std::string requests() const {
    std::ifstream file(log_);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }

 private:
  std::string log_, url_;
  pid_t pid_ = -1;
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
