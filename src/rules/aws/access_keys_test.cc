#include "rules/aws/access_keys.h"

#include <gtest/gtest.h>

#include "rules/aws/xml.h"

namespace berm {
namespace {

const std::string kOurs = "AK" + std::string("IAOURS");

std::string member(const std::string& id, const std::string& more) {
  return "<member><UserName>bob</UserName><AccessKeyId>" + id + "</AccessKeyId>" + more +
         "</member>";
}

// As the IAM API Reference shows it.
std::string answer(const std::string& members) {
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
         "<ListAccessKeysResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\n"
         "  <ListAccessKeysResult>\n <UserName>bob</UserName>\n <AccessKeyMetadata>" +
         members +
         "</AccessKeyMetadata>\n <IsTruncated>false</IsTruncated>\n </ListAccessKeysResult>\n"
         "  <ResponseMetadata><RequestId>7a62c49f</RequestId></ResponseMetadata>\n"
         "</ListAccessKeysResponse>\n";
}

constexpr const char* kDated =
    "<Status>Active</Status><CreateDate>2016-12-03T18:53:41Z</CreateDate>";

TEST(AccessKeys, OursIsFoundAmongTheUsers) {
  const auto found =
      find_listed_key(answer(member("OTHER",
                                    "<Status>Inactive</Status><CreateDate>2011-01-01T00:00:00Z"
                                    "</CreateDate>") +
                             member(kOurs, kDated)),
                      kOurs);
  ASSERT_TRUE(found) << found.error().what;
  ASSERT_TRUE(*found);
  EXPECT_EQ((*found)->status, "active");
  EXPECT_EQ(to_text((*found)->created), "2016-12-03T18:53:41Z");
}

TEST(AccessKeys, AKeyThatIsNotListedIsNone) {
  const auto none = find_listed_key(answer(member("OTHER", kDated)), kOurs);
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
  EXPECT_FALSE(*find_listed_key(answer(""), kOurs));
}

TEST(AccessKeys, WhatCouldBeReadInTwoWaysIsRefused) {
  for (const std::string& members :
       {member(kOurs, kDated) + member(kOurs, kDated),
        member(kOurs, std::string(kDated) + "<CreateDate>2026-01-01T00:00:00Z</CreateDate>"),
        member(kOurs, "<Status>Active</Status>"),
        member(kOurs, "<CreateDate>2016-12-03</CreateDate>"),
        member(kOurs, "<Status>Active</Status><CreateDate>yesterday</CreateDate>")}) {
    EXPECT_FALSE(find_listed_key(answer(members), kOurs)) << members;
  }
  EXPECT_FALSE(find_listed_key("<ListAccessKeysResponse/>", kOurs));
  EXPECT_FALSE(find_listed_key("{}", kOurs));
}

TEST(AccessKeys, ARefusalIsRead) {
  const auto refusal = read_aws_refusal(
      "<ErrorResponse "
      "xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>Sender</Type>"
      "<Code>AccessDenied</Code><Message>User &lt;bob&gt; may not</Message></Error>"
      "<RequestId>1</RequestId></ErrorResponse>");
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code, "AccessDenied");
  EXPECT_EQ(refusal->message, "User <bob> may not");
  EXPECT_FALSE(read_aws_refusal(answer("")));
  EXPECT_FALSE(read_aws_refusal("<html>502</html>"));
}

TEST(Xml, WhatIsReadIsElementsTextAndTheFiveEntities) {
  const auto read =
      parse_aws_xml(" <a x='1' y=\"2\">\n <b> &amp;&lt;&gt;&quot;&apos; </b><c/> <d></d></a> ");
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(*read, (AwsXml{.name = "a",
                           .text = "",
                           .children = {{.name = "b", .text = "&<>\"'", .children = {}},
                                        {.name = "c", .text = "", .children = {}},
                                        {.name = "d", .text = "", .children = {}}}}));
}

TEST(Xml, EverythingElseIsRefused) {
  for (const std::string& text : {std::string(),
                                  std::string("a"),
                                  std::string("<a>"),
                                  std::string("</a>"),
                                  std::string("<a></b>"),
                                  std::string("<a/><b/>"),
                                  std::string("<a/>b"),
                                  std::string("b<a/>"),
                                  std::string("<a>x<b/></a>"),
                                  std::string("<a><b/>x</a>"),
                                  std::string("<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>"),
                                  std::string("<a>&e;</a>"),
                                  std::string("<a>&#65;</a>"),
                                  std::string("<a><![CDATA[x]]></a>"),
                                  std::string("<a><!-- x --></a>"),
                                  std::string("<a><?php ?></a>"),
                                  std::string("<?xml"),
                                  std::string("<a x></a>"),
                                  std::string("<a x='1></a>"),
                                  std::string("<ax='1'y='2'/>"),
                                  std::string("<a x='<'/>"),
                                  std::string("< a/>"),
                                  std::string("<a></a x='1'>"),
                                  std::string("<a>\x01</a>"),
                                  std::string("<a/ >")}) {
    EXPECT_FALSE(parse_aws_xml(text)) << text;
  }
}

TEST(Xml, DepthAndSizeAreBounded) {
  const auto nested = [](int depth) {
    std::string text;
    for (int i = 0; i < depth; ++i) text += "<a>";
    for (int i = 0; i < depth; ++i) text += "</a>";
    return text;
  };
  EXPECT_TRUE(parse_aws_xml(nested(12)));
  EXPECT_FALSE(parse_aws_xml(nested(13)));
  std::string many = "<a>";
  for (int i = 0; i < 5000; ++i) many += "<b/>";
  EXPECT_FALSE(parse_aws_xml(many + "</a>"));
  EXPECT_FALSE(parse_aws_xml("<a>" + std::string(300 << 10, 'x') + "</a>"));
}

}  // namespace
}  // namespace berm
