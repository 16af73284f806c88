// The hunt for a run's secrets: in every process, file and text that a run leaves within reach
// (tests/credentials/hunt.py), by an agent that tries to get them (hostile_agent.py) from a host
// that hands them back (reflector.py).
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "leaks.h"

namespace berm::test {
namespace {

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
printf %s "$API_TOKEN" > note.txt; git add -A; git -c user.name=A -c user.email=a@good.example commit -qm inside
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
        if (process["pid"] == run.pid()) {
          EXPECT_EQ(process["core"], "0");
        }
        // berm was given them in its environment (env:NAME); whoever it started was not.
        if (process["pid"] != run.pid()) {
          EXPECT_EQ(secret, std::vector<json>()) << process;
        }
        continue;
      }
      EXPECT_EQ(process["core"], "0") << process["command"];
      EXPECT_GT(process["locked_kb"], 0);
      if (GetParam() == As::user) {
        EXPECT_EQ(process["owner"], 0) << "it may be dumped";
      }
      // The control, too: the hunter sees them where they are. What is found on the heap besides is
      // what recognises them (redact/), and what a request was made of.
      std::set<std::string> locked;
      for (const json& hit : secret) {
        if (hit["where"] == "environ") {
          EXPECT_TRUE(broker) << hit;  // env:NAME is read there
          continue;
        }
        const std::set<std::string> flags = hit["flags"];
        if (hit["form"] == "plain" && flags.contains("lo") && flags.contains("dd")) {
          locked.insert(hit["name"]);
        }
      }
      EXPECT_EQ(locked.size(), secrets.size()) << process;
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
  std::ifstream script(kCredentialSources + "/hostile_agent.py");
  site.write("hostile.py", std::string(std::istreambuf_iterator<char>(script), {}));
  // *.log is ignored by this repository: nothing of the loot is judged, all of it is kept.
  const Finished done = finished(agent("python3 hostile.py loot.log"));
  EXPECT_NE(done.out.find("done: True\n"), std::string::npos) << done.out << done.err;
  EXPECT_NE(done.out.find("memory of mine: read\n"), std::string::npos) << done.out;
  EXPECT_NE(done.out.find("ptrace of mine: children\n"), std::string::npos) << done.out;
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
    EXPECT_TRUE(methods.contains("HEAD") && methods.contains("GET")) << way;
    EXPECT_FALSE(methods.contains("TRACE")) << way;
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
  // By way, so that a failure says which.
  const std::map<std::string, std::string> ways = loot();
  EXPECT_GT(ways.size(), 150U);
  std::set<std::string> leaked;
  for (const json& hit : hunt_texts(ways)) {
    const std::string path = hit["where"];
    leaked.insert(path.substr(path.rfind('/') + 1) + " (" + hit["form"].get<std::string>() + ")");
  }
  EXPECT_EQ(leaked, std::set<std::string>());
  EXPECT_EQ(hunt({{"trees", {site.root() + "/state"}}})["files"], json::array());
}

}  // namespace
}  // namespace berm::test
