#include <gtest/gtest.h>

#include "base/text.h"
#include "rules/aws/canonical.h"
#include "rules/aws/sigv4_test_support.h"

namespace berm {
namespace {

const std::string* value_in(const SigV4Headers& change, std::string_view name) {
  for (const AwsHeader& header : change.set) {
    if (header.name == name) return &header.value;
  }
  return nullptr;
}

// Expected values: the AWS SigV4 test suite as awslabs/aws-c-auth publishes it (Apache-2.0,
// tests/aws-signing-test-suite/v4, header-signed-request.txt).
TEST(SignSigV4, AgreesWithTheTestSuiteOfAws) {
  const struct {
    const char* name;
    const char* method;
    const char* path;
    const char* query;
    Headers headers;  // beside host and x-amz-date
    const char* body;
    const char* token;
    const char* signature;
  } kCases[] = {
      {"get-vanilla",
       "GET",
       "/",
       "",
       {},
       "",
       "",
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"get-relative-relative-normalized",
       "GET",
       "/example1/example2/../..",
       "",
       {},
       "",
       "",
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"get-space-normalized",
       "GET",
       "/example space/",
       "",
       {},
       "",
       "",
       "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
      {"get-utf8",
       "GET",
       "/\u1234",
       "",
       {},
       "",
       "",
       "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
      {"get-vanilla-utf8-query",
       "GET",
       "/",
       "\u1234=bar",
       {},
       "",
       "",
       "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
      {"get-vanilla-query-order-key-case",
       "GET",
       "/",
       "Param2=value2&Param1=value1",
       {},
       "",
       "",
       "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
      {"get-header-value-order",
       "GET",
       "/",
       "",
       {{"My-Header1", "value4"},
        {"My-Header1", "value1"},
        {"My-Header1", "value3"},
        {"My-Header1", "value2"}},
       "",
       "",
       "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
      {"get-header-value-trim",
       "GET",
       "/",
       "",
       {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}},
       "",
       "",
       "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
      {"get-vanilla-with-session-token",
       "GET",
       "/",
       "",
       {},
       "",
       "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267",
       "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"},
      {"post-x-www-form-urlencoded",
       "POST",
       "/",
       "",
       {{"Content-Type", "application/x-www-form-urlencoded"}},
       "Param1=value1",
       "",
       "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
  };
  for (const auto& row : kCases) {
    SCOPED_TRACE(row.name);
    Headers headers = example_headers();
    SigV4Claim claim = example_claim();
    for (const AwsHeader& header : row.headers) {
      headers.push_back(header);
      claim.signed_headers.push_back(lower(header.name));
    }
    const auto hash = payload_hash(claim, row.body);
    ASSERT_TRUE(hash);
    const auto change =
        sign_sigv4({.method = row.method, .path = row.path, .query = row.query, .headers = headers},
                   example_key(row.token), claim, *hash);
    ASSERT_TRUE(change);
    const std::string* text = value_in(*change, "authorization");
    ASSERT_NE(text, nullptr);
    EXPECT_EQ(text->substr(text->size() - 64), row.signature) << *text;
  }
}

TEST(SignSigV4, ReplacesTheAgentsTokenAndKeepsNothingOfIt) {
  Headers headers = example_headers();
  headers.push_back({"X-Amz-Security-Token", "agent's"});
  const AwsRequest request{.method = "GET", .path = "/", .query = "", .headers = headers};
  const SigV4Claim claim = example_claim({"host", "x-amz-date", "x-amz-security-token"});
  const auto with = sign_sigv4(request, example_key("real"), claim, kEmptyHash);
  const auto without = sign_sigv4(request, example_key(), claim, kEmptyHash);
  ASSERT_TRUE(with && without);
  EXPECT_EQ(with->remove, (std::vector<std::string>{"authorization", "x-amz-security-token"}));
  EXPECT_EQ(without->remove, with->remove);
  EXPECT_EQ(*value_in(*with, "x-amz-security-token"), "real");
  EXPECT_EQ(value_in(*without, "x-amz-security-token"), nullptr);
  EXPECT_NE(value_in(*with, "authorization")->find("=host;x-amz-date;x-amz-security-token,"),
            std::string::npos);
  EXPECT_NE(value_in(*without, "authorization")->find("=host;x-amz-date,"), std::string::npos);
}

TEST(SignSigV4, SignsEveryAmzHeaderAndNothingThatAProxyChanges) {
  Headers headers = example_headers();
  for (const char* name : {"x-amz-acl", "Content-Type", "User-Agent", "Connection", "Range",
                           "Accept", "X-Amzn-Trace-Id"}) {
    headers.push_back({name, "x"});
  }
  const auto change = sign_sigv4(
      {.method = "GET", .path = "/", .query = "", .headers = headers}, example_key(),
      example_claim({"connection", "host", "range", "user-agent", "x-amz-date"}), kEmptyHash);
  ASSERT_TRUE(change);
  EXPECT_NE(value_in(*change, "authorization")
                ->find("SignedHeaders=content-type;host;range;x-amz-acl;x-amz-date,"),
            std::string::npos)
      << *value_in(*change, "authorization");
}

TEST(SignSigV4, GivesS3TheHashThatItDemands) {
  const Headers headers = example_headers();
  const AwsRequest request{.method = "GET", .path = "/a", .query = "", .headers = headers};
  SigV4Claim claim = example_claim();
  EXPECT_EQ(
      value_in(*sign_sigv4(request, example_key(), claim, kEmptyHash), "x-amz-content-sha256"),
      nullptr);
  claim.service = "s3";
  const auto change = sign_sigv4(request, example_key(), claim, kEmptyHash);
  ASSERT_TRUE(change);
  ASSERT_NE(value_in(*change, "x-amz-content-sha256"), nullptr);
  EXPECT_EQ(*value_in(*change, "x-amz-content-sha256"), kEmptyHash);
  EXPECT_NE(value_in(*change, "authorization")->find("x-amz-content-sha256;x-amz-date"),
            std::string::npos);
}

TEST(SignSigV4, RefusesWithoutExactlyOneHost) {
  for (const Headers& headers : {Headers{}, Headers{{"host", "a"}, {"Host", "b"}}}) {
    EXPECT_FALSE(sign_sigv4({.method = "GET", .path = "/", .query = "", .headers = headers},
                            example_key(), example_claim(), kEmptyHash));
  }
}

TEST(CanonicalPath, IsEncodedOnceForS3TwiceForTheOthers) {
  EXPECT_EQ(canonical_path("/a%20b/../c", "s3"), "/a%20b/../c");
  EXPECT_EQ(canonical_path("/a%20b//./c/../d/", "sts"), "/a%2520b/d/");
  EXPECT_EQ(canonical_path("/..", "sts"), "/");
  EXPECT_EQ(canonical_path("", "sts"), "/");
  EXPECT_EQ(canonical_path("/a:b", "sts"), "/a%3Ab");
}

TEST(CanonicalQuery, IsSortedByNameThenValueInOneEncoding) {
  EXPECT_EQ(canonical_query("b=2&a=z&a=a&c"), "a=a&a=z&b=2&c=");
  EXPECT_EQ(canonical_query("a=b/c&%61=b+c&a=%c3%a4"), "a=%C3%A4&a=b%20c&a=b%2Fc");
  EXPECT_EQ(canonical_query("a=%zz&b=%4"), "a=%25zz&b=%254");
  // By name, not by "name=value": '-' sorts before '='.
  EXPECT_EQ(canonical_query("a-b=1&a=1"), "a=1&a-b=1");
  EXPECT_EQ(canonical_query("a=1=2"), "a=1%3D2");
}

TEST(PayloadHash, IsTheBodysAndNeverAnotherThanTheClaim) {
  SigV4Claim claim = example_claim();
  EXPECT_EQ(payload_hash(claim, ""), kEmptyHash);
  EXPECT_FALSE(payload_hash(claim, std::nullopt)) << "neither claimed nor buffered";
  claim.payload_hash = kEmptyHash;
  EXPECT_EQ(payload_hash(claim, std::nullopt), kEmptyHash);
  EXPECT_EQ(payload_hash(claim, ""), kEmptyHash);
  EXPECT_FALSE(payload_hash(claim, "another body"));
  claim.payload_hash = "UNSIGNED-PAYLOAD";
  EXPECT_EQ(payload_hash(claim, "x"), "UNSIGNED-PAYLOAD");
}

}  // namespace
}  // namespace berm
