// A key of AWS that signs outside: a stand-in verifies what arrives with botocore and the real key
// (tests/credentials/s3_service.py), and inside run botocore's own client and curl.
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
const std::string kId = "AK" + std::string("IA") + "R4NDM7Q2WZX5LT3P";
const std::string kKeySecret = "Vb8n+" + std::string("Tq2/") + "Rz6Kw9Xc4Jh1Lp7Ms3Fd5Gy0Ua8EoIiNn";
const std::string kToken = "token-" + std::string("Hk5") + "Wm9Zr2Xv7Nc4Qb8Tl1Sd6Fj3Pg0";

// What the scripts share: botocore's clients as an agent would make them.
const std::string kPrelude = R"py(
import botocore.auth, botocore.exceptions, botocore.session, os, urllib.error, urllib.request
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from urllib.parse import urlsplit
URL = "https://bucket.good.example"
def client(service, region="eu-central-1", **more):
    config = Config(s3={"addressing_style": "path", **more.pop("s3", {})}, retries={"max_attempts": 0}, signature_version=more.pop("version", None))
    return botocore.session.get_session().create_client(service, region, endpoint_url=URL, config=config, **more)
def attempt(name, act):
    try:
        act()
        print(name, "done")
    except botocore.exceptions.ClientError as error:
        print(name, error.response["ResponseMetadata"]["HTTPStatusCode"],
              error.response["ResponseMetadata"]["HTTPHeaders"].get("x-berm-denied", "-"), error.response["Error"]["Code"])
def send(name, method, path, body=b"", headers={}):
    request = urllib.request.Request(URL + path, data=body or None, headers=headers, method=method)
    try:
        print(name, urllib.request.urlopen(request).status)
    except urllib.error.HTTPError as error:
        print(name, error.code, error.headers.get("x-berm-denied", "-"), error.read().decode().strip())
def signed(method, path, service="s3", region="eu-central-1", body=b"", headers={}):
    keys = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
    request = AWSRequest(method=method, url=URL + path, data=body, headers=dict(headers))
    botocore.auth.SigV4Auth(keys, service, region).add_auth(request)
    return dict(request.headers.items())
)py";

