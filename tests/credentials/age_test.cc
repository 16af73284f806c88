// How old an AWS key is, by IAM's word: the built berm against a stand-in that verifies signatures
// with botocore (issuers.py), on this machine's loopback.
#include <gtest/gtest.h>

#include "credentials/issuers_test_support.h"
#include "running.h"

namespace berm::test {
namespace {

class AgeOfAKey : public testing::TestWithParam<As> {
 protected:
  void SetUp() override {
    if (run_as(As::root, {"python3", "-c", kBotocore}, {{"PATH", "/usr/bin:/bin"}}, "/", "").code !=
        0) {
      BERM_SKIP_OR_FAIL("python3-botocore is not installed");
    }
    const std::string to = site.root() + "/ca.pem";
    std::filesystem::copy_file(keys().scratch.at("ca.pem"), to);
    ASSERT_EQ(::chmod(to.c_str(), 0644), 0);
  }
  Finished berm(const std::string& more, const std::vector<std::string>& words) const {
    site.write("policy.toml", R"sh(version = 1
[credentials.cloud]
preset = "aws"
host = "bucket.good.example"
from = "env:CLOUD_KEY"
with = { endpoint = ")sh" + issuers.url("iam-keys/") +
                                  "\" }\n" + more);
    Invocation invocation{.arguments = words};
    invocation.env = {
        {"SSL_CERT_FILE", site.root() + "/ca.pem"},
        {"CLOUD_KEY", "AK" + std::string("IASTANDIN234567XYZ") + ":s/+" + std::string(37, 'k')}};
    return site.berm(invocation);
  }
  Finished doctor(const std::string& more) const {
    return berm(more, {"doctor", "--credentials", "--policy", "policy.toml"});
  }
  Finished run(const std::string& more) const {
    return berm(more, {"run", "--policy", "policy.toml", "--", "/bin/echo", "it-ran"});
  }

  static constexpr const char* kBotocore =
      "import sys; sys.path.append('/usr/lib/python3/dist-packages'); import botocore";
  Issuers issuers;
  Site site{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(As, AgeOfAKey, testing::ValuesIn(identities()),
                         [](const auto& suite) { return name_of(suite.param); });

TEST_P(AgeOfAKey, TheDoctorShowsWhatIamSays) {
  const Finished young = doctor("max_age = \"90d\"\n");
  EXPECT_EQ(young.code, 0) << young.err;
  EXPECT_NE(young.out.find("20 days old"), std::string::npos) << young.out;
  const Finished old = doctor("max_age = \"10d\"\n");
  EXPECT_NE(old.code, 0);
  EXPECT_NE(old.err.find("it is 20 days old (IAM), and max_age is 240h"), std::string::npos)
      << old.err;
  EXPECT_EQ(issuers.asked("POST /iam-keys/"), 2);
}

TEST_P(AgeOfAKey, AnOldKeyRefusesTheRunAndAYoungOneDoesNot) {
  EXPECT_EQ(run("max_age = \"90d\"\n").out, "it-ran\n");
  const Finished old = run("max_age = \"10d\"\n");
  EXPECT_EQ(old.code, 125);
  EXPECT_EQ(old.out, "");
  EXPECT_NE(old.err.find("20 days old (IAM)"), std::string::npos) << old.err;
}

TEST_P(AgeOfAKey, AKeyThatMayNotAskIsOfUnknownAge) {
  issuers.answer("POST /iam-keys/",
                 {{"status", 403},
                  {"body",
                   "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you"
                   "</Message></Error></ErrorResponse>"}});
  const Finished refused = doctor("max_age = \"90d\"\n");
  EXPECT_NE(refused.code, 0);
  EXPECT_NE(refused.err.find("age unknown: IAM says 'AccessDenied: not you'"), std::string::npos)
      << refused.err;
  EXPECT_NE(refused.err.find("iam:ListAccessKeys on itself, or declare"), std::string::npos);
  EXPECT_EQ(run("max_age = \"90d\"\n").code, 125);
  // The control: without a limit nobody needs to know.
  EXPECT_NE(doctor("").out.find("age unknown"), std::string::npos);
}

}  // namespace
}  // namespace berm::test
