#include "rules/aws/aws_key.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace berm {
namespace {

TEST(ParseAwsKey, ReadsBothForms) {
  const std::string secret(40, 's');
  for (const auto& [text, token] :
       {std::pair{R"({"Version":1,"AccessKeyId":"AKIDEXAMPLE","SecretAccessKey":")" + secret +
                      R"(","SessionToken":"tok","Expiration":"x"})",
                  "tok"},
        {R"({"AccessKeyId":"AKIDEXAMPLE","SecretAccessKey":")" + secret +
             R"(","SessionToken":null})",
         ""},
        {" AKIDEXAMPLE:" + secret + "\n", ""},
        {"AKIDEXAMPLE:" + secret + ":tok", "tok"}}) {
    const auto key = parse_aws_key(text);
    ASSERT_TRUE(key) << text;
    EXPECT_EQ(key->access_key_id, "AKIDEXAMPLE");
    EXPECT_EQ(key->secret_access_key.reveal(), secret);
    EXPECT_EQ(key->session_token ? key->session_token->reveal() : "", token);
  }
}

TEST(ParseAwsKey, RefusesTheRestWithoutRepeatingIt) {
  for (const std::string text :
       {"", "AKIDEXAMPLE", "AKIDEXAMPLE:", ":needle", "AKIDEXAMPLE:needle:", "a:needle:c:d",
        "AKIDEXAMPLE:need le", "AKIDEXAMPLE:needle\x01", "AK/ID:needle", "{", "{}", "[\"needle\"]",
        R"({"AccessKeyId":"AKIDEXAMPLE"})", R"({"AccessKeyId":1,"SecretAccessKey":"needle"})",
        R"({"AccessKeyId":"AKIDEXAMPLE","SecretAccessKey":["needle"]})",
        R"({"AccessKeyId":"AKIDEXAMPLE","SecretAccessKey":"needle","SessionToken":"a\r\nb"})"}) {
    const auto key = parse_aws_key(text);
    ASSERT_FALSE(key) << printable(text);
    EXPECT_EQ(render(key.error()).find("needle"), std::string::npos) << render(key.error());
  }
}

}  // namespace
}  // namespace berm
