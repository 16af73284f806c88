// What a policy says about the network beside names: budgets, open mode, learning, and what is
// told.
#include <gtest/gtest.h>

#include "world.h"

namespace berm::test {
namespace {

class Network : public testing::TestWithParam<As> {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) BERM_SKIP_OR_FAIL("a network of its own needs root");
    ASSERT_TRUE(world().works());
  }
  // One world for all: its peers keep no state that a test could trip over.
  static const World& world() {
    static const World kWorld;
    return kWorld;
  }

  /// `berm run --json` of a python script under this [network] section.
  nlohmann::json run(const std::string& network, const std::string& script,
                     const std::vector<std::string>& options = {}) {
    site.write("policy.toml", "version = 1\n" + network);
    site.write("script.py", "import socket, sys\n" + script);
    std::vector<std::string> argv = {site.program(), "run", "--policy", "policy.toml", "--json"};
    argv.insert(argv.end(), options.begin(), options.end());
    argv.insert(argv.end(), {"--", "/usr/bin/python3", "script.py"});
    const Finished finished = world().on_host(site, argv);
    nlohmann::json report = finished.json();
    EXPECT_TRUE(report.is_object()) << finished.out << finished.err;
    if (!report.is_object()) return nlohmann::json::object();
    report["said"] = finished.err;
    return report;
  }

  std::vector<nlohmann::json> events(const nlohmann::json& report, const std::string& type) {
    std::vector<nlohmann::json> out;
    const std::string path = report.value("directory", "") + "/record.jsonl";
    std::istringstream lines(site.command({"cat", path}).out);
    for (std::string line; std::getline(lines, line);) {
      const nlohmann::json event = nlohmann::json::parse(line, nullptr, false);
      if (event.is_object() && event["type"] == type) out.push_back(event["data"]);
    }
    return out;
  }

  Site site{GetParam()};
};

constexpr const char* kConnect = R"(
def connect(target):
    s = socket.create_connection(("127.0.0.1", 8118)); s.settimeout(10)
    s.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        part = s.recv(1)
        if not part: break
        head += part
    return s, head.decode()
)";

TEST_P(Network, AnUploadBudgetIsExact) {
  const nlohmann::json report =
      run("[network]\nallow = [\"a.good.example:9999\"]\n[network.budget]\nupload = \"100KiB\"\n",
          std::string(kConnect) + R"(
s, head = connect("a.good.example:9999")
echoed = 0
try:
    for _ in range(300):
        s.sendall(b"x" * 1000)
        echoed += len(s.recv(1000, socket.MSG_WAITALL))
    print("never cut", file=sys.stderr)
except OSError:
    pass
print("echoed", echoed, connect("a.good.example:9999")[1].split("\r\n")[1], file=sys.stderr)
)");
  const std::string said = report["said"];
  EXPECT_NE(said.find("echoed 102"), std::string::npos) << said;
  EXPECT_EQ(said.find("never cut"), std::string::npos) << said;
  EXPECT_NE(said.find("x-berm-denied: network.budget"), std::string::npos) << said;
  const std::vector<nlohmann::json> closed = events(report, "net.closed");
  ASSERT_EQ(closed.size(), 1U);
  EXPECT_EQ(closed[0]["sent"], 102400);
  const std::vector<nlohmann::json> denied = events(report, "net.denied");
  ASSERT_FALSE(denied.empty());
  EXPECT_EQ(denied[0]["reason"], "network.budget.upload of 100 KiB is used up");
}

