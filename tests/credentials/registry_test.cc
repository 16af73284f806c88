// A container registry whose token service is asked with the run's secret: the client inside does
// the whole dance, with curl, and holds neither the secret nor a token.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "../egress/world.h"

namespace berm::test {
namespace {

using nlohmann::json;

const std::string kSources = std::string(BERM_SOURCE_DIR) + "/tests/credentials";
// Nothing that a scanner would take for a key stands in this file.
const std::string kPassword = "real-" + std::string("Gt7") + "mQ2xVb9Lk4Rn8Wd1Zs6Yp3Hf5Jc0";

// `pull [CURL…]` asks the registry, and prints the status and which rule refused.
constexpr const char* kDance = R"sh(
ask() { curl -s -o /tmp/body -D /tmp/head -w '%{http_code}' "$@"
  sed -n 's/\r$//; s/^x-berm-denied: */ /p' /tmp/head | tr -d '\n'; echo; }
pull() { ask "$@" https://registry.good.example/v2/acme/app/manifests/latest; }
token() { # as a client does: from the realm that the registry named
  realm=$(tr -d '\r' < /tmp/head | sed -n 's/^[Ww][Ww][Ww]-[Aa].*realm="\([^"]*\)".*/\1/p')
  ask "$realm?service=registry.good.example&scope=repository:acme/app:pull${1:-}" -u "robot:anything"
  token=$(sed -n 's/.*"token":"\([^"]*\)".*/\1/p' /tmp/body)
}
)sh";

class Registry : public testing::TestWithParam<As> {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) BERM_SKIP_OR_FAIL("a network of its own needs root");
    ASSERT_TRUE(world().works());
    std::ofstream(world().directory() + "/password") << kPassword;
    for (const char* name : {"/requests", "/tokens"}) {
      std::filesystem::remove(world().directory() + name);
    }
    site.write("policy.toml", R"(version = 1
[network]
allow = ["web.good.example"]
[credentials.registry]
from = "env:REGISTRY_SECRET"
to = [
  { host = "tokens.good.example", basic = "robot", methods = ["GET"], paths = ["/token"] },
  { host = "registry.good.example", exchanged = true, paths = ["/v2/**"] },
]
)");
  }
  static const World& world() {
    static const World kWorld(kSources + "/registry_service.py");
    return kWorld;
  }
  Finished run(const std::string& script) const {
    Finished finished = world().on_host(site,
                                        {site.program(), "run", "--policy", "policy.toml", "--",
                                         "/bin/bash", "-c", kDance + script},
                                        {{"REGISTRY_SECRET", kPassword}});
    for (const std::string& real : {std::string("real-"), kPassword}) {
      EXPECT_EQ((finished.out + finished.err).find(real), std::string::npos) << finished.out;
    }
    return finished;
  }
  static std::vector<json> arrived() {
    std::vector<json> out;
    std::istringstream lines(world().log("requests"));
    for (std::string line; std::getline(lines, line);) out.push_back(json::parse(line));
    return out;
  }
  static std::string header(const json& request, const std::string& name) {
    std::string out;
    for (const json& field : request["headers"]) {
      if (field[0] == name) out += (out.empty() ? "" : " & ") + field[1].get<std::string>();
    }
    return out;
  }
  std::vector<json> events(const std::string& type) const {
    std::vector<json> out;
    std::istringstream lines(site.shell("cat " + site.root() + "/state/berm/runs/*/record.jsonl"));
    for (std::string line; std::getline(lines, line);) {
      const json event = json::parse(line, nullptr, false);
      if (event.is_object() && event["type"] == type) out.push_back(event["data"]);
    }
    return out;
  }

