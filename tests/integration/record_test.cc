// The record as somebody reads it who trusts neither the machine nor berm.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "harness.h"

namespace berm::test {
namespace {

class Record : public testing::TestWithParam<As> {
 protected:
  Site site{GetParam()};

  [[nodiscard]] std::string directory() const {
    return site.berm({"runs", "--json"}).json()["runs"][0]["directory"].get<std::string>();
  }
  void store(const std::string& path, const std::string& text) const {
    std::ofstream(path) << text;
  }
};

INSTANTIATE_TEST_SUITE_P(, Record, testing::Values(As::root, As::user),
                         [](const auto& who) { return who.param == As::root ? "root" : "user"; });

TEST_P(Record, IsSignedWhileTheRunGoesOnAndAtItsEnd) {
  // The run waits for its own second checkpoint: no clock is asked.
  ASSERT_EQ(site.berm({"run", "--", "sh", "-c",
                       "i=0; while [ $i -lt 600 ]; do /bin/true; i=$((i+1)); done"})
                .code,
            0);
  const nlohmann::json verified = site.berm({"verify", "--json"}).json();
  EXPECT_EQ(verified["intact"], true) << verified;
  EXPECT_EQ(verified["complete"], true);
  EXPECT_GE(verified["checkpoints"].get<int>(), 3) << "every 256 events";
  EXPECT_EQ(verified["signed_events"].get<int>() + 1, verified["events"].get<int>());
}

TEST_P(Record, ThePublishedScriptAndOpensslAgree) {
  ASSERT_EQ(site.berm({"run", "--", "true"}).code, 0);
  const std::string record = directory() + "/record.jsonl";
  const std::string script = std::string(BERM_SOURCE_DIR) + "/docs/verify-record.py";
  const Finished good = run_as(As::root, {"python3", script, record}, site.environment(), "/", "");
  EXPECT_EQ(good.code, 0) << good.err;
  EXPECT_NE(good.out.find("intact"), std::string::npos) << good.out;
  std::ifstream file(record);
  std::string text(std::istreambuf_iterator<char>(file), {});
  text.replace(text.find("success"), 7, "succexs");
  store(site.root() + "/edited.jsonl", text);
  const Finished bad = run_as(As::root, {"python3", script, site.root() + "/edited.jsonl"},
                              site.environment(), "/", "");
  EXPECT_NE(bad.code, 0);
  EXPECT_NE(bad.err.find("edited"), std::string::npos) << bad.err;
}

TEST_P(Record, ProvesOneEventToWhoeverHasNothingElse) {
  ASSERT_EQ(site.berm({"run", "--", "true"}).code, 0);
  const Finished proof = site.berm({"log", "--prove", "4"});
  ASSERT_EQ(proof.code, 0) << proof.err;
  const std::string path = site.root() + "/proof.json";
  store(path, proof.out);
  EXPECT_EQ(site.berm({"verify", "--proof", path}).code, 0);
  nlohmann::json forged = proof.json();
  std::string event = forged["event"].get<std::string>();
  event.replace(event.find("true"), 4, "evil");
  forged["event"] = event;
  store(path, forged.dump());
  EXPECT_EQ(site.berm({"verify", "--proof", path}).code, 1);
  store(path, site.berm({"log", "--prove-growth", "3"}).out);
  EXPECT_EQ(site.berm({"verify", "--proof", path}).code, 0);
  EXPECT_EQ(site.berm({"log", "--prove", "100000"}).code, 2) << "nobody signed it";
}

TEST_P(Record, IsAttestedAndTheStatementFitsNoOtherRun) {
  ASSERT_EQ(site.berm({"run", "--", "sh", "-c", "echo x > made"}).code, 0);
  const std::string path = site.root() + "/run.intoto.json";
  const Finished attested = site.berm({"attest"});
  ASSERT_EQ(attested.code, 0) << attested.err;
  store(path, attested.out);
  EXPECT_EQ(site.berm({"verify", "latest", "--attestation", path}).code, 0);
  const nlohmann::json statement =
      site.berm({"verify", "latest", "--attestation", path, "--json"}).json()["statement"];
  EXPECT_EQ(statement["_type"], "https://in-toto.io/Statement/v1");
  EXPECT_EQ(statement["subject"][0]["digest"]["sha256"].get<std::string>().size(), 64U);
  EXPECT_EQ(statement["predicate"]["verdict"]["status"], "success");
  const Finished key = site.berm({"log", "--json", "--type", "record.key"});
  store(site.root() + "/key", key.json()["data"]["public"].get<std::string>());
  const Finished sigstore =
      run_as(As::root,
             {"node", std::string(BERM_SOURCE_DIR) + "/tests/reports/check.mjs", "dsse", path,
              site.root() + "/key"},
             {{"PATH", "/usr/local/bin:/usr/bin:/bin"}}, "/", "");
  EXPECT_EQ(sigstore.out, "dsse: 1\n") << sigstore.err;
  EXPECT_EQ(site.berm({"attest", "--note", "HEAD"}).code, 0);
  EXPECT_EQ(site.shell("git notes --ref=berm show HEAD"), attested.out);
  EXPECT_EQ(site.shell("git status --short"), "");
  ASSERT_EQ(site.berm({"run", "--", "true"}).code, 0);
  EXPECT_EQ(site.berm({"verify", "latest", "--attestation", path}).code, 1);
}

}  // namespace
}  // namespace berm::test