TEST_P(Network, AWebsocketIsCutWhereItsBudgetEnds) {
  const nlohmann::json report =
      run("[network]\nallow = [\"a.good.example\"]\n[limits]\negress = \"64KiB\"\n", R"(
s = socket.create_connection(("127.0.0.1", 8118)); s.settimeout(10)
s.sendall(b"GET http://a.good.example/ws HTTP/1.1\r\nHost: a.good.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
head = s.recv(4096)
moved = 0
try:
    while moved < 10_000_000:
        s.sendall(b"y" * 1024)
        got = len(s.recv(1024, socket.MSG_WAITALL))
        if got == 0: break
        moved += 1024 + got
except OSError:
    pass
print(head[:12], "moved", moved, file=sys.stderr)
)");
  const std::string said = report["said"];
  ASSERT_NE(said.find("HTTP/1.1 101"), std::string::npos) << said;
  const auto moved = std::stoul(said.substr(said.find("moved ") + 6));
  EXPECT_GT(moved, 50'000U);
  EXPECT_LE(moved, 65'536U);
  EXPECT_FALSE(events(report, "net.denied").empty());
}

TEST_P(Network, HeadsCountToo) {
  const nlohmann::json report =
      run("[network]\nallow = [\"a.good.example\"]\n[network.budget]\nupload = \"100KiB\"\n", R"(
sent = 0
for _ in range(10):
    s = socket.create_connection(("127.0.0.1", 8118)); s.settimeout(10)
    head = b"HEAD http://a.good.example/ HTTP/1.1\r\nHost: a.good.example\r\nX: " + b"x" * 40000 + b"\r\n\r\n"
    s.sendall(head)
    print(s.recv(4096).split(b" ")[1].decode(), file=sys.stderr)
)");
  EXPECT_EQ(report["said"].get<std::string>().substr(0, 12), "200\n200\n403\n") << report["said"];
}

TEST_P(Network, EachHostHasItsOwnBudgetOfConnectionsAndRequests) {
  const nlohmann::json report =
      run("[network]\nallow = [\"*.good.example\"]\n[network.per_host]\nconnections = 2\nrequests "
          "= 2\n",
          std::string(kConnect) + R"(
for target in ("a", "a", "a", "b"):
    print(target, connect(target + ".good.example:443")[1].split(" ")[1], file=sys.stderr)
s = socket.create_connection(("127.0.0.1", 8118)); s.settimeout(10)
for _ in range(3):
    s.sendall(b"HEAD http://c.good.example/ HTTP/1.1\r\nHost: c.good.example\r\n\r\n")
    print("c", s.recv(4096).split(b" ")[1].decode(), file=sys.stderr)
)");
  const std::string said = report["said"];
  EXPECT_EQ(said.substr(0, said.find("berm")), "a 200\na 200\na 403\nb 200\nc 200\nc 200\nc 403\n");
}

TEST_P(Network, OpenModeIsAWeaknessAndStillBlocksWhatIsPrivate) {
  const nlohmann::json report = run("[network]\nmode = \"open\"\ndeny = [\"bad.other.example\"]\n",
                                    std::string(kConnect) + R"(
for target in ("other.example:443", "private.good.example:443", "metadata.good.example:80",
               "10.9.9.9:443", "bad.other.example:443"):
    print(target, connect(target)[1].split(" ")[1], file=sys.stderr)
)");
  const std::string said = report["said"];
  EXPECT_NE(said.find("other.example:443 200\n"), std::string::npos) << said;
  for (const char* refused :
       {"private.good.example:443 403", "10.9.9.9:443 403", "bad.other.example:443 403"}) {
    EXPECT_NE(said.find(refused), std::string::npos) << said;
  }
  EXPECT_NE(report["weaknesses"].dump().find("network.mode"), std::string::npos);
  EXPECT_EQ(world().log().find("tcp 10.9.9.9"), std::string::npos);
  EXPECT_EQ(world().log().find("tcp 169.254.169.254"), std::string::npos);
}

TEST_P(Network, LearningLetsNamesThroughAndProposesAPolicyThatIsNotUsed) {
  const std::string kNetwork = "[network]\nallow = [\"a.good.example\"]\n";
  const std::string script = std::string(kConnect) + R"(
for target in ("a.good.example:443", "other.example:443", "private.good.example:443"):
    print(target, connect(target)[1].split(" ")[1], file=sys.stderr)
)";
  const nlohmann::json report = run(kNetwork, script, {"--learn"});
  const std::string said = report["said"];
  EXPECT_NE(said.find("other.example:443 200"), std::string::npos) << said;
  EXPECT_NE(said.find("private.good.example:443 403"), std::string::npos) << said;
  EXPECT_NE(report["weaknesses"].dump().find("--learn"), std::string::npos);
  const std::string proposal = report["network"]["proposal"];
  const Finished plan =
      world().on_host(site, {site.program(), "plan", "--json", "--policy", proposal, "--", "true"});
  EXPECT_EQ(plan.json()["network"]["allow"],
            nlohmann::json::parse(R"(["a.good.example","other.example:443"])"))
      << plan.out << plan.err;
  const nlohmann::json again = run(kNetwork, script);
  EXPECT_NE(again["said"].get<std::string>().find("other.example:443 403"), std::string::npos);
  EXPECT_EQ(again["network"]["proposal"], "");
}

TEST_P(Network, WhatWasAskedForAndNotGrantedIsToldWithTheLineToAdd) {
  const nlohmann::json report =
      run("[network]\nallow = [\"a.good.example\"]\n", std::string(kConnect) + R"(
for target in ("other.example:8443", "other.example:8443"): connect(target)
)");
  EXPECT_EQ(
      report["network"]["asked_for"],
      nlohmann::json::parse(R"([{"destination":"other.example:8443","times":2,"learned":false}])"));
  const Finished show = site.berm({"show"});
  EXPECT_NE(show.out.find("asked for, not granted: other.example:8443 (×2) · allow = "
                          "[\"other.example:8443\"]"),
            std::string::npos)
      << show.out;
  const Finished why =
      site.berm({"why", "--policy", "policy.toml", "connect", "other.example:8443"});
  EXPECT_EQ(why.code, 1);
  EXPECT_NE(why.out.find("network.allow"), std::string::npos) << why.out;
}

TEST_P(Network, WhoTriedWhichAddressIsToldEvenWithoutARoute) {
  const nlohmann::json report = run("[network]\nmode = \"none\"\n", R"(
for family, to in ((socket.AF_INET, ("11.1.1.1", 443)), (socket.AF_INET6, ("2606:2800:220:1::1", 443))):
    try: socket.socket(family).connect(to)
    except OSError as error: print(error.errno, file=sys.stderr)
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for send in (lambda: u.sendto(b"x", ("11.1.1.1", 53)), lambda: u.sendmsg([b"x"], [], 0, ("11.1.1.1", 54))):
    try: send()
    except OSError as error: print(error.errno, file=sys.stderr)
)");
  EXPECT_EQ(report["said"].get<std::string>().substr(0, 16), "101\n101\n101\n101\n")
      << report["said"];
  std::map<std::string, std::string> tried;
  for (const nlohmann::json& event : events(report, "net.attempt")) {
    tried[event["address"]] = event["call"];
    EXPECT_NE(event["executable"].get<std::string>().find("python3"), std::string::npos);
  }
  const std::map<std::string, std::string> expected = {{"11.1.1.1:443", "connect"},
                                                       {"[2606:2800:220:1::1]:443", "connect"},
                                                       {"11.1.1.1:53", "sendto"},
                                                       {"11.1.1.1:54", "sendmsg"}};
  EXPECT_EQ(tried, expected);
}

TEST_P(Network, AManagedCeilingForbidsToLearn) {
  site.write("ceiling.toml", "[network]\nallow = [\"*.good.example\"]\n");
  const std::string etc = site.root() + "/etc-berm";
  const Finished refused = site.berm_on(
      "mkdir -p " + etc + " && cp " + site.repository() + "/ceiling.toml " + etc +
          "/policy.toml && mkdir -p " + site.root() + "/up " + site.root() +
          "/work && mount -t overlay overlay -o lowerdir=/etc,upperdir=" + site.root() +
          "/up,workdir=" + site.root() + "/work /etc && mkdir -p /etc/berm && cp " + etc +
          "/policy.toml /etc/berm/",
      {"run", "--learn", "--", "true"});
  EXPECT_EQ(refused.code, 125) << refused.err;
  EXPECT_NE(refused.err.find("bounds what may be reached"), std::string::npos) << refused.err;
}

INSTANTIATE_TEST_SUITE_P(As, Network, testing::ValuesIn(identities()),
                         [](const auto& suite) { return name_of(suite.param); });

}  // namespace
}  // namespace berm::test
