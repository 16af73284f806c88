// tests/agents/client_test_support.h: a real coding agent under berm, driven by a scripted model.
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
#include <optional>
#include <sstream>

#include "harness.h"

namespace berm::test {
namespace fs = std::filesystem;
using nlohmann::json;

/// tests/agents/<mock>.mjs: answers as the API would, logs what it was sent.
class ScriptedModel {
 public:
  ScriptedModel(const std::string& mock, const std::string& directory, const json& script)
      : log_(directory + "/requests.jsonl") {
    const std::string path = directory + "/script.json";
    std::ofstream(path) << script.dump();
    fs::remove(log_);
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
    const std::string program = std::string(BERM_SOURCE_DIR) + "/tests/agents/" + mock;
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(ends[1], 1);
      ::execlp("node", "node", program.c_str(), "--script", path.c_str(), "--log", log_.c_str(),
               nullptr);
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
  ScriptedModel(const ScriptedModel&) = delete;
  ScriptedModel& operator=(const ScriptedModel&) = delete;
  ~ScriptedModel() {
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

/// Where npm put the pinned clients: tests/agents/node_modules of this checkout, or this variable.
inline std::string client_modules() {
  const char* given = std::getenv("BERM_CLIENT_MODULES");
  return given != nullptr ? given : std::string(BERM_SOURCE_DIR) + "/tests/agents/node_modules";
}

/// A policy whose rule denies one command, and without packs: what is looked at is the client.
inline std::vector<std::string> policy_that_denies(const Site& site) {
  const std::string path = site.root() + "/policy.toml";
  std::ofstream(path) << "version = 1\n[tools]\npacks = []\non_unclear = \"report\"\n"
                         "[[tools.rule]]\nmatch = \"Bash(echo forbidden*)\"\naction = \"deny\"\n"
                         "reason = \"berm says no\"\n";
  return {"--policy", path};
}

/// What the hooks of the last run said, as the record has it: "SessionStart PreToolUse:allow …".
inline std::string hooks_of(const Site& site) {
  std::string out;
  std::istringstream lines(site.berm({"log", "latest", "--json", "--type", "tool.call"}).out);
  for (std::string line; std::getline(lines, line);) {
    const json event = json::parse(line, nullptr, false);
    if (!event.is_object()) continue;
    out += event["data"].value("event", "?") + ":" + event["data"].value("decision", "?") + " ";
  }
  return out;
}

}  // namespace berm::test
