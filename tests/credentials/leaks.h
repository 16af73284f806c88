// tests/credentials/leaks.h: a run with five secrets, and who looks for them afterwards.
#pragma once

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <random>
#include <sstream>

#include "running.h"

namespace berm::test {

using nlohmann::json;

inline const std::string kCredentialSources = std::string(BERM_SOURCE_DIR) + "/tests/credentials";
inline constexpr std::size_t kPart = 12;  ///< what KnownSecrets calls a part

// Another one each time: a file that was there before cannot hold it.
inline std::string drawn(const std::string& prefix) {
  static std::random_device device;
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  std::string out = prefix;
  for (int i = 0; i < 30; ++i) out += kDigits[device() % kDigits.size()];
  return out;
}

inline std::string in_base64(const Site& site, const std::string& text) {
  const std::string encoded = site.shell("printf %s '" + text + "' | base64 -w0");
  return encoded;
}

inline std::vector<json> hits_of(const json& hits, const std::string& prefix) {
  std::vector<json> out;
  for (const json& hit : hits) {
    if (hit["name"].get<std::string>().starts_with(prefix)) out.push_back(hit);
  }
  return out;
}

class Leaks : public testing::TestWithParam<As> {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) BERM_SKIP_OR_FAIL("a network of its own needs root");
    ASSERT_TRUE(world().works());
    // Else nobody could dump core anyway.
    const rlimit core{RLIM_INFINITY, RLIM_INFINITY};
    ASSERT_EQ(::setrlimit(RLIMIT_CORE, &core), 0);
    const std::string file = site.root() + "/npm-secret";
    std::ofstream(file) << secrets.at("npm") << "\n";
    std::filesystem::create_directories(site.root() + "/client");
    std::ofstream(site.root() + "/client/claude")
        << "#!/bin/bash\nexec /bin/bash -c \"${@: -1}\"\n";
    const uid_t owner = GetParam() == As::user ? kUserId : 0;
    ASSERT_EQ(::chown(file.c_str(), owner, owner), 0);
    ASSERT_EQ(::chmod(file.c_str(), 0600), 0);
    ASSERT_EQ(::chmod((site.root() + "/client/claude").c_str(), 0755), 0);
    site.write("policy.toml", kPolicy + "from = \"file:" + file + "\"\n");
    site.shell("echo policy.toml >> .git/info/exclude");
  }
  static const World& world() {
    static const World kWorld(kCredentialSources + "/reflector.py");
    return kWorld;
  }
  std::map<std::string, std::string> environment() const {
    return world().environment(site,
                               {{"API_SECRET", secrets.at("api")},
                                {"QUERY_SECRET", secrets.at("query")},
                                {"GIT_SECRET", secrets.at("git")},
                                {"ANTHROPIC_API_KEY", secrets.at("anthropic")},
                                {"ANTHROPIC_BASE_URL", "https://web.good.example"},
                                {"PATH", site.root() + "/client:/usr/local/bin:/usr/bin:/bin"}});
  }
  std::vector<std::string> berm(const std::vector<std::string>& arguments) const {
    std::vector<std::string> argv = {site.program()};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return world().entering(site, argv);
  }
  // The agent `claude` of this site is a shell: its model API is reached with a secret, too.
  std::vector<std::string> agent(const std::string& script,
                                 const std::vector<std::string>& options = {}) const {
    std::vector<std::string> arguments = {"run", "--policy", "policy.toml"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    arguments.insert(arguments.end(), {"claude", "-p", script});
    return berm(arguments);
  }
  Finished finished(const std::vector<std::string>& argv) const {
    return run_as(As::root, argv, environment(), site.root(), "");
  }

  json hunt(json wish, const std::map<std::string, std::string>& more = {}) const {
    json needles = json::object();
    for (const auto& [name, value] : secrets) needles["secret " + name] = value;
    for (const auto& [name, value] : more) needles[name] = value;
    wish["needles"] = needles;
    wish["since"] = began;
    const Finished done = run_as(As::root, {kCredentialSources + "/hunt.py"},
                                 {{"PATH", "/usr/bin:/bin"}}, "/", wish.dump());
    EXPECT_EQ(done.code, 0) << done.err;
    return done.json();
  }
  // Texts, looked through like files.
  json hunt_texts(const std::map<std::string, std::string>& texts) const {
    const std::string directory = site.root() + "/texts";
    std::filesystem::create_directories(directory);
    for (const auto& [name, text] : texts) std::ofstream(directory + "/" + name) << text;
    return hunt({{"trees", {directory}}})["files"];
  }
  // What berm tells of its last run, in every way.
  std::map<std::string, std::string> told() const {
    std::map<std::string, std::string> out;
    for (const char* command : {"show", "log", "diff", "runs", "verify"}) {
      for (const bool machine : {false, true}) {
        std::vector<std::string> arguments = {command};
        if (machine && std::string_view(command) != "diff") arguments.emplace_back("--json");
        const Finished done = finished(berm(arguments));
        EXPECT_FALSE((done.out + done.err).empty()) << command;
        out[std::string(command) + (machine ? ".json" : ".txt")] = done.out + done.err;
      }
    }
    return out;
  }
  // run.json and record.jsonl of all runs, and everything else but what the agent wrote.
  std::string run_files() const {
    const std::string where = site.root() + "/state/berm";
    return run_as(As::root,
                  {"sh", "-c",
                   "cat " + where + "/runs/*/record.jsonl " + where + "/runs/*/run.json; cat " +
                       where + "/leases/* 2>/dev/null; true"},
                  {{"PATH", "/usr/bin:/bin"}}, "/", "")
        .out;
  }
  // What the hostile agent has collected: by what it did to get it.
  std::map<std::string, std::string> loot() const {
    std::map<std::string, std::string> out;
    const std::string all =
        run_as(As::root,
               {"sh", "-c", "cat " + site.root() + "/state/berm/runs/*/changes/upper/loot.log"},
               {{"PATH", "/usr/bin:/bin"}}, "/", "")
            .out;
    const std::string mark = "\n=== ";
    for (std::size_t at = all.find(mark); at != std::string::npos;) {
      const std::size_t begin = at + mark.size();
      const std::size_t end = all.find('\n', begin);
      if (end == std::string::npos) break;
      std::string name = all.substr(begin, std::min<std::size_t>(end - begin, 100));
      std::ranges::replace(name, '/', ' ');
      at = all.find(mark, end);
      out[name] += all.substr(end, at == std::string::npos ? at : at - end);
    }
    return out;
  }

  // What the reflector has seen, requests whose target begins with `target`.
  static std::vector<json> seen(const std::string& target) {
    std::vector<json> found;
    std::istringstream in(world().log("requests"));
    for (std::string line; std::getline(in, line);) {
      json one = json::parse(line, nullptr, false);
      if (one.is_object() && one["target"].get<std::string>().starts_with(target)) {
        found.push_back(std::move(one));
      }
    }
    return found;
  }
  static bool has(const std::vector<json>& requests, const std::string& text) {
    return std::ranges::any_of(
        requests, [&](const json& one) { return one.dump().find(text) != std::string::npos; });
  }

  static inline const std::string kPolicy = R"sh(version = 1
tools = { unhooked = true, packs = [], on_unclear = "report" }
[network]
allow = ["web.good.example"]
[[network.rule]]
host = "web.good.example"
methods = ["GET", "POST"]
paths = ["/**"]
[[network.rule]]
host = "api.good.example"
methods = ["GET"]
paths = ["/public/**"]
websocket = true
[credentials.api]
from = "env:API_SECRET"
to = { host = "api.good.example", header = "authorization", format = "Bearer {}", paths = ["/keyed/**"] }
env = "API_TOKEN"
[credentials.query]
from = "env:QUERY_SECRET"
to = { host = "api.good.example", query = "key", paths = ["/query/*"] }
[credentials.git]
from = "env:GIT_SECRET"
to = { host = "code.good.example", basic = "x-access-token", paths = ["/repositories/**"] }
env = ["GH_TOKEN"]
[credentials.npm]
preset = "npm"
host = "npm.good.example"
)sh";

  Site site{GetParam()};
  const std::map<std::string, std::string> secrets = {
      {"api", drawn("real-")},
      {"query", drawn("real-")},
      {"git", drawn("ghs" + std::string("_"))},
      {"npm", drawn("npm" + std::string("_"))},
      {"anthropic", drawn("sk-ant" + std::string("-"))}};
  const std::int64_t began = ::time(nullptr) - 1;
};

}  // namespace berm::test
