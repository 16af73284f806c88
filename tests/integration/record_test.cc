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

// The key of a company, and the runs' keys that it vouches for.
TEST_P(Record, ALastingKeyOfThePolicyVouchesForTheKeyOfTheRun) {
  const std::string root = site.root() + "/home";
  site.shell("cd " + root +
             " && umask 077 && for k in ours theirs; do openssl genpkey -algorithm ed25519 -out "
             "$k.pem && openssl pkey -in $k.pem -pubout -out $k.pub; done");
  // What a client of a KMS does: standard input is signed, base64 is printed.
  site.shell("printf '#!/bin/sh\\ncat > \"$0.in\" && openssl pkeyutl -sign -rawin -inkey " + root +
             "/ours.pem -in \"$0.in\" | base64 -w0\\n' > " + root + "/kms && chmod +x " + root +
             "/kms");
  const std::string pem = site.shell("cat " + root + "/ours.pem");
  for (const std::string& audit :
       {"key = \"file:" + root + "/ours.pem\"", std::string("key = \"env:AUDIT_KEY\""),
        "key = \"command:" + root + "/kms\"\npublic_key = \"" + root + "/ours.pub\""}) {
    store(root + "/policy.toml", "version = 1\n[audit]\n" + audit + "\n");
    const Finished run =
        site.berm({.arguments = {"run", "--policy", root + "/policy.toml", "--", "true"},
                   .env = {{"AUDIT_KEY", pem}}});
    ASSERT_EQ(run.code, 0) << audit << run.err;
    const nlohmann::json verified =
        site.berm({"verify", "--key", root + "/ours.pub", "--json"}).json();
    EXPECT_EQ(verified["intact"], true) << audit << verified;
    EXPECT_EQ(verified["certified"], true) << audit;
    const nlohmann::json wrong =
        site.berm({"verify", "--key", root + "/theirs.pub", "--json"}).json();
    EXPECT_EQ(wrong["problems"][0]["fault"], "wrong-key") << audit;
  }
}

TEST_P(Record, WithoutTheKeyThatThePolicyNamesNothingStarts) {
  const std::string root = site.root() + "/home";
  site.shell(
      "cd " + root +
      " && openssl genpkey -algorithm ed25519 -out ours.pem && openssl pkey -in ours.pem "
      "-pubout -out ours.pub && openssl genpkey -algorithm x25519 -out other.pem && chmod 600 "
      "other.pem && chmod 644 ours.pem");
  for (const auto& [audit, why] : std::map<std::string, std::string>{
           {"key = \"env:NOT_SET\"", "NOT_SET"},
           {"key = \"file:" + root + "/none.pem\"", "none.pem"},
           {"key = \"file:" + root + "/ours.pem\"", "others may use it"},
           {"key = \"file:" + root + "/other.pem\"", "Ed25519"},
           {"key = \"command:/bin/echo AAAA\"\npublic_key = \"" + root + "/ours.pub\"",
            "did not sign"}}) {
    store(root + "/policy.toml", "version = 1\n[audit]\n" + audit + "\n");
    const Finished run =
        site.berm({"run", "--policy", root + "/policy.toml", "--", "touch", "ran"});
    EXPECT_EQ(run.code, 125) << audit;
    EXPECT_NE(run.err.find(why), std::string::npos) << audit << run.err;
    EXPECT_FALSE(site.has("ran"));
  }
}

TEST_P(Record, IsVerifiedInWhatAStoreHolds) {
  ASSERT_EQ(site.berm({"run", "--", "sh", "-c", "for i in 1 2 3 4; do /bin/true; done"}).code, 0);
  const std::string held = site.root() + "/held.jsonl";
  const std::string record = directory() + "/record.jsonl";
  const auto held_after = [&](const std::string& filter) {
    const Finished made =
        run_as(As::root, {"sh", "-c", filter + " " + record + " > " + held + "; chmod 644 " + held},
               site.environment(), "/", "");
    EXPECT_EQ(made.code, 0) << made.err;
    return site.berm({"verify", "latest", "--held", held, "--json"});
  };
  const Finished whole = held_after("shuf");
  EXPECT_EQ(whole.code, 0) << whole.out << whole.err;
  const Finished gap = held_after("sed 5,6d");
  EXPECT_EQ(gap.code, 3);
  EXPECT_EQ(gap.json()["runs"][0]["gaps"], nlohmann::json::parse("[[4,5]]"));
  const Finished edited =
      held_after("sed '5s/true/tru3/;5s/\"seq\":4/\"seq\":4/;3s/supervisor/Supervisor/'");
  EXPECT_EQ(edited.code, 1) << edited.out;
  for (const std::string format : {"ocsf", "ecs"}) {
    const Finished lines = site.berm({"log", "--format", format});
    EXPECT_EQ(lines.code, 0) << lines.err;
    store(held, lines.out);
    EXPECT_EQ(site.berm({"verify", "--held", held}).code, 0) << format;
  }
  EXPECT_EQ(site.berm({"log", "--format", "cef"}).out.substr(0, 6), "CEF:0|");
  EXPECT_NE(site.berm({"log", "--format", "xml"}).err.find("ocsf"), std::string::npos);
  EXPECT_EQ(site.berm({"verify", "--held", "/dev/null"}).code, 2);
}

}  // namespace
}  // namespace berm::test
