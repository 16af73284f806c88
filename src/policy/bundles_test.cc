#include "policy/bundles.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.h"
#include "policy/parse.h"

namespace berm {
namespace {

constexpr std::string_view kHead = "# source: x, \"y\"\n# reviewed: 2026-11-22\n";

RegistryHosts company() {
  RegistryHosts hosts;
  hosts.hosts["npm"] = {{"npm.corp.example", 443, "~/.npmrc"}, {"b.example", 8443, "/etc/npmrc"}};
  return hosts;
}

TEST(Bundles, EveryBuiltInOneIsReviewedAndSound) {
  // Suffixes under which anybody can have a name: a wildcard over one grants strangers.
  constexpr std::string_view kPublic[] = {"github.io",
                                          "githubusercontent.com",
                                          "googleapis.com",
                                          "storage.googleapis.com",
                                          "amazonaws.com",
                                          "s3.amazonaws.com",
                                          "cloudfront.net",
                                          "azureedge.net",
                                          "windows.net",
                                          "blob.core.windows.net",
                                          "cloudflarestorage.com",
                                          "r2.cloudflarestorage.com",
                                          "workers.dev",
                                          "pages.dev",
                                          "vercel.app",
                                          "netlify.app",
                                          "herokuapp.com",
                                          "web.app",
                                          "firebaseapp.com",
                                          "readthedocs.io",
                                          "fastly.net",
                                          "akamaized.net",
                                          "co.uk",
                                          "org.uk",
                                          "com.cn",
                                          "ngrok.io",
                                          "gitlab.io"};
  ASSERT_GE(bundle_names().size(), 20U);
  EXPECT_TRUE(std::ranges::is_sorted(bundle_names()));
  for (const std::string_view name : bundle_names()) {
    SCOPED_TRACE(name);
    const Result<Bundle> bundle = find_bundle(name);  // refuses duplicates and addresses
    ASSERT_TRUE(bundle.has_value()) << bundle.error().what;
    EXPECT_FALSE(bundle->source.empty());
    EXPECT_GE(bundle->reviewed, "2026-11-22");
    const Result<HostGrant> grant = parse_host_grant("@" + std::string(name));
    EXPECT_TRUE(grant.has_value()) << "a policy cannot name it";
    for (const HostGrant& host : bundle->grants) {
      EXPECT_NE(host.port, 0) << host.pattern;
      if (!host.pattern.starts_with('*')) continue;
      const std::string suffix = host.pattern.substr(host.pattern.find('.') + 1);
      EXPECT_GE(std::ranges::count(suffix, '.'), 1) << host.pattern;
      EXPECT_EQ(std::ranges::find(kPublic, suffix), std::end(kPublic)) << host.pattern;
    }
  }
}

TEST(Bundles, TheNamesPeopleKnowAreThere) {
  for (const std::string_view name :
       {"node", "npm", "python", "go", "rust", "java", "ruby", "php", "dotnet", "debian", "github",
        "containers", "claude", "codex", "gemini"}) {
    EXPECT_TRUE(find_bundle(name).has_value()) << name;
    EXPECT_TRUE(find_bundle("@" + std::string(name)).has_value()) << name;
  }
}

TEST(ParseBundle, ReadsHostsPortsAndClients) {
  const Result<Bundle> bundle = parse_bundle(
      "x", std::string(kHead) +
               "\n# why\n@registry npm  # comment\na.example  # why\n*.B.example:8443\r\n");
  ASSERT_TRUE(bundle.has_value()) << bundle.error().what;
  const Bundle expected{.name = "x",
                        .source = "x, \"y\"",
                        .reviewed = "2026-11-22",
                        .grants = {{"a.example", 443}, {"*.b.example", 8443}},
                        .registries = {"npm"}};
  EXPECT_EQ(*bundle, expected);
}

TEST(ParseBundle, RefusesWhatAReviewWouldMiss) {
  const struct {
    std::string_view text, message;
  } kCases[] = {
      {"a.example\na.example\n", "line 4, 'a.example': twice"},
      {"a.example\nA.example:443\n", "line 4, 'A.example:443': twice"},
      {"@registry npm\n@registry npm\n", "twice"},
      {"@registry nmp\n", "there is no client 'nmp'"},
      {"@node\n", "a bundle names hosts, not bundles"},
      {"*.com\n", "everybody who can register"},
      {"10.0.0.1:443\n", "an address is no name"},
      {"localhost\n", "one label is no public name"},
      {"https://a.example/\n", "is a URL"},
      {"a.example b.example\n", "is not a host name"},
      {"\x1b]0;x\n", "\\e]0;x"},
      {"", "it grants nothing"},
  };
  for (const auto& [text, message] : kCases) {
    SCOPED_TRACE(text);
    const Result<Bundle> bundle = parse_bundle("x", std::string(kHead) + std::string(text));
    ASSERT_FALSE(bundle.has_value());
    EXPECT_NE(bundle.error().what.find(message), std::string::npos) << bundle.error().what;
  }
  EXPECT_FALSE(parse_bundle("x", "a.example\n").has_value()) << "no source, no date";
  EXPECT_FALSE(parse_bundle("x", "# source: y\n# reviewed: today\na.example\n").has_value());
}

TEST(ExpandBundle, ACompanyMirrorIsWhatIsGranted) {
  std::vector<std::string> notes;
  const Result<std::vector<HostGrant>> grants = expand_bundle("@node", company(), notes);
  ASSERT_TRUE(grants.has_value()) << grants.error().what;
  EXPECT_EQ(*grants, (std::vector<HostGrant>{
                         {"npm.corp.example", 443}, {"b.example", 8443}, {"nodejs.org", 443}}));
  EXPECT_TRUE(notes.empty());
  EXPECT_EQ(origin_of(grants->front(), "@node", company()), "npm: ~/.npmrc");
  EXPECT_EQ(origin_of(grants->back(), "@node", company()), "");
}

TEST(ExpandBundle, AClientWithoutARegistryIsSaid) {
  RegistryHosts hosts;
  hosts.notes["pip"] = {
      "~/.pip/pip.conf: index-url is no http(s) URL with a host name; not granted"};
  std::vector<std::string> notes;
  const Result<std::vector<HostGrant>> grants = expand_bundle("python", hosts, notes);
  ASSERT_TRUE(grants.has_value());
  EXPECT_FALSE(grants->empty());
  ASSERT_EQ(notes.size(), 2U);
  EXPECT_TRUE(notes[0].starts_with("@python: ~/.pip/pip.conf: ")) << notes[0];
  EXPECT_EQ(notes[1],
            "@python: pip names no index on this host; grant it by name in network.allow");
}

TEST(ExpandBundle, AnUnknownNameIsAnErrorWithTheNearest) {
  std::vector<std::string> notes;
  const Result<std::vector<HostGrant>> grants = expand_bundle("@pyton", {}, notes);
  ASSERT_FALSE(grants.has_value());
  EXPECT_EQ(grants.error().code, Errc::invalid_policy);
  EXPECT_EQ(grants.error().what, "unknown bundle '@pyton'; did you mean '@python'?");
  EXPECT_EQ(find_bundle("@\x1b[2J").error().what.find('\x1b'), std::string::npos);
}

TEST(ExpandBundles, EachGrantOnceAndInOrder) {
  const std::vector<HostGrant> policy = {
      {"a.example", 0}, {"@npm", 0}, {"npm.corp.example", 443}, {"@node", 0}, {"@debian", 0}};
  EXPECT_EQ(registry_clients(policy), (std::set<std::string>{"apt", "npm"}));
  EXPECT_EQ(registry_clients(std::vector<HostGrant>{{"a.example", 0}, {"@nowhere", 0}}),
            std::set<std::string>{});
  std::vector<std::string> notes;
  const Result<std::vector<HostGrant>> grants = expand_bundles(policy, company(), notes);
  ASSERT_TRUE(grants.has_value());
  EXPECT_EQ(
      *grants,
      (std::vector<HostGrant>{
          {"a.example", 0}, {"npm.corp.example", 443}, {"b.example", 8443}, {"nodejs.org", 443}}));
  EXPECT_EQ(notes.size(), 1U) << "no apt mirror";
  EXPECT_FALSE(expand_bundles(std::vector<HostGrant>{{"@nowhere", 0}}, {}, notes).has_value());
}

}  // namespace
}  // namespace berm
