// The hunt for a run's secrets: in every process, file and text that a run leaves within reach
// (tests/credentials/hunt.py), by an agent that tries to get them (hostile_agent.py) from a host
// that hands them back (reflector.py); and what the guard and the streams do once one is out.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <random>
#include <set>
#include <sstream>

#include "running.h"

namespace berm::test {
namespace {

using nlohmann::json;

const std::string kSources = std::string(BERM_SOURCE_DIR) + "/tests/credentials";
constexpr std::size_t kPart = 12;  ///< what KnownSecrets calls a part

// Another one each time: a file that was there before cannot hold it.
std::string drawn(const std::string& prefix) {
  static std::random_device device;
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  std::string out = prefix;
  for (int i = 0; i < 30; ++i) out += kDigits[device() % kDigits.size()];
  return out;
}

std::string in_base64(const Site& site, const std::string& text) {
  const std::string encoded = site.shell("printf %s '" + text + "' | base64 -w0");
  return encoded;
}

std::vector<json> hits_of(const json& hits, const std::string& prefix) {
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
    static const World kWorld(kSources + "/reflector.py");
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
    const Finished done =
        run_as(As::root, {kSources + "/hunt.py"}, {{"PATH", "/usr/bin:/bin"}}, "/", wish.dump());
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
  std::string changes() const { return site.root() + "/state/berm/runs"; }

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
INSTANTIATE_TEST_SUITE_P(As, Leaks, testing::ValuesIn(identities()),
                         [](const auto& suite) { return name_of(suite.param); });

TEST_P(Leaks, TheHunterFindsWhatItLooksFor) {
  const std::string& value = secrets.at("api");
  const std::string twelve = value.substr(7, kPart);
  const std::string eleven = value.substr(7, kPart - 1);
  const json found =
      hunt_texts({{"plain", "xx" + value + "yy"},
                  {"base64", in_base64(site, "1" + value + "2")},
                  {"hex", site.shell("printf %s " + value + " | od -An -tx1 | tr -d ' \\n'")},
                  {"reversed", std::string(value.rbegin(), value.rend())},
                  {"twelve", "x" + twelve + "x"},
                  {"eleven", "x" + eleven + "/"}});
  std::set<std::string> where;
  for (const json& hit : found) {
    const std::string path = hit["where"];
    where.insert(path.substr(path.rfind('/') + 1));
  }
  EXPECT_EQ(where, (std::set<std::string>{"plain", "base64", "hex", "reversed", "twelve"}));
}

TEST_P(Leaks, ASecretIsInTheMemoryOfThreeProcessesOutsideAndNowhereElse) {
  Running run(agent(R"sh(
printf 'placeholder %s\n' "$API_TOKEN"
python3 -c 'import os, sys, time; print("child", flush=True); time.sleep(1000)' &
echo READY; read -r word
for url in https://api.good.example/keyed/keep https://api.good.example/query/keep \
  https://code.good.example/repositories/keep https://npm.good.example/keep; do curl -sSf "$url"; done
curl -sS "$ANTHROPIC_BASE_URL/v1/messages" -H 'content-type: application/json' -H 'anthropic-version: 2023-06-01' \
  --data '{"model":"claude-sonnet-4-5","max_tokens":5,"messages":[{"role":"user","content":"hello"}]}'
env > env.txt; cat ~/.npmrc > npmrc.txt; git add -A; git -c user.name=A -c user.email=a@good.example commit -qm inside
echo USED; read -r word; kill %1
)sh",
                    {"--json"}),
              environment(), site.root());
  // With --json the agent's own output is on stderr.
  ASSERT_TRUE(run.await("READY\n", Running::Stream::err)) << run.out() << run.err();
  ASSERT_TRUE(run.await("child\n", Running::Stream::err)) << run.err();
  std::smatch told_inside;
  const std::string said = run.err();
  ASSERT_TRUE(std::regex_search(said, told_inside, std::regex("placeholder (\\S+)"))) << said;
  const std::map<std::string, std::string> placeholder = {{"placeholder", told_inside[1]}};
  const std::string state = site.root() + "/state";

  for (const bool used : {false, true}) {
    SCOPED_TRACE(used ? "after requests" : "before requests");
    const json found = hunt({{"berm", run.pid()}, {"trees", {state}}}, placeholder);
    std::set<std::string> inside;
    std::set<std::string> outside;
    for (const json& process : found["processes"]) {
      SCOPED_TRACE(process["command"]);
      const std::vector<json> secret = hits_of(process["hits"], "secret");
      const std::string command = process["command"];
      EXPECT_GT(process["looked_at"], 50'000);
      for (const json& hit : secret) {
        EXPECT_NE(hit["where"], "cmdline") << hit;
        EXPECT_NE(hit["where"], "maps") << hit;
      }
      if (process["inside"]) {
        inside.insert(process["name"]);
        EXPECT_EQ(secret, std::vector<json>()) << process;
        // The control: what is there is found.
        if (process["name"] == "python3") {
          std::set<std::string> where;
          for (const json& hit : hits_of(process["hits"], "placeholder"))
            where.insert(hit["where"]);
          EXPECT_EQ(where, (std::set<std::string>{"environ", "memory"})) << process;
        }
        continue;
      }
      const bool egress = command.ends_with("egress --child");
      const bool broker = command.ends_with("broker --child");
      outside.insert(egress ? "egress" : broker ? "broker" : process["name"]);
      if (!egress && !broker) {
        // berm was given them in its environment (env:NAME); whoever it started was not.
        if (process["pid"] != run.pid()) {
          EXPECT_EQ(secret, std::vector<json>()) << process;
        }
        continue;
      }
      EXPECT_EQ(process["core"], "0");
      EXPECT_GT(process["locked_kb"], 0);
      if (GetParam() == As::user) {
        EXPECT_EQ(process["owner"], 0) << "it may be dumped";
      }
      std::set<std::string> whole;
      for (const json& hit : secret) {
        if (hit["where"] == "environ") {
          EXPECT_TRUE(broker) << hit;
        } else if (!used && egress) {
          const std::set<std::string> flags = hit["flags"];
          EXPECT_TRUE(flags.contains("lo") && flags.contains("dd")) << hit;
        }
        if (hit["where"] == "memory" && hit["form"] == "plain") whole.insert(hit["name"]);
      }
      // The control: the hunter sees them where they are.
      EXPECT_EQ(whole.size(), secrets.size()) << process;
    }
    EXPECT_TRUE(inside.contains("berm-init") && inside.contains("bash") &&
                inside.contains("python3"))
        << json(inside);
    EXPECT_TRUE(outside.contains("egress") && outside.contains("broker") &&
                outside.contains("berm"))
        << json(outside);
    EXPECT_EQ(hits_of(found["files"], "secret"), std::vector<json>());
    if (used) {
      EXPECT_FALSE(hits_of(found["files"], "placeholder").empty());  // the control
    }
    EXPECT_GT(found["looked_at"], 5);
    run.say("go on\n");
    if (!used) {
      ASSERT_TRUE(run.await("USED\n", Running::Stream::err)) << run.err();
    }
  }
  const Finished done = run.finish();
  EXPECT_EQ(done.code, 0) << done.out << done.err;
  // The control: all five were used.
  EXPECT_TRUE(has(seen("/keyed/keep"), "Bearer " + secrets.at("api")));
  EXPECT_TRUE(has(seen("/query/keep"), secrets.at("query")));
  EXPECT_TRUE(
      has(seen("/repositories/keep"), in_base64(site, "x-access-token:" + secrets.at("git"))));
  EXPECT_TRUE(has(seen("/keep"), "Bearer " + secrets.at("npm")));
  EXPECT_TRUE(has(seen("/v1/messages"), secrets.at("anthropic")));

  std::map<std::string, std::string> texts = told();
  texts["stdout"] = done.out;
  texts["stderr"] = done.err;
  EXPECT_EQ(hunt_texts(texts), json::array());
  EXPECT_EQ(hunt({{"trees", {state}}})["files"], json::array());
}

TEST_P(Leaks, AHostileAgentGetsNoPartOfASecret) {
  std::ifstream script(kSources + "/hostile_agent.py");
  site.write("hostile.py", std::string(std::istreambuf_iterator<char>(script), {}));
  // *.log is ignored by this repository: nothing of the loot is judged, all of it is kept.
  const Finished done = finished(agent("python3 hostile.py loot.log"));
  EXPECT_NE(done.out.find("done: True\n"), std::string::npos) << done.out << done.err;
  EXPECT_NE(done.out.find("memory of mine: read\n"), std::string::npos) << done.out;
  EXPECT_NE(done.out.find("listeners: "), std::string::npos) << done.out;

  // The control: the host was asked in all these ways with the secret, and did hand it back.
  for (const char* way :
       {"plain",         "base64",     "hex",    "reversed", "half",   "pieces",
        "extension",     "trailer",    "header", "folded",   "name",   "reason",
        "cookie",        "location",   "type",   "early",    "behind", "bodiless",
        "unmodified",    "to-the-end", "old",    "error",    "gzip",   "gzip-second",
        "gzip-transfer", "range"}) {
    EXPECT_TRUE(has(seen(std::string("/keyed/") + way), secrets.at("api"))) << way;
  }
  for (const char* way : {"plain", "header", "location", "error"}) {
    const std::vector<json> requests = seen(std::string("/query/") + way);
    std::set<std::string> methods;
    for (const json& one : requests) methods.insert(one["method"]);
    EXPECT_TRUE(methods.contains("HEAD") && methods.contains("TRACE") && methods.contains("GET"))
        << way;
    EXPECT_TRUE(has(requests, secrets.at("query"))) << way;
  }
  // The attacker's own keys and the placeholders have got nowhere.
  EXPECT_FALSE(has(seen("/"), "of-the-attacker"));
  for (const json& one : seen("/public/")) {
    for (const auto& [name, value] : secrets) {
      EXPECT_EQ(one.dump().find(value), std::string::npos) << name << one;
    }
  }
  std::map<std::string, std::string> texts = told();
  texts["stdout"] = done.out;
  texts["stderr"] = done.err;
  EXPECT_EQ(hunt_texts(texts), json::array());
  const json found = hunt({{"trees", {site.root() + "/state"}}})["files"];
  EXPECT_EQ(found, json::array()) << done.out;
}

// The secret as a leak would have it: a file that the run may read, made by the test.
class Guarded : public Leaks {
 protected:
  void SetUp() override {
    Leaks::SetUp();
    std::filesystem::create_directories(leak());
    std::ofstream(leak() + "/base64") << in_base64(site, secrets.at("api")) << "\n";
    std::ofstream(leak() + "/plain") << secrets.at("api");
  }
  std::string leak() const { return site.root() + "/leak"; }
  Finished run(const std::string& script) const {
    return finished(agent("leak=" + leak() + "\n" + script, {"--json", "--read", leak()}));
  }
  void expect_untold(const Finished& done) const {
    std::map<std::string, std::string> texts = told();
    texts.erase("diff.txt");  // shows the change as it is
    texts.erase("diff.json");
    texts["stdout"] = done.out;
    texts["stderr"] = done.err;
    texts["run"] = run_files();
    EXPECT_NE(texts["run"].find("run.start"), std::string::npos);
    EXPECT_EQ(hunt_texts(texts), json::array()) << done.out;
  }
};
INSTANTIATE_TEST_SUITE_P(As, Guarded, testing::ValuesIn(identities()),
                         [](const auto& suite) { return name_of(suite.param); });

TEST_P(Guarded, ASecretInAChangeIsRefusedByNameAndNeverShown) {
  const Finished harmless = run("cat \"$leak/base64\" | wc -c > src/size.txt");
  EXPECT_EQ(harmless.code, 0) << harmless.out << harmless.err;
  const std::string commit = "git -c user.name=A -c user.email=a@good.example commit -qm ";
  // clang-format off
  const std::pair<const char*, std::string> kWays[] = {
      {"a file",           "cat \"$leak/base64\" > src/config.txt"},
      {"a part of it",     "head -c 20 \"$leak/plain\" > src/config.txt"},
      {"a commit",         "cat \"$leak/base64\" > src/config.txt; git add -A; " + commit + "x"},
      {"a past commit",    "cat \"$leak/base64\" > src/config.txt; git add -A; " + commit + "x; git rm -qf src/config.txt; " + commit + "y"},
      {"a message",        "echo 1 > src/config.txt; git add -A; " + commit + "\"$(cat $leak/plain)\""},
      {"an author",        "echo 1 > src/config.txt; git add -A; git -c user.name=\"$(cat $leak/plain)\" -c user.email=a@good.example commit -qm x"},
      {"a branch",         "git branch \"$(cat $leak/plain)\"; echo 1 > src/config.txt; git add -A; " + commit + "x"},
      {"a file's name",    "echo 1 > \"src/$(cat $leak/plain)\""},
      {"a link",           "ln -s \"$(cat $leak/plain)\" src/link"},
      {"a binary file",    "{ printf 'a\\0b\\n'; cat $leak/plain; } > src/data.bin"},
      {"a long line",      "{ head -c 300000 /dev/zero | tr '\\0' x; cat $leak/plain; } > src/long.txt"},
  };
  // clang-format on
  for (const auto& [name, script] : kWays) {
    SCOPED_TRACE(name);
    const Finished done = run(script);
    EXPECT_EQ(done.code, 120) << done.out << done.err;
    const json report = done.json();
    const bool named =
        std::ranges::any_of(report.value("findings", json::array()), [](const json& finding) {
          return finding["severity"] == "refuse" &&
                 finding["message"].get<std::string>().find("'api'") != std::string::npos;
        });
    EXPECT_TRUE(named) << report["findings"];
    expect_untold(done);
  }
}

TEST_P(Guarded, WhatTheAgentPrintsOfASecretIsHidden) {
  const Finished done = finished(agent("leak=" + leak() + R"sh(
cat "$leak/base64"; cat "$leak/base64" >&2
head -c 20 "$leak/plain"; echo ' was a part'
{ head -c 15 "$leak/plain"; tail -c +16 "$leak/plain"; echo; } | dd bs=1 status=none
head -c 15 "$leak/plain" >&2; tail -c +16 "$leak/plain" >&2; echo >&2
head -c 6 "$leak/plain"; python3 -c 'import time; time.sleep(0.2)'; tail -c +7 "$leak/plain"; echo
echo the end
)sh",
                                       {"--read", leak()}));
  EXPECT_EQ(done.code, 0) << done.err;
  const auto count = [](const std::string& text, const std::string& what) {
    std::size_t out = 0;
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1))
      ++out;
    return out;
  };
  EXPECT_GE(count(done.out, "[redacted:api]"), 4U) << done.out;
  EXPECT_GE(count(done.err, "[redacted:api]"), 2U) << done.err;
  EXPECT_NE(done.out.find("[redacted:api] was a part\n"), std::string::npos) << done.out;
  EXPECT_NE(done.out.find("the end\n"), std::string::npos) << done.out;
  expect_untold(done);
}

}  // namespace
}  // namespace berm::test
