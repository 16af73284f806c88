#include "rules/egress/request.h"

#include <gtest/gtest.h>

namespace berm {
namespace {

TEST(PathWithSlashes, IsTheOtherReadingOfAnEscapedSlashAndOfNothingElse) {
  EXPECT_EQ(path_with_slashes("/@scope%2fname?a=%2f"), "/@scope/name");
  EXPECT_EQ(path_with_slashes("/-%2Fnpm/v1/tokens"), "/-/npm/v1/tokens");
  for (const char* target : {"/a%2f..%2fb", "/a%2f%2fb", "/a%252fb", "/a%5cb%2fc", "/a%2f;b"}) {
    const bool refused = !path_with_slashes(target).has_value();
    EXPECT_EQ(refused, std::string_view(target) != "/a%2f;b") << target;
  }
}

TEST(NormalizedPath, IsTheFormThatIsMatchedAndSent) {
  EXPECT_EQ(normalized_path("/a/%62/c?x=/../"), "/a/b/c");
  EXPECT_EQ(normalized_path("/a%20b"), "/a%20b");
  EXPECT_EQ(normalized_path("/%c3%a4"), "/%C3%A4");
  EXPECT_EQ(normalized_path("/a/"), "/a/");
  EXPECT_EQ(normalized_path("/"), "/");
  for (const std::string_view bad : {"",
                                     "a",
                                     "*",
                                     "//a",
                                     "/a//b",
                                     "/a/../b",
                                     "/a/./b",
                                     "/..",
                                     "/a/%2e%2e/b",
                                     "/a/%2E./b",
                                     "/a%2fb",
                                     "/a%5cb",
                                     "/a\\b",
                                     "/%252e%252e/",
                                     "/%00",
                                     "/%0a",
                                     "/%",
                                     "/%4",
                                     "/%zz",
                                     "/..;/a",
                                     "/a/..;x=1/b",
                                     "/a/..%3b/b",
                                     "/a/..%20/b",
                                     "/a/%20../b",
                                     "/%c0%ae%c0%ae/a",
                                     "/%e4",
                                     "/a%3fb",
                                     "/a%23b",
                                     "/\x7f",
                                     "/\xc3\xa9",
                                     "http://x/"}) {
    EXPECT_EQ(normalized_path(bad), std::nullopt) << bad;
  }
}

TEST(PathMatches, StarWithinASegmentTwoAcross) {
  const struct {
    std::string_view pattern, path;
    bool matches;
  } kCases[] = {
      {"/repos/acme/**", "/repos/acme/app/pulls", true},
      {"/repos/acme/**", "/repos/acme", false},
      {"/repos/acme/**", "/repos/acmeevil/x", false},
      {"/repos/*/issues", "/repos/x/issues", true},
      {"/repos/*/issues", "/repos/x/y/issues", false},
      {"/user", "/user", true},
      {"/user", "/users", false},
      {"/user", "/x/user", false},
      {"/**", "/", true},
      {"/a*c", "/abc", true},
      {"/a*c", "/a/c", false},
  };
  for (const auto& [pattern, path, matches] : kCases) {
    EXPECT_EQ(path_matches(pattern, path), matches) << pattern << " ~ " << path;
  }
}

TEST(DecideRequest, MethodPathTypeSizeAndUpgradeAllHaveToBeGranted) {
  const std::vector<NetworkRule> rules = {{.host = "api.example.com",
                                           .methods = {"GET", "POST"},
                                           .paths = {"/v1/**"},
                                           .content_types = {"application/json"},
                                           .max_upload = Bytes{100}}};
  const auto decide = [&](RequestFacts facts) {
    return decide_request(rules, "api.example.com", facts).allowed;
  };
  EXPECT_TRUE(decide({.method = "GET", .path = "/v1/x"}));
  EXPECT_FALSE(decide({.method = "DELETE", .path = "/v1/x"}));
  EXPECT_FALSE(decide({.method = "GET", .path = "/v2/x"}));
  EXPECT_FALSE(decide({.method = "GET", .path = "/v1/x", .websocket = true}));
  RequestFacts post{.method = "POST",
                    .path = "/v1/x",
                    .content_type = "Application/JSON; charset=utf-8",
                    .content_length = 100,
                    .has_body = true};
  EXPECT_TRUE(decide(post));
  post.content_length = 101;
  EXPECT_FALSE(decide(post));
  post.content_length = 1;
  post.content_type = "text/plain";
  EXPECT_FALSE(decide(post));
  EXPECT_FALSE(
      decide_request(rules, "other.example.com", {.method = "GET", .path = "/v1/x"}).allowed);
}

}  // namespace
}  // namespace berm
