// The age of AWS keys, by IAM's word.
#include <gtest/gtest.h>

#include "credentials/age.h"
#include "credentials/issuers_test_support.h"

namespace berm {
namespace {

using test::Issuers;
using test::Providers;
using test::Scratch;
using test::Variable;

// The stand-in's answer is botocore's word: it computes the signature that a request should have.
class AwsKeyAge : public Providers {
 protected:
  static constexpr const char* kAsk = "POST /iam-keys/";
  static std::string secret() { return "s/+" + std::string(37, 'k'); }
  static std::string key(const std::string& secret) {
    return "AK" + std::string("IASTANDIN234567XYZ") + ":" + secret;
  }
  CredentialSource source(int days) {
    return {.name = "cloud",
            .from = "env:TEST_KEY",
            .with = {{"endpoint", issuers_.url("iam-keys/")}},
            .max_age = Milliseconds(days * 86'400'000LL),
            .is_aws_key = true};
  }
  void iam_says(int status, const std::string& code) {
    issuers_.answer(kAsk, {{"status", status},
                           {"body", "<ErrorResponse><Error><Code>" + code +
                                        "</Code><Message>no</Message></Error></ErrorResponse>"}});
  }
  std::string refused(const CredentialSource& source) {
    const Result<Lease> lease = minted(source);
    return lease ? "minted" : render(lease.error());
  }
  Issuers issuers_;
  Variable key_{"TEST_KEY", key(secret())};
};

TEST_F(AwsKeyAge, IamIsAskedInTheKeysOwnName) {
  const Result<Lease> lease = minted(source(90));
  ASSERT_TRUE(lease) << render(lease.error());
  EXPECT_EQ(lease->report.minted->time_since_epoch() / 86400,
            (wall_now() - std::chrono::hours(480)).time_since_epoch() / 86400);
  EXPECT_EQ(lease->report.note, "");
  EXPECT_NE(minted(source(24))->report.note.find("20 days old (IAM); max_age is"),
            std::string::npos);
  EXPECT_NE(refused(source(10)).find("it is 20 days old (IAM), and max_age is"), std::string::npos);
  EXPECT_EQ(issuers_.asked(kAsk), 3);
}

TEST_F(AwsKeyAge, TheIssuersWordCountsBeforeTheDeclaredOne) {
  CredentialSource declared = source(10);
  declared.issued = to_text(wall_now());
  EXPECT_NE(refused(declared).find("20 days old (IAM)"), std::string::npos);
}

TEST_F(AwsKeyAge, WithoutALimitNobodyIsAsked) {
  CredentialSource without = source(1);
  without.max_age.reset();
  EXPECT_EQ(refused(without), "minted");
  EXPECT_EQ(issuers_.asked(kAsk), 0);
}

TEST_F(AwsKeyAge, AKeyThatMayNotAskIsOfUnknownAgeUntilItIsDeclared) {
  iam_says(403, "AccessDenied");
  const std::string said = refused(source(90));
  EXPECT_NE(said.find("age unknown: IAM says 'AccessDenied: no'"), std::string::npos) << said;
  EXPECT_NE(said.find("iam:ListAccessKeys on itself"), std::string::npos) << said;
  CredentialSource declared = source(90);
  declared.issued = to_text(wall_now() - std::chrono::hours(48));
  EXPECT_EQ(refused(declared), "minted");
  declared.issued = "2020-01-01";
  EXPECT_NE(refused(declared).find("days old (declared)"), std::string::npos);
  EXPECT_EQ(issuers_.asked(kAsk), 3);
}

TEST_F(AwsKeyAge, TheTimeOfAFileIsNoAnswerInIamsPlace) {
  iam_says(403, "AccessDenied");
  const Scratch scratch;
  CredentialSource young = source(90);
  young.from = "file:" + scratch.file("key", key(secret()));
  EXPECT_NE(refused(young).find("age unknown"), std::string::npos);
  young.is_aws_key = false;  // the control: of another key it is one
  EXPECT_EQ(refused(young), "minted");
}

TEST_F(AwsKeyAge, AKeyThatIamDoesNotKnowIsRefusedWhateverIsDeclared) {
  const Variable other("TEST_KEY", key(std::string(40, 'x')));
  CredentialSource declared = source(90);
  declared.issued = to_text(wall_now());
  EXPECT_NE(refused(declared).find("SignatureDoesNotMatch"), std::string::npos);
}

TEST_F(AwsKeyAge, AnswersThatCannotBeTrustedAreRefused) {
  for (const char* body : {"<html/>", "{}", "<ListAccessKeysResponse/>",
                           "<ListAccessKeysResponse><ListAccessKeysResult><AccessKeyMetadata/>"
                           "</ListAccessKeysResult></ListAccessKeysResponse>"}) {
    issuers_.answer(kAsk, {{"status", 200}, {"body", body}});
    EXPECT_NE(refused(source(90)), "minted") << body;
  }
  iam_says(500, "InternalFailure");
  EXPECT_NE(refused(source(90)).find("try again later"), std::string::npos);
}

TEST_F(AwsKeyAge, ATemporaryKeyIsNotAskedAbout) {
  const Variable temporary("TEST_KEY", key(secret() + ":" + std::string(50, 't')));
  EXPECT_NE(refused(source(90)).find("a temporary key, which IAM does not list"),
            std::string::npos);
  EXPECT_EQ(issuers_.asked(kAsk), 0);
}

TEST_F(AwsKeyAge, AnIamThatCannotBeReachedLeavesTheDeclaredDate) {
  CredentialSource nowhere = source(90);
  nowhere.with["endpoint"] = "https://127.0.0.1:1/";
  EXPECT_NE(refused(nowhere).find("asking IAM"), std::string::npos);
  nowhere.issued = to_text(wall_now());
  EXPECT_EQ(refused(nowhere), "minted");
}

}  // namespace
}  // namespace berm