class Aws : public testing::TestWithParam<As> {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) BERM_SKIP_OR_FAIL("a network of its own needs root");
    if (run_as(As::root, {"/usr/bin/python3", "-c", "import botocore"}, {}, "/", "").code != 0) {
      BERM_SKIP_OR_FAIL("python3-botocore is not installed");
    }
    ASSERT_TRUE(world().works());
    knows(kKeySecret);
  }
  static const World& world() {
    static const World kWorld(kSources + "/s3_service.py");
    return kWorld;
  }
  /// The key by which the service verifies from now on; what it was asked is forgotten.
  static void knows(const std::string& secret, const std::string& token = "") {
    json key = {{"id", kId}, {"secret", secret}};
    if (!token.empty()) key["token"] = token;
    std::ofstream(world().directory() + "/key.json") << key.dump();
    std::filesystem::remove(world().directory() + "/requests");
  }
  static std::vector<json> arrived() {
    std::vector<json> out;
    std::istringstream lines(world().log("requests"));
    for (std::string line; std::getline(lines, line);) out.push_back(json::parse(line));
    return out;
  }
  /// Each was signed with the real key, and says nothing of another.
  static void expect_verified(std::size_t count) {
    EXPECT_EQ(arrived().size(), count);
    for (const json& request : arrived()) {
      EXPECT_EQ(request["answer"], "OK") << request;
      EXPECT_EQ(request["id"], kId);
    }
    EXPECT_EQ(world().log("requests").find("ATTACKER"), std::string::npos);
  }

  static std::string policy(const std::string& to = "") {
    return "version = 1\n[credentials.cloud]\npreset = \"aws\"\nfrom = \"env:CLOUD_KEY\"\n" +
           (to.empty() ? "host = \"bucket.good.example\"\n"
                       : "to = { host = \"bucket.good.example\", sigv4 = true, " + to + " }\n");
  }
  Finished run(const std::string& policy, const std::vector<std::string>& words,
               const std::string& key = kId + ":" + kKeySecret) const {
    site.write("policy.toml", policy);
    std::vector<std::string> argv = {site.program(), "run", "--policy", "policy.toml", "--"};
    argv.insert(argv.end(), words.begin(), words.end());
    Finished finished = world().on_host(site, argv, {{"CLOUD_KEY", key}});
    for (const std::string& secret : {kKeySecret, kToken}) {
      EXPECT_EQ((finished.out + finished.err).find(secret), std::string::npos);
    }
    return finished;
  }
  Finished python(const std::string& policy, const std::string& text,
                  const std::string& key = kId + ":" + kKeySecret) const {
    return run(policy, {"/usr/bin/python3", "-c", kPrelude + text}, key);
  }
  std::vector<std::string> denials() const {
    std::vector<std::string> out;
    std::istringstream lines(site.shell("cat " + site.root() + "/state/berm/runs/*/record.jsonl"));
    for (std::string line; std::getline(lines, line);) {
      const json event = json::parse(line, nullptr, false);
      if (event.is_object() && event["type"] == "net.denied") out.push_back(event["data"]["rule"]);
    }
    return out;
  }

  Site site{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(As, Aws, testing::ValuesIn(identities()),
                         [](const auto& suite) { return name_of(suite.param); });

TEST_P(Aws, TheServiceRefusesWhoeverDoesNotHaveTheKey) {
  const std::string act = "attempt('list', lambda: client('s3').list_objects_v2(Bucket='box'))";
  const Finished other = python(policy(), act, kId + ":" + "not-the-secret");
  EXPECT_EQ(other.out, "list 403 - SignatureDoesNotMatch\n") << other.err;
  const Finished nobody =
      python("version = 1\n[network]\nallow = [\"bucket.good.example\"]\n",
             "attempt('list', lambda: client('s3', verify=False, aws_access_key_id='x' * 16, "
             "aws_secret_access_key='x').list_objects_v2(Bucket='box'))");
  EXPECT_EQ(nobody.out, "list 403 - InvalidAccessKeyId\n") << nobody.err;
}

TEST_P(Aws, BotocoreWorksWithThePlaceholder) {
  const Finished finished = python(policy(), R"py(
for s3 in (client("s3"), client("s3", s3={"payload_signing_enabled": True})):
    s3.put_object(Bucket="box", Key="a b/ü+%2F~.txt", Body=b"hello", Metadata={"who": "an  agent"}, ContentType="text/plain")
    s3.put_object(Bucket="box", Key="empty", Body=b"")
    s3.put_object(Bucket="box", Key="big", Body=bytes(3_000_000))
    print(s3.get_object(Bucket="box", Key="a b/ü+%2F~.txt")["Body"].read(), len(s3.get_object(Bucket="box", Key="big")["Body"].read()))
    print(len(s3.list_objects_v2(Bucket="box", Prefix="", StartAfter="a&b=c d")["Contents"]))
    s3.head_object(Bucket="box", Key="big")
    for key in ("a b/ü+%2F~.txt", "empty", "big"):
        s3.delete_object(Bucket="box", Key=key)
    print("Contents" in s3.list_objects_v2(Bucket="box"))
print(client("dynamodb").list_tables(Limit=1)["TableNames"])
)py");
  EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
  const std::string once = "b'hello' 3000000\n3\nFalse\n";
  EXPECT_EQ(finished.out, once + once + "['the-table']\n") << finished.err;
  expect_verified(2 * 11 + 1);
  EXPECT_EQ(arrived().back()["service"], "dynamodb");
  EXPECT_EQ(arrived().back()["headers"].dump().find("x-amz-content-sha256"), std::string::npos);
}

TEST_P(Aws, CurlWorksWithThePlaceholder) {
  const Finished finished = run(policy(), {"/bin/bash", "-c", R"sh(
sign() { curl -sS --aws-sigv4 "aws:amz:eu-central-1:$1" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" "${@:2}"; }
sum() { sha256sum | cut -d' ' -f1; }
url=https://bucket.good.example
sign s3 -X PUT --data-binary 'by curl' -H "x-amz-content-sha256: $(printf 'by curl' | sum)" -w '%{http_code}\n' $url/box/curl
sign s3 -H "x-amz-content-sha256: $(printf '' | sum)" $url/box/curl; echo
sign s3 -X DELETE -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' -w '%{http_code}\n' $url/box/curl
sign dynamodb -H 'X-Amz-Target: DynamoDB_20120810.ListTables' -H 'Content-Type: application/x-amz-json-1.0' --data '{"Limit":1}' $url/
)sh"});
  EXPECT_EQ(finished.out, "200\nby curl\n204\n{\"TableNames\": [\"the-table\"]}")
      << finished.err << world().log("requests");
  expect_verified(4);
}

TEST_P(Aws, AKeyOfTheAgentsOwnIsReplaced) {
  const Finished finished = python(policy(), R"py(
s3 = client("s3", aws_access_key_id="AKIA" + "ATTACKER00000000", aws_secret_access_key="x" * 40, aws_session_token="ATTACKERS-token")
s3.put_object(Bucket="box", Key="stolen", Body=b"mine", Metadata={"x": "y"})
print(s3.get_object(Bucket="box", Key="stolen")["Body"].read())
)py");
  EXPECT_EQ(finished.out, "b'mine'\n") << finished.err;
  expect_verified(2);
}

TEST_P(Aws, ATemporaryKeysTokenTravelsOutside) {
  knows(kKeySecret, kToken);
  const json key = {
      {"AccessKeyId", kId}, {"SecretAccessKey", kKeySecret}, {"SessionToken", kToken}};
  const Finished finished = python(policy(), R"py(
print(client("dynamodb").list_tables()["TableNames"], os.environ.get("AWS_SESSION_TOKEN"))
)py",
                                   key.dump());
  EXPECT_EQ(finished.out, "['the-table'] None\n") << finished.err;
  expect_verified(1);
}

TEST_P(Aws, WhatCannotBeSignedAgainIsRefusedWithAReason) {
  const Finished finished = python(policy(), R"py(
s3 = client("s3", version="s3v4")
url = urlsplit(s3.generate_presigned_url("get_object", {"Bucket": "box", "Key": "a"}))
send("presigned", "GET", f"{url.path}?{url.query}")
send("chunks", "PUT", "/box/a", b"5;chunk-signature=00\r\nhello\r\n0;chunk-signature=00\r\n\r\n", signed("PUT", "/box/a", headers={
    "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "x-amz-decoded-content-length": "5"}))
send("trailer", "PUT", "/box/a", b"0\r\n\r\n", signed("PUT", "/box/a", headers={"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}))
both = signed("GET", "/box/a", headers={"x-amz-region-set": "*"})
send("regions", "GET", "/box/a", headers=both)
both["Authorization"] = both["Authorization"].replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256").replace("eu-central-1/", "")
del both["x-amz-region-set"]
send("sigv4a", "GET", "/box/a", headers=both)
send("unsigned", "GET", "/box/a")
send("version2", "GET", "/box/a", headers={"Authorization": "AWS AKIDEXAMPLE:c2lnbmF0dXJl"})
send("otherbody", "PUT", "/", b"another", signed("PUT", "/", "dynamodb", body=b"one", headers={"x-amz-content-sha256": "0" * 64}))
send("control", "POST", "/", b"{}", {"Content-Type": "application/json", **signed("POST", "/", "dynamodb", body=b"{}")})
)py");
  std::istringstream lines(finished.out);
  const std::pair<const char*, const char*> kReasons[] = {
      {"presigned 403 credentials", "presigned URL"},
      {"chunks 403 credentials", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"},
      {"trailer 403 credentials", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"},
      {"regions 403 credentials", "SigV4A (x-amz-region-set)"},
      {"sigv4a 403 credentials", "SigV4A (AWS4-ECDSA-P256-SHA256)"},
      {"unsigned 403 credentials", "it is not signed"},
      {"version2 403 credentials", "Signature Version 2"},
      {"otherbody 403 -", "XAmzContentSHA256Mismatch"},  // AWS checks what it is told
      {"control 200", ""}};
  for (const auto& [start, reason] : kReasons) {
    std::string line;
    std::getline(lines, line);
    EXPECT_TRUE(line.starts_with(start)) << start << "\n" << finished.out << finished.err;
    EXPECT_NE(line.find(reason), std::string::npos) << line;
  }
  EXPECT_EQ(arrived().size(), 2U);
  EXPECT_EQ(denials(), std::vector<std::string>(7, "credentials"));
}

TEST_P(Aws, RegionsAndServicesAreHeldToTheGrant) {
  const std::string narrow = policy("regions = [\"eu-*\"], services = [\"s3\", \"dynamodb\"]");
  const Finished finished = python(narrow, R"py(
send("here", "POST", "/", b"{}", signed("POST", "/", "dynamodb", body=b"{}"))
send("region", "POST", "/", b"{}", signed("POST", "/", "dynamodb", "us-east-1", b"{}"))
send("service", "POST", "/", b"{}", signed("POST", "/", "lambda", body=b"{}"))
)py");
  EXPECT_TRUE(finished.out.starts_with("here 200\nregion 403 credentials ")) << finished.out;
  EXPECT_NE(finished.out.find("region us-east-1 is not granted"), std::string::npos);
  EXPECT_NE(finished.out.find("service lambda is not granted"), std::string::npos) << finished.out;
  expect_verified(1);
}

TEST_P(Aws, WhatHandsOutKeysMustBeNamed) {
  const std::string act = R"py(
body = b"Action=GetCallerIdentity&Version=2011-06-15"
send("sts", "POST", "/", body, signed("POST", "/", "sts", body=body, headers={"Content-Type": "application/x-www-form-urlencoded"}))
)py";
  const Finished unnamed = python(policy(), act);
  EXPECT_TRUE(unnamed.out.starts_with("sts 403 credentials ")) << unnamed.out << unnamed.err;
  EXPECT_TRUE(arrived().empty());
  const Finished named = python(policy("services = [\"sts\"]"), act);
  EXPECT_EQ(named.out, "sts 200\n") << named.err;
  expect_verified(1);
  // A star names nothing.
  const Finished star = python(policy("services = [\"*\"]"), act);
  EXPECT_TRUE(star.out.starts_with("sts 403 credentials ")) << star.out;
  EXPECT_EQ(arrived().size(), 1U);
}

TEST_P(Aws, EveryServiceThatHandsOutKeysIsHeldToThat) {
  const Finished finished = python(policy(), R"py(
for service in ("lakeformation", "datazone", "lightsail", "deadline", "ssm", "secretsmanager", "eks-auth", "gamelift"):
    send(service, "GET", "/", headers=signed("GET", "/", service))
send("control", "GET", "/", headers=signed("GET", "/", "execute-api"))
)py");
  std::istringstream lines(finished.out);
  int refused = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.find(" 403 credentials ") != std::string::npos) ++refused;
  }
  EXPECT_EQ(refused, 8) << finished.out << finished.err;
  EXPECT_TRUE(finished.out.ends_with("control 200\n")) << finished.out;
  expect_verified(1);
}

// The one action of S3 that answers with a key; the service as a whole is one of data.
TEST_P(Aws, AccessGrantsOfS3AreNamedByThemselves) {
  const std::string act = R"py(
from botocore.auth import S3SigV4Auth
def grants(path):
    keys = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
    request = AWSRequest(method="GET", url=URL + path)
    S3SigV4Auth(keys, "s3", "eu-central-1").add_auth(request)
    send("grants", "GET", path, headers=dict(request.headers.items()))
grants("/v20180820/accessgrantsinstance/dataaccess?target=x")
grants("/v20180820/accessgrantsinstance%2Fdataaccess")
)py";
  const Finished unnamed = python(policy("services = [\"s3\"]"), act);
  EXPECT_EQ(unnamed.out.find("grants 403 credentials "), 0U) << unnamed.out << unnamed.err;
  EXPECT_NE(unnamed.out.find("'s3:GetDataAccess' hands out keys"), std::string::npos);
  EXPECT_TRUE(arrived().empty());
  const Finished named = python(policy("services = [\"s3\", \"s3:GetDataAccess\"]"), act);
  EXPECT_EQ(named.out.find("denied"), std::string::npos);
  expect_verified(2);
}

// Names of objects are no paths: nothing in them is folded.
TEST_P(Aws, ObjectsWithOddNamesAreWhatTheyWere) {
  const Finished finished = python(policy(), R"py(
s3 = client("s3")
for key in ("a//b", "a/./b", "a/../b", "/lead", "trail/", "100%", "a%2Fb", "x=1&y=2", "plus+and space", "~tilde", "semi;colon", "q?mark#hash"):
    attempt(key, lambda: s3.put_object(Bucket="odd", Key=key, Body=key.encode()))
    attempt(key, lambda: print(s3.get_object(Bucket="odd", Key=key)["Body"].read() == key.encode()))
)py");
  std::string expected;
  for (const std::string key :
       {"a//b", "a/./b", "a/../b", "/lead", "trail/", "100%", "a%2Fb", "x=1&y=2", "plus+and space",
        "~tilde", "semi;colon", "q?mark#hash"}) {
    expected += key + " done\nTrue\n" + key + " done\n";
  }
  EXPECT_EQ(finished.out, expected) << finished.err;
  expect_verified(24);
}

}  // namespace
}  // namespace berm::test