  Site site{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(As, Registry, testing::ValuesIn(identities()),
                         [](const auto& suite) { return name_of(suite.param); });

TEST_P(Registry, AClientGetsAPlaceholderAndTheRegistryTheToken) {
  const Finished done = run(R"sh(
pull
token
cat /tmp/body; echo; cat /tmp/head
pull -H "Authorization: Bearer $token"
cat /tmp/body)sh");
  ASSERT_EQ(done.code, 0) << done.out << done.err;
  EXPECT_TRUE(done.out.starts_with("401\n200\n{")) << done.out;
  EXPECT_NE(done.out.find("\"token\":\"berm-token-"), std::string::npos) << done.out;
  EXPECT_NE(done.out.find("\"expires_in\":300"), std::string::npos) << done.out;
  EXPECT_EQ(done.out.find("refresh"), std::string::npos) << done.out;
  EXPECT_TRUE(done.out.ends_with("200\n{\"schemaVersion\":2}\n")) << done.out;
  // The control: what arrived there was real.
  const std::vector<json> requests = arrived();
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_EQ(header(requests[0], "authorization"), "");
  EXPECT_TRUE(header(requests[1], "authorization").starts_with("Basic "));
  EXPECT_EQ(requests[1]["status"], 200);
  const std::string token = world().log("tokens").substr(0, world().log("tokens").find('\n'));
  EXPECT_EQ(header(requests[2], "authorization"), "Bearer " + token);
  ASSERT_EQ(events("credential.exchange").size(), 1U);
  EXPECT_EQ(events("credential.exchange")[0],
            (json{{"credential", "registry"}, {"host", "tokens.good.example"}}));
  EXPECT_EQ(site.shell("cat " + site.root() + "/state/berm/runs/*/record.jsonl").find(token),
            std::string::npos);
}

TEST_P(Registry, OtherTokensAndOtherWaysToAuthenticateStayOff) {
  const Finished done = run(R"sh(
pull -H 'Authorization: Bearer attackers-own-token'
pull -u attacker:password
pull -H 'Authorization: Bearer berm-token-000000000000000000000000000000000000000000000000'
token; pull -H "Authorization: Basic $token"
pull -H "Authorization: Bearer $token" -H 'X-Registry-Auth: attackers'
)sh");
  EXPECT_EQ(done.out, "401\n401\n401\n200\n401\n200\n") << done.out;
  for (const json& request : arrived()) {
    EXPECT_EQ(request.dump().find("attacker"), std::string::npos) << request;
    EXPECT_EQ(request.dump().find("berm-token-"), std::string::npos) << request;
  }
}

TEST_P(Registry, ATokenGoesNowhereButToItsRegistry) {
  const Finished done = run(R"sh(
pull; token
ask https://web.good.example/ -H "Authorization: Bearer $token"
ask https://tokens.good.example/token?again=1 -H "Authorization: Bearer $token"
ask https://registry.good.example/other -H "Authorization: Bearer $token"
)sh");
  const std::string real = world().log("tokens").substr(0, 40);
  ASSERT_TRUE(real.starts_with("real-token."));
  EXPECT_NE(done.out.find("403 credentials\n"), std::string::npos) << done.out;
  for (const json& request : arrived()) {
    EXPECT_EQ(header(request, "authorization").find(real), std::string::npos) << request;
  }
}

TEST_P(Registry, ARegistryThatEchoesTheTokenIsCutOff) {
  const Finished done = run(R"sh(
pull; token
ask https://registry.good.example/v2/acme/app/echo -H "Authorization: Bearer $token"; cat /tmp/body
)sh");
  ASSERT_FALSE(arrived().empty());
  EXPECT_EQ(arrived().back()["target"], "/v2/acme/app/echo");
  EXPECT_EQ(arrived().back()["status"], 200);  // it did say it
  EXPECT_FALSE(events("net.denied").empty());
  EXPECT_EQ(done.out.find("real-token"), std::string::npos);
}

TEST_P(Registry, AnAnswerThatCannotBeUnderstoodDoesNotComeIn) {
  const Finished done = run(R"sh(
pull; cp /tmp/head /tmp/first
for broken in 'real-token.in.clear' '%7B%22token%22:%5B%22real-token.in.a.list%22%5D%7D' '%7B%22note%22:%22real-token.beside%22%7D'; do
  cp /tmp/first /tmp/head; token "&broken=$broken"
done)sh");
  EXPECT_EQ(done.out, "401\n502 credentials\n502 credentials\n502 credentials\n") << done.out;
  EXPECT_EQ(arrived().size(), 4U);
}

TEST_P(Registry, OnlyAGetAsksForATokenAndAWrongPasswordIsTheServicesToRefuse) {
  std::ofstream(world().directory() + "/password") << "another";
  const Finished done = run(R"sh(
pull; token
ask https://tokens.good.example/token -d grant_type=password
)sh");
  EXPECT_EQ(done.out, "401\n401\n403 credentials\n") << done.out;
}

}  // namespace
}  // namespace berm::test
