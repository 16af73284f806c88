// tests/tools/anomaly_test.cc: programs that storm: told, or the run ends and names what was too
// much.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "harness.h"

namespace berm::test {
namespace {

using nlohmann::json;

class Anomaly : public testing::TestWithParam<As> {
 protected:
  Finished run(const std::string& tools, const std::string& script) const {
    const std::string path = site.root() + "/policy.toml";
    std::ofstream(path) << "version = 1\n[network]\nallow = [\"listed.example.invalid\"]\n[tools]\n"
                        << tools;
    return site.berm(
        {"run", "--json", "--time", "120s", "--policy", path, "--", "sh", "-c", script});
  }
  // What the events of the last run tell: "exec-storm false ".
  std::string told() const {
    std::string out;
    std::istringstream lines(site.berm({"log", "latest", "--json", "--type", "anomaly"}).out);
    for (std::string line; std::getline(lines, line);) {
      const json event = json::parse(line, nullptr, false);
      if (!event.is_object()) continue;
      out += event["data"].value("what", "?") + " " + event["data"]["ends"].dump() + " ";
    }
    return out;
  }
  // `storm` is more than `limit`, `calm` is not.
  void expect_noticed(const std::string& what, const std::string& limit, const std::string& storm,
                      const std::string& calm) const {
    const Finished quiet = run(limit + "on_anomaly = \"end\"\n", calm + "sleep 2; exit 7");
    EXPECT_EQ(quiet.code, 7) << quiet.out << quiet.err;
    EXPECT_EQ(told(), "") << "positive control: what is less is nothing";

    const Finished ignored = run(limit + "on_anomaly = \"ignore\"\n", storm + "sleep 2; exit 7");
    EXPECT_EQ(ignored.code, 7) << ignored.out << ignored.err;
    EXPECT_EQ(told(), "");

    const Finished reported = run(limit, storm + "sleep 2; exit 7");
    EXPECT_EQ(reported.code, 7) << "told, and the run goes on\n" << reported.out << reported.err;
    EXPECT_EQ(told(), what + " false ");

    const Finished ended = run(limit + "on_anomaly = \"end\"\n", storm + "sleep 100; exit 7");
    EXPECT_EQ(ended.code, 121) << ended.out << ended.err;
    EXPECT_EQ(told(), what + " true ");
    const json report = ended.json();
    EXPECT_EQ(report["verdict"]["status"], "limit_hit");
    EXPECT_EQ(report["verdict"]["reasons"], json({"limit 'anomaly' was hit by " + what}));
    EXPECT_EQ(site.berm({"verify"}).code, 0);
  }
  Site site{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(As, Anomaly, testing::ValuesIn(identities()),
                         [](const auto& suite) { return name_of(suite.param); });

// Rates are low and storms a multiple of them, so that a slow machine sees the same.

TEST_P(Anomaly, AStormOfPrograms) {
  expect_noticed("exec-storm", "exec_rate = 2\n",
                 "i=0; while [ $i -lt 200 ]; do /usr/bin/true; i=$((i+1)); done; ",
                 "/usr/bin/true; ");
}

TEST_P(Anomaly, AFloodOfOutput) {
  expect_noticed("output-flood", "output_rate = \"1KiB\"\n",
                 "i=0; while [ $i -lt 2000 ]; do echo 'a line of forty characters, as people say'; "
                 "i=$((i+1)); done; ",
                 "echo one line; ");
}

TEST_P(Anomaly, AStormOfRequests) {
  expect_noticed("request-storm", "request_rate = 1\n",
                 "i=0; while [ $i -lt 40 ]; do curl -s -m 20 -o /dev/null "
                 "http://unlisted.example.invalid/; i=$((i+1)); done; ",
                 "curl -s -m 20 -o /dev/null http://unlisted.example.invalid/; ");
}

}  // namespace
}  // namespace berm::test
