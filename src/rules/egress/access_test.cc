#include "rules/egress/access.h"

#include <gtest/gtest.h>

#include "policy/parse.h"

namespace berm {
namespace {

std::vector<HostGrant> grants(std::initializer_list<std::string_view> texts) {
  std::vector<HostGrant> out;
  for (const std::string_view text : texts) out.push_back(*parse_host_grant(text));
  return out;
}

bool allowed(const EgressRules& rules, std::string_view authority) {
  return decide(rules, *parse_authority(authority)).allowed;
}

TEST(Decide, AnEmptyListAllowsNothing) {
  // srt commit bea2930: an empty allow-list was read as allow-all.
  EXPECT_FALSE(allowed({.mode = NetworkMode::allow}, "a.example.com:443"));
  EXPECT_FALSE(may_resolve({.mode = NetworkMode::allow}, "a.example.com"));
}

TEST(Decide, WholeLabelsOfTheNameAndThePort) {
  const EgressRules rules{.mode = NetworkMode::allow,
                          .allow = grants({"*.example.com", "git.example.org:22", "**.both.org"})};
  const struct {
    std::string_view to;
    bool allowed;
  } kCases[] = {
      {"a.example.com:443", true},
      {"a.b.example.com:80", true},
      {"example.com:443", false},      // a wildcard does not cover its apex
      {"evilexample.com:443", false},  // CVE-2026-24052: suffix without a label boundary
      {"a.example.com.evil.org:443", false},
      {"a.example.com:25", false},  // CONNECT to a mail server
      {"git.example.org:22", true},
      {"git.example.org:443", false},
      {"both.org:443", true},
      {"x.both.org:443", true},
      {"93.184.216.34:443", false},  // an address needs an address grant
      {"[2606:2800:220:1::1]:443", false},
  };
  for (const auto& [to, expected] : kCases) EXPECT_EQ(allowed(rules, to), expected) << to;
}

TEST(Decide, DenyIsStrongerThanAllowAndNamesItself) {
  const EgressRules rules{.mode = NetworkMode::allow,
                          .allow = grants({"*.example.com", "10.0.0.0/8:443"}),
                          .deny = grants({"bad.example.com", "10.1.0.0/16:443"})};
  const Grant denied = decide(rules, *parse_authority("bad.example.com:443"));
  EXPECT_FALSE(denied.allowed);
  EXPECT_EQ(denied.rule, "network.deny \"bad.example.com\"");
  EXPECT_FALSE(may_resolve(rules, "bad.example.com"));
  EXPECT_TRUE(allowed(rules, "10.2.0.1:443"));
  EXPECT_FALSE(allowed(rules, "10.1.0.1:443"));
}

TEST(Decide, AHostWithRulesIsInspectedEvenIfAnotherLineAllowsIt) {
  EgressRules rules{.mode = NetworkMode::open, .allow = grants({"**.github.com:*"})};
  rules.inspect.push_back({.host = "api.github.com", .methods = {"GET"}, .paths = {"/**"}});
  const Grant grant = decide(rules, *parse_authority("api.github.com:443"));
  EXPECT_TRUE(grant.allowed && grant.inspected);
  EXPECT_FALSE(allowed(rules, "api.github.com:80")) << "no way around by plain HTTP";
}

TEST(Decide, TheDenialTeachesTheLineToAdd) {
  const Grant grant = decide({.mode = NetworkMode::allow}, *parse_authority("a.example.com:8443"));
  EXPECT_NE(grant.why.find("allow = [\"a.example.com:8443\"]"), std::string::npos) << grant.why;
}

std::string_view why_not(const EgressRules& rules, std::string_view authority,
                         std::string_view address) {
  const Destination to = *parse_authority(authority);
  return why_not_dial(rules, decide(rules, to), to, *parse_ip(address),
                      {*parse_ip("93.184.216.99")});
}

TEST(WhyNotDial, AGrantedNameDoesNotOpenPrivateAddresses) {
  const EgressRules rules{.mode = NetworkMode::allow,
                          .allow = grants({"a.example.com:443", "git.corp.example:443"}),
                          .internal = grants({"git.corp.example:443"})};
  EXPECT_EQ(why_not(rules, "a.example.com:443", "93.184.216.34"), "");
  for (const char* bad : {"127.0.0.1",
                          "10.1.2.3",
                          "172.31.0.1",
                          "192.168.1.1",
                          "169.254.169.254",
                          "100.64.0.1",
                          "0.0.0.0",
                          "224.0.0.1",
                          "255.255.255.255",
                          "168.63.129.16",
                          "198.18.0.1",
                          "192.0.2.1",
                          "::1",
                          "::",
                          "fe80::1",
                          "fd00:ec2::254",
                          "ff02::1",
                          "::ffff:169.254.169.254",
                          "::ffff:93.184.216.34",
                          "64:ff9b::169.254.169.254",
                          "64:ff9b::5db8:d822",
                          "64:ff9b:1::10.0.0.1",
                          "2002:a9fe:a9fe::1",
                          "2001:db8::1",
                          "2001::1",
                          "fec0::1",
                          "::10.0.0.1",
                          "93.184.216.99" /* this machine's own */}) {
    EXPECT_NE(why_not(rules, "a.example.com:443", bad), "") << bad;
  }
  EXPECT_EQ(why_not(rules, "git.corp.example:443", "10.1.2.3"), "") << "granted as internal";
  EXPECT_NE(why_not(rules, "git.corp.example:443", "169.254.169.254"), "")
      << "metadata is never internal";
}

TEST(WhyNotDial, AnAddressGrantedAsAddressIsMeant) {
  const EgressRules rules{.mode = NetworkMode::allow,
                          .allow = grants({"db.example.com:5432", "10.0.0.5:5432"}),
                          .deny = grants({"93.184.216.0/24:*"})};
  EXPECT_EQ(why_not(rules, "10.0.0.5:5432", "10.0.0.5"), "");
  EXPECT_EQ(why_not(rules, "db.example.com:5432", "10.0.0.5"), "");
  EXPECT_NE(why_not(rules, "db.example.com:5432", "10.0.0.6"), "");
  EXPECT_EQ(why_not(rules, "db.example.com:5432", "93.184.216.34"), "denied by address");
}

TEST(GrantedPorts, AreThoseThatAClientWithoutProxyCanUse) {
  const EgressRules rules{.mode = NetworkMode::allow,
                          .allow = grants({"a.example.com", "b.example.com:22"})};
  EXPECT_EQ(granted_ports(rules), (std::vector<std::uint16_t>{22, 80, 443}));
  EXPECT_TRUE(granted_ports({.mode = NetworkMode::allow}).empty());
}

}  // namespace
}  // namespace berm
