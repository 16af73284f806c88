#include <gtest/gtest.h>

#include "base/text.h"
#include "rules/aws/sigv4_test_support.h"

namespace berm {
namespace {

// "" = accepted
std::string why_refused(const Headers& headers, std::string_view query = "",
                        const AwsGrant& grant = kAll, std::chrono::sys_seconds now = kNow) {
  const auto claim =
      parse_sigv4({.method = "GET", .path = "/", .query = query, .headers = headers}, grant, now);
  return claim ? "" : claim.error().what;
}

void set(Headers& headers, std::string_view name, std::string value) {
  for (AwsHeader& header : headers) {
    if (header.name == name) header.value = value;
  }
}

TEST(ParseSigV4, ReadsTheClaim) {
  EXPECT_EQ(why_refused(example_headers()), "");
  const Headers headers = example_headers();
  const auto claim =
      parse_sigv4({.method = "GET", .path = "/", .query = "", .headers = headers}, kAll, kNow);
  ASSERT_TRUE(claim);
  EXPECT_EQ(*claim, example_claim());
  EXPECT_EQ(authorization_of(*claim), headers[2].value);
}

TEST(ParseSigV4, TakesThePartsInAnyOrderWithOptionalBlanks) {
  const std::string credential = "Credential=PLACEHOLDER/20150830/us-east-1/service/aws4_request";
  const std::string names = "SignedHeaders=host;x-amz-date";
  const std::string signature = "Signature=" + std::string(64, '0');
  for (const std::string& value :
       {credential + "," + names + "," + signature, signature + ", " + credential + " ,\t" + names,
        names + ",  " + signature + "," + credential}) {
    Headers headers = example_headers();
    set(headers, "Authorization", " AWS4-HMAC-SHA256  " + value + " ");
    EXPECT_EQ(why_refused(headers), "") << value;
  }
}

TEST(ParseSigV4, RefusesAMalformedAuthorization) {
  const std::string credential = "Credential=PLACEHOLDER/20150830/us-east-1/service/aws4_request";
  const std::string rest = ",SignedHeaders=host;x-amz-date,Signature=" + std::string(64, '0');
  const struct {
    std::string value;
    const char* why;
  } kCases[] = {
      {"", "its Authorization header is not AWS4-HMAC-SHA256"},
      {"Bearer x", "its Authorization header is not AWS4-HMAC-SHA256"},
      {"AWS4-HMAC-SHA256", "has an unknown part"},
      {"AWS4-HMAC-SHA256 " + credential, "lacks SignedHeaders"},
      {"AWS4-HMAC-SHA256 " + credential + rest + "," + credential, "has Credential twice"},
      {"AWS4-HMAC-SHA256 " + credential + rest + ",", "has an unknown part"},
      {"AWS4-HMAC-SHA256 " + credential + rest + ",X=1", "has an unknown part"},
      {"AWS4-HMAC-SHA256 " + credential + "/x" + rest, "its Credential is not"},
      {"AWS4-HMAC-SHA256 Credential=K/20150830/us east/s/aws4_request" + rest,
       "its Credential is not"},
      {"AWS4-HMAC-SHA256 Credential=K/2015083/r/s/aws4_request" + rest, "its Credential is not"},
      {"AWS4-HMAC-SHA256 Credential=/20150830/r/s/aws4_request" + rest, "its Credential is not"},
      {authorization("x-amz-date;host"), "SignedHeaders are not in order"},
      {authorization("host;host"), "SignedHeaders are not in order"},
      {authorization("Host"), "SignedHeaders are malformed"},
      {authorization("host;"), "SignedHeaders are malformed"},
      {authorization("x-amz-date"), "SignedHeaders lack host"},
      {authorization("host;range"), "signs a header that it does not have (range)"},
      {authorization() + "0", "its Signature is not"},
  };
  for (const auto& [value, why] : kCases) {
    Headers headers = example_headers();
    set(headers, "Authorization", value);
    EXPECT_NE(why_refused(headers).find(why), std::string::npos)
        << value << ": " << why_refused(headers);
  }
}

TEST(ParseSigV4, RefusesEveryOtherWayToSignWithItsReason) {
  const struct {
    AwsHeader header;  // added; one named Authorization replaces the other
    const char* query;
    const char* why;
  } kCases[] = {
      {{"x", ""}, "a=1&X-Amz-Signature=00", "presigned URL (x-amz-signature)"},
      {{"x", ""}, "x-amz-credential=K", "presigned URL (x-amz-credential)"},
      {{"x", ""}, "X-Amz-Algorithm=AWS4-HMAC-SHA256", "presigned URL (x-amz-algorithm)"},
      {{"x", ""}, "X%2dAmz%2DSignature=00", "presigned URL"},  // another spelling of the name
      {{"x", ""}, "X-Amz-Security-Token", "presigned URL (x-amz-security-token)"},
      {{"x", ""}, "AWSAccessKeyId=K&Signature=S", "Signature Version 2"},
      {{"Authorization", "AWS K:signature"}, "", "Signature Version 2"},
      {{"X-Amzn-Authorization", "AWS3-HTTPS AWSAccessKeyId=K"}, "", "Signature Version 3"},
      {{"Authorization", "AWS4-ECDSA-P256-SHA256 Credential=K"}, "", "SigV4A"},
      {{"X-Amz-Region-Set", "*"}, "", "SigV4A"},
      {{"x-amz-s3session-token", "t"}, "", "session of S3 Express"},
      {{"authorization", authorization()}, "", "several Authorization headers"},
      {{"x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}, "", "chunk by chunk"},
      {{"x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}, "", "chunk by chunk"},
      {{"x-amz-content-sha256", "required"}, "", "neither a SHA-256"},
  };
  for (const auto& [header, query, why] : kCases) {
    Headers headers = example_headers();
    if (header.name == "Authorization") headers.pop_back();
    headers.push_back(header);
    EXPECT_NE(why_refused(headers, query).find(why), std::string::npos)
        << header.name << " " << query << ": " << why_refused(headers, query);
  }
  Headers none = example_headers();
  none.pop_back();
  EXPECT_NE(why_refused(none).find("not signed"), std::string::npos);
}

TEST(ParseSigV4, HoldsTheTimeToTheScopeAndToNow) {
  using std::chrono::seconds;
  EXPECT_EQ(why_refused(example_headers(), "", kAll, kNow + seconds(900)), "");
  EXPECT_EQ(why_refused(example_headers(), "", kAll, kNow - seconds(900)), "");
  for (const int off : {901, -901}) {
    EXPECT_NE(why_refused(example_headers(), "", kAll, kNow + seconds(off)).find("15 minutes"),
              std::string::npos);
  }
  const struct {
    const char* time;
    const char* why;
  } kCases[] = {{"20150831T000000Z", "another day"},   {"20150830", "not YYYYMMDDTHHMMSSZ"},
                {"20150230T123600Z", "not YYYY"},      {"20150830T243600Z", "not YYYY"},
                {"20150830t123600z", "not YYYY"},      {"2015083 T123600Z", "not YYYY"},
                {"Sun, 30 Aug 2015 12:36", "not YYYY"}};
  for (const auto& [time, why] : kCases) {
    Headers headers = example_headers();
    set(headers, "X-Amz-Date", time);
    EXPECT_NE(why_refused(headers).find(why), std::string::npos) << time;
  }
  Headers twice = example_headers();
  twice.push_back({"x-amz-date", std::string(kTime)});
  EXPECT_NE(why_refused(twice).find("several x-amz-date"), std::string::npos);
  Headers none{{"Host", "h"}, {"Date", "x"}, {"Authorization", authorization("date;host")}};
  EXPECT_NE(why_refused(none).find("no x-amz-date"), std::string::npos);
}

TEST(ParseSigV4, HoldsRegionServiceAndPayloadToTheGrant) {
  const Headers headers = example_headers();
  EXPECT_EQ(why_refused(headers, "", {{"us-*"}, {"s3", "serv?ce"}, false}), "");
  EXPECT_NE(why_refused(headers, "", {{"eu-*"}, {"*"}, false}).find("region us-east-1 is not"),
            std::string::npos);
  EXPECT_NE(why_refused(headers, "", {{"*"}, {"s3"}, false}).find("service service is not"),
            std::string::npos);
  EXPECT_NE(why_refused(headers, "", {}), "");
  Headers unsigned_payload = example_headers();
  unsigned_payload.push_back({"x-amz-content-sha256", "UNSIGNED-PAYLOAD"});
  EXPECT_EQ(why_refused(unsigned_payload), "");
  EXPECT_NE(
      why_refused(unsigned_payload, "", {{"*"}, {"*"}, false}).find("UNSIGNED-PAYLOAD is not"),
      std::string::npos);
}

TEST(ParseSigV4, RefusesWhatTwoServersCouldReadInTwoWays) {
  // A line feed would be a line of the canonical request.
  for (const AwsHeader& header : {AwsHeader{"a", "x\ny"},
                                  {"a b", "x"},
                                  {"", "x"},
                                  {"a", std::string("\0", 1)},
                                  {"HOST", "other"},
                                  {"Content-Type\r", "x"}}) {
    Headers headers = example_headers();
    headers.push_back(header);
    EXPECT_NE(why_refused(headers), "") << printable(header.name);
  }
  const Headers headers = example_headers();
  for (const auto& [method, path, query] : {std::tuple{"GET\n", "/", ""},
                                            {"GET", "a", ""},
                                            {"GET", "/ ", ""},
                                            {"GET", "/?", ""},
                                            {"GET", "/", "a b"},
                                            {"GET", "/", "a#b"},
                                            {"GET", "/\x7f", ""},
                                            {"", "/", ""}}) {
    EXPECT_FALSE(parse_sigv4({.method = method, .path = path, .query = query, .headers = headers},
                             kAll, kNow));
  }
}

}  // namespace
}  // namespace berm
