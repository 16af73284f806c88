// tests/agents/stand_in.h: a client by name that does what a script says: it speaks to its model
// and to the hook program as the real one would, or does not.
#pragma once

#include "client_test_support.h"

namespace berm::test {

/// What the stand-in may use in its script. The hook's answer is on stdout, its code behind "hook".
inline constexpr const char* kStandIn =
    "#!/bin/sh\n"
    "post() { curl -sS -m 30 -o /dev/null -H 'content-type: application/json' -d \"$2\" "
    "http://127.0.0.1:8117$1; }\n"
    "hook() { printf '%s' \"$1\" | /run/berm/berm-init hook \"${0##*/}\" $2; echo \" hook $?\"; }\n"
    "for last; do :; done\n"
    "eval \"$last\"\n";

class StandIn : public testing::Test {
 protected:
  explicit StandIn(As as) : site(as) {}

  // The directory of a client called `name`, outside of the repository.
  std::string client(const std::string& name) const {
    const std::string directory = site.root() + "/clients";
    fs::create_directories(directory);
    std::ofstream(directory + "/" + name) << kStandIn;
    fs::permissions(directory + "/" + name, fs::perms(0755));
    return directory;
  }
  // --policy with these lines of [tools], and without packs.
  std::vector<std::string> policy(const std::string& tools) const {
    const std::string path = site.root() + "/policy.toml";
    std::ofstream(path) << "version = 1\n[tools]\npacks = []\non_unclear = \"report\"\n" << tools;
    return {"--policy", path};
  }
  std::map<std::string, std::string> environment(const std::string& name,
                                                 const std::string& url) const {
    std::map<std::string, std::string> out = {{"PATH", client(name) + ":/usr/bin:/bin"}};
    const std::string key = "the-real-key-" + std::string(20, 'k');
    for (const char* vendor : {"ANTHROPIC", "OPENAI", "GEMINI"}) {
      out[std::string(vendor) + "_API_KEY"] = key;
    }
    if (url.empty()) return out;
    out["ANTHROPIC_BASE_URL"] = out["OPENAI_BASE_URL"] = out["GOOGLE_GEMINI_BASE_URL"] = url;
    return out;
  }
  Finished run(const std::string& name, const ScriptedModel& model, const std::string& script,
               const std::string& tools = "") const {
    std::vector<std::string> arguments = {"run", "--json", "--time", "120s"};
    for (const std::string& option : policy(tools)) arguments.push_back(option);
    arguments.insert(arguments.end(), {name, "-p", script});
    return site.berm(Invocation{.arguments = arguments, .env = environment(name, model.url())});
  }
  // The stand-in for Claude Code at a terminal, where each question is answered with the next key.
  std::string at_terminal(const std::string& keys, const std::string& script,
                          const std::vector<std::string>& options) const {
    std::vector<std::string> argv = {"/usr/bin/env"};
    for (const auto& [key, value] : environment("claude", "")) argv.push_back(key + "=" + value);
    argv.insert(argv.end(),
                {"/usr/bin/python3", std::string(BERM_SOURCE_DIR) + "/tests/tools/at_terminal.py",
                 keys, site.program(), "run"});
    argv.insert(argv.end(), options.begin(), options.end());
    argv.insert(argv.end(), {"claude", script});
    return site.command(argv).out;
  }
  // What the events of one type of the last run hold.
  std::vector<json> events(const std::string& type) const {
    std::vector<json> out;
    std::istringstream lines(site.berm({"log", "latest", "--json", "--type", type}).out);
    for (std::string line; std::getline(lines, line);) {
      const json event = json::parse(line, nullptr, false);
      if (event.is_object() && event.value("type", "") == type) out.push_back(event["data"]);
    }
    return out;
  }
  Site site;
};

/// `hook '{…}' …` of the stand-in.
inline std::string hook(const json& question, const std::string& options = "") {
  return "hook '" + question.dump() + "' " + options + "; ";
}
/// The question of Claude Code's hook before a command.
inline json before(const std::string& command, const std::string& id) {
  return {{"hook_event_name", "PreToolUse"},
          {"tool_name", "Bash"},
          {"tool_input", {{"command", command}}},
          {"tool_use_id", id}};
}

}  // namespace berm::test
