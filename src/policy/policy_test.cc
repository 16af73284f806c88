#include <gtest/gtest.h>

#include <random>

#include "policy/merge.h"
#include "policy/parse.h"

namespace berm {
namespace {

std::string error_of(std::string_view text) {
  const Result<PolicyLayer> layer = parse_policy(text, "berm.toml");
  return layer ? "accepted" : layer.error().what;
}

TEST(ParsePolicy, KubernetesSurvivesBeingPrinted) {
  const char* text = R"([kubernetes]
namespace = "agents"
image = "registry.example/tools@sha256:00"
berm_image = "b:1"
pull_secrets = ["one", "two"]
workload = "sandbox"
service_account = "a"
runtime_class = "gvisor"
priority_class = "low"
queue = "team"
seccomp = "profiles/berm.json"
user_namespaces = true
unenforced_network = true
spread = false
cilium = true
keep = "0s"
[kubernetes.node_selector]
"example.com/pool" = "a b\"c"
)";
  const Result<PolicyLayer> layer = parse_policy(text, "berm.toml");
  ASSERT_TRUE(layer) << layer.error().what;
  EXPECT_EQ(layer->kubernetes.node_selector->at("example.com/pool"), "a b\"c");
  const Result<PolicyLayer> again = parse_policy(to_toml(*layer), "again.toml");
  ASSERT_TRUE(again) << again.error().what << to_toml(*layer);
  EXPECT_EQ(*again, *layer);
}

TEST(ParsePolicy, PointsAtTheMistake) {
  const struct {
    std::string_view text, message;
  } kCases[] = {
      {"[network]\nallows = []\n",
       "berm.toml:2:1: unknown key 'allows' in [network]; did you mean 'allow'?\n  allows = []\n  "
       "^"},
      {"profile = \"cloude\"\n",
       "berm.toml:1:11: unknown profile 'cloude'; did you mean 'claude'?\n  profile = \"cloude\"\n "
       "           ^"},
      {"[limits]\nmemory = 4\n",
       "berm.toml:2:10: 'memory' must be a string, not an integer\n  memory = 4\n           ^"},
      {"[limits]\nmemory = \"4 XiB\"\n",
       "berm.toml:2:10: '4 XiB' is not a size; write for example \"512MiB\" or \"4GiB\"\n  memory "
       "= \"4 XiB\"\n           ^"},
      {"[limits]\nmemory = \"0\"\n",
       "berm.toml:2:10: a limit of 0 would stop every run\n  memory = \"0\"\n           ^"},
      {"[network]\nallow = [\"*.com\"]\n",
       "berm.toml:2:10: '*.com' would allow everybody who can register a name under 'com'; name at "
       "least one label more\n  allow = [\"*.com\"]\n           ^"},
      {"[network]\nmode = \"none\"\nallow = [\"a.example\"]\n",
       "berm.toml:2:8: mode = \"none\" contradicts a list of hosts\n  mode = \"none\"\n         ^"},
      {"[[network.rule]]\nhost = \"a.example\"\nmethods = [\"get\"]\n",
       "berm.toml:3:12: 'get' is not a method that can be granted (\"GET\", \"POST\" …)\n  methods "
       "= "
       "[\"get\"]\n             ^"},
      {"[network]\ninternal = [\"*.corp.example:443\"]\n",
       "berm.toml:2:13: '*.corp.example:443': name one host and its port, "
       "\"git.corp.example:443\"\n  internal = [\"*.corp.example:443\"]\n              ^"},
      {"[env]\npass = [\"LD_PRELOAD\"]\n",
       "berm.toml:2:9: variable 'LD_PRELOAD' injects code into every program; it is never passed\n "
       " pass = [\"LD_PRELOAD\"]\n          ^"},
      {"[prepare]\nrun = \"make\"\n",
       "berm.toml:1:1: 'prepare' is valid but not yet enforced by this version; remove it\n  "
       "[prepare]\n  ^"},
      {"version = 2\n",
       "berm.toml:1:11: this berm understands version = 1 only\n  version = 2\n            ^"},
      {"[files]\nread = [\"/proc\"]\n",
       "berm.toml:2:9: '/proc' would show the host's processes, devices or control sockets\n  read "
       "= [\"/proc\"]\n          ^"},
      {"require = [\"resource\"]\n",
       "berm.toml:1:12: unknown layer 'resource'; did you mean 'resources'?\n  require = "
       "[\"resource\"]\n             ^"},
      {"[changes]\nallow = [\"src/**\", \"src/**\"]\n",
       "berm.toml:2:20: 'src/**' stands twice in 'allow'\n  allow = [\"src/**\", \"src/**\"]\n     "
       "                ^"},
  };
  for (const auto& [text, message] : kCases) {
    SCOPED_TRACE(text);
    EXPECT_EQ(error_of(text), message);
  }
}

TEST(ParsePolicy, EscapeCodesInAPolicyDoNotReachTheTerminal) {
  const std::string error = error_of("\"\\u001b]0;x\" = 1\n");
  EXPECT_EQ(error.find('\x1b'), std::string::npos) << error;
}

TEST(ParsePolicy, ReadsEveryEnforcedKey) {
  const Result<PolicyLayer> layer = parse_policy(R"(
version = 1
profile = "claude"
tier = "namespace"
require = ["filesystem", "resources:kernel"]
[workspace]
mode = "clone"
write = ["src/**"]
hide = ["secrets/**"]
git = "head"
on_success = "branch:agent/x"
[changes]
allow = ["src/**"]
protect = ["ci", "git"]
max_files = 10
max_size = "1MiB"
secrets = "report"
[files]
read = ["/opt/toolchain", "~/sdk"]
[env]
pass = ["LANG"]
set = { NODE_ENV = "test" }
[network]
allow = ["api.example.com:443", "*.example.org", "git.example.com:*", "192.0.2.0/24:443", "[2001:db8::1]:8443"]
deny = ["bad.example.org"]
internal = ["git.corp.example:443"]
opaque = ["ech.example.org"]
[network.budget]
bytes = "1GiB"
upload = "10MiB"
connections = 100
[network.per_host]
requests = 1000
[[network.rule]]
host = "api.github.com"
methods = ["GET", "POST"]
paths = ["/repos/acme/**", "/user"]
content_types = ["application/json"]
max_upload = "1MiB"
websocket = true
[credentials.anthropic]
from = "env:MY_KEY"
to = { host = "api.anthropic.com", header = "x-api-key" }
[limits]
memory = "1GiB"
cpus = 1.5
processes = 64
open_files = 256
time = "10m"
idle = "1m"
disk = "1GiB"
output = "1MiB"
egress = "2GiB"
)",
                                                 "berm.toml");
  ASSERT_TRUE(layer.has_value()) << layer.error().what;
  EXPECT_EQ(layer->workspace.mode, WorkspaceMode::clone);
  EXPECT_EQ(layer->workspace.on_success, (OnSuccess{SuccessAction::branch, "agent/x"}));
  EXPECT_EQ(layer->network.allow->at(0), (HostGrant{"api.example.com", 443}));
  EXPECT_EQ(layer->require->at(1), (Requirement{Layer::resources, true}));
  const Result<PolicyLayer> again = parse_policy(to_toml(*layer), "again");
  ASSERT_TRUE(again.has_value()) << again.error().what;
  EXPECT_EQ(*again, *layer);
}

TEST(ParsePolicy, HostGrantsRefuseWhatAResolverReadsDifferently) {
  for (const std::string_view bad : {"",
                                     "*",
                                     "*.com",
                                     "a b",
                                     "a\nb",
                                     "evil.com%00.good.com",
                                     "user@host.com",
                                     "http://x.com",
                                     "x.com:0",
                                     "x.com:99999",
                                     "-a.com",
                                     "a..b",
                                     "[::1]",
                                     "::1:80",
                                     "[a.com]:80",
                                     "127.1:80",
                                     "0x7f000001:80",
                                     "2130706433:80",
                                     "017.0.0.1:80",
                                     "10.0.0.1/8:443",
                                     "10.0.0.1",
                                     "0.0.0.0/0:443",
                                     "[::]/0:443",
                                     "*.co.uk",
                                     "*.github.io",
                                     "b\xc3\xbc"
                                     "cher.example"}) {
    EXPECT_FALSE(parse_host_grant(bad).has_value()) << bad;
  }
  EXPECT_EQ(*parse_host_grant("API.Example.COM."), (HostGrant{"api.example.com", 0}))
      << "one canonical form";
  for (const std::string_view same :
       {"a.example", "*.a.example:443", "**.a.example:*", "10.0.0.0/8:5432", "[fd00::/16]:443",
        "127.0.0.1:8080", "@node"}) {
    EXPECT_EQ(to_text(*parse_host_grant(same)), same);
  }
}

TEST(MergePolicy, LimitsAboveTheCeilingAreLoweredAndSaid) {
  PolicyLayer ceiling;
  ceiling.limits.memory = Bytes{1ULL << 30};
  const Result<MergedPolicy> merged = merge_policy({}, {"/etc/berm/policy.toml", ceiling});
  ASSERT_TRUE(merged.has_value());
  EXPECT_EQ(merged->policy.memory.count, 1ULL << 30);
  EXPECT_EQ(merged->tightened,
            std::vector<std::string>{"limits.memory lowered from 4 GiB to 1 GiB"});
}

TEST(MergePolicy, AGrantBeyondTheCeilingIsRefusedByName) {
  PolicyLayer ceiling;
  ceiling.network.allow = {HostGrant{"*.example.com", 443}};
  PolicyLayer file;
  file.network.allow = {HostGrant{"evil.example", 443}};
  const Result<MergedPolicy> merged =
      merge_policy({{"HEAD:berm.toml", file}}, {"/etc/berm/policy.toml", ceiling});
  ASSERT_FALSE(merged.has_value());
  EXPECT_EQ(merged.error().what,
            "HEAD:berm.toml grants network.allow: evil.example:443, which /etc/berm/policy.toml "
            "does not");
}

bool merges(std::string_view ceiling, std::string_view file) {
  const Result<PolicyLayer> outer = parse_policy(ceiling, "ceiling");
  const Result<PolicyLayer> inner = parse_policy(file, "file");
  EXPECT_TRUE(outer && inner);
  return merge_policy({{"file", *inner}}, {"ceiling", *outer}).has_value();
}

TEST(MergePolicy, ACeilingThatNamesHostsIsNoOpenOne) {
  constexpr std::string_view kCeiling = "[network]\nallow = [\"*.corp.example\"]\n";
  EXPECT_FALSE(merges(kCeiling, "[network]\nmode = \"open\"\n"));
  EXPECT_FALSE(merges(kCeiling, "[network]\ninternal = [\"a.corp.example:443\"]\n"));
  EXPECT_FALSE(merges(kCeiling, "[network]\nopaque = [\"a.corp.example\"]\n"));
  EXPECT_TRUE(merges(kCeiling, "[network]\nallow = [\"a.corp.example:443\"]\n"));
}

TEST(MergePolicy, WhatTheCeilingInspectsStaysInspected) {
  const PolicyLayer ceiling = *parse_policy(
      "[network]\nallow = [\"*.corp.example\"]\n[[network.rule]]\nhost = \"api.corp.example\"\n"
      "methods = [\"GET\"]\npaths = [\"/v1/**\"]\n",
      "ceiling");
  const PolicyLayer file = *parse_policy("[network]\nallow = [\"*.corp.example\"]\n", "file");
  const Result<MergedPolicy> merged = merge_policy({{"file", file}}, {"ceiling", ceiling});
  ASSERT_TRUE(merged.has_value());
  EXPECT_EQ(merged->policy.network_rules, ceiling.network.rules);
  EXPECT_FALSE(merges(to_toml(ceiling),
                      "[[network.rule]]\nhost = \"api.corp.example\"\nmethods = [\"DELETE\"]\n"
                      "paths = [\"/**\"]\n"));
}

TEST(MergePolicy, TheSmallerOfTwoWordsForOneBudgetCounts) {
  const PolicyLayer file =
      *parse_policy("[limits]\negress = \"1GiB\"\n[network.budget]\nbytes = \"1KiB\"\n", "file");
  EXPECT_EQ(merge_policy({{"file", file}}, {"ceiling", {}})->policy.network_budget.bytes->count,
            1024U);
}

TEST(ParsePolicy, ABundleCanOnlyBeAllowed) {
  EXPECT_FALSE(parse_policy("[network]\ndeny = [\"@node\"]\n", "x").has_value());
  EXPECT_FALSE(parse_policy("[network]\nopaque = [\"@node\"]\n", "x").has_value());
  EXPECT_FALSE(parse_policy("[network]\nallow = [\"@nodde\"]\n", "x").has_value());
}

TEST(MergePolicy, AnEmptyListGrantsNothing) {
  PolicyLayer file;
  file.workspace.write.emplace();
  const Result<MergedPolicy> merged = merge_policy({{"file", file}}, {"ceiling", {}});
  ASSERT_TRUE(merged.has_value());
  EXPECT_TRUE(merged->policy.write.empty());
  EXPECT_TRUE(merged->policy.allow_changes.empty());
}

TEST(MergePolicy, EachListOfTheCeilingBindsByItself) {
  EXPECT_FALSE(merges(
      "[network]\ninternal = []\n",
      "[network]\nallow=[\"db.corp.example:5432\"]\ninternal = [\"db.corp.example:5432\"]\n"));
  EXPECT_FALSE(merges("[network]\nmode=\"open\"\nopaque = [\"a.example.com\"]\n",
                      "[network]\nmode=\"open\"\nopaque = [\"b.example.com\"]\n"));
}
TEST(MergePolicy, NoWiderRuleAndNoOtherPortEscapesTheCeilingsRule) {
  const char* ceiling =
      "[network]\nallow = [\"*.corp.example\"]\n[[network.rule]]\nhost = \"api.corp.example\"\n"
      "methods = [\"GET\"]\npaths = [\"/v1/**\"]\n";
  EXPECT_FALSE(merges(
      ceiling,
      "[[network.rule]]\nhost = \"*.corp.example\"\nmethods = [\"DELETE\"]\npaths = [\"/**\"]\n"));
  EXPECT_FALSE(merges(ceiling, "[network]\nallow = [\"api.corp.example:80\"]\n"));
}

// Random layers over small vocabularies, so that overlaps and conflicts are common.
class RandomPolicy {
 public:
  explicit RandomPolicy(unsigned seed) : random_(seed) {}

  PolicyLayer layer() {
    PolicyLayer out;
    if (coin()) {
      out.workspace.mode = pick<WorkspaceMode>(
          {WorkspaceMode::overlay, WorkspaceMode::clone, WorkspaceMode::direct});
    }
    if (coin()) {
      out.workspace.git = pick<GitHistory>({GitHistory::none, GitHistory::head, GitHistory::full});
    }
    if (coin()) out.workspace.write = globs();
    if (coin()) out.workspace.hide = globs();
    if (coin()) out.changes.allow = globs();
    if (coin()) {
      out.changes.protect =
          std::vector<ProtectClass>{pick<ProtectClass>({ProtectClass::ci, ProtectClass::git})};
    }
    if (coin()) out.changes.max_files = number();
    if (coin()) out.changes.max_size = Bytes{number()};
    if (coin()) {
      out.changes.secrets = pick<SecretsAction>({SecretsAction::refuse, SecretsAction::report});
    }
    if (coin()) out.network.mode = pick<NetworkMode>({NetworkMode::none, NetworkMode::allow});
    if (coin()) out.network.allow = hosts();
    if (coin()) out.network.deny = hosts();
    if (coin()) out.network.rules = {rule()};
    if (coin()) out.network.budget.upload = Bytes{number()};
    if (coin()) out.network.per_host.connections = number();
    if (coin()) out.limits.egress = Bytes{number()};
    if (coin()) out.env.pass = std::vector<std::string>{pick<std::string>({"A", "B", "C"})};
    if (coin()) {
      out.files.read = std::vector<std::string>{pick<std::string>({"/opt", "/opt/a", "/srv"})};
    }
    if (coin()) out.limits.memory = Bytes{number()};
    out.tools = tools();
    if (coin()) out.limits.processes = number();
    if (coin()) out.limits.time = Milliseconds(static_cast<std::int64_t>(number()));
    if (coin()) out.limits.idle = Milliseconds(static_cast<std::int64_t>(number()));
    if (coin()) {
      out.require =
          std::vector<Requirement>{{pick<Layer>({Layer::network, Layer::resources}), coin()}};
    }
    return out;
  }

 private:
  bool coin() { return random_() % 2 == 0; }
  std::uint64_t number() { return 1 + random_() % 5; }
  template <class T>
  T pick(std::initializer_list<T> from) {
    return *(from.begin() + random_() % from.size());
  }
  std::vector<Glob> globs() {
    std::vector<Glob> out;
    for (const char* text : {"**", "src/**", "src/a/**", "docs/*.md", "src/a.c"}) {
      if (coin()) out.push_back(*Glob::parse(text));
    }
    return out;
  }
  PolicyLayer::Tools tools() {
    PolicyLayer::Tools out;
    for (const char* match : {"Bash(a *)", "Read(**/.env)", "mcp__*"}) {
      if (!coin()) continue;
      out.rules.push_back({.action = pick<ToolAction>({ToolAction::allow, ToolAction::report,
                                                       ToolAction::ask, ToolAction::deny}),
                           .match = match,
                           .reason = {},
                           .rewrite = {}});
    }
    if (coin()) out.packs = std::vector<std::string>{pick<std::string>({"core", "git"})};
    if (coin()) out.on_match = pick<ToolMatch>({ToolMatch::deny, ToolMatch::report});
    if (coin()) out.otherwise = pick<ToolAction>({ToolAction::allow, ToolAction::deny});
    if (coin()) out.unhooked = coin();
    if (coin()) out.exec_rate = number();
    return out;
  }
  NetworkRule rule() {
    return {.host = pick<std::string>({"a.example.com", "*.example.com"}),
            .methods = {pick<std::string>({"GET", "POST"})},
            .paths = {pick<std::string>({"/**", "/a/**", "/a/b"})},
            .content_types = {},
            .max_upload = std::nullopt,
            .websocket = coin()};
  }
  std::vector<HostGrant> hosts() {
    std::vector<HostGrant> out;
    for (const char* text :
         {"a.example.com", "*.example.com", "**.example.com", "b.example.org:443",
          "*.b.example.com:443", "c.example.com:*", "192.0.2.0/24:443", "192.0.2.7:443"}) {
      if (coin()) out.push_back(*parse_host_grant(text));
    }
    return out;
  }
  std::mt19937 random_;
};

TEST(MergePolicy, NoMergeEverGrantsMoreThanTheCeiling) {
  int accepted = 0;
  for (unsigned seed = 0; seed < 20000; ++seed) {
    RandomPolicy random(seed);
    const PolicyLayer ceiling = random.layer();
    const std::vector<NamedLayer> layers = {
        {"profile", random.layer()}, {"file", random.layer()}, {"flags", random.layer()}};
    const Result<MergedPolicy> merged = merge_policy(layers, {"ceiling", ceiling});
    if (!merged) continue;
    ++accepted;
    ASSERT_TRUE(is_within_ceiling(merged->policy, ceiling)) << "seed " << seed << "\n"
                                                            << to_toml(ceiling);
  }
  EXPECT_GT(accepted, 100)
      << "the generator must reach merges that succeed, or the property is vacuous";
}

TEST(MergePolicy, UnderTwoCeilingsNothingIsGrantedThatEitherDoesNot) {
  int accepted = 0;
  for (unsigned seed = 0; seed < 20000; ++seed) {
    RandomPolicy random(seed);
    const NamedLayer machine = {"machine", random.layer()};
    const NamedLayer team = {"team", random.layer()};
    const std::vector<NamedLayer> layers = {{"profile", random.layer()}, {"file", random.layer()}};
    const Result<MergedPolicy> merged = merge_under(layers, {team, machine});
    if (!merged) continue;
    ++accepted;
    ASSERT_TRUE(is_within_ceiling(merged->policy, machine.layer)) << "seed " << seed;
    ASSERT_TRUE(is_within_ceiling(merged->policy, team.layer)) << "seed " << seed;
  }
  EXPECT_GT(accepted, 20);
}

TEST(Covers, WholeLabelsAndWholeComponents) {
  const auto host = [](std::string_view text) { return *parse_host_grant(text); };
  EXPECT_TRUE(covers(host("*.example.com"), host("a.b.example.com:443")));
  EXPECT_FALSE(covers(host("*.example.com"), host("example.com")))
      << "a wildcard does not cover its apex";
  EXPECT_FALSE(covers(host("*.example.com"), host("evilexample.com")))
      << "suffix without a label boundary";
  EXPECT_FALSE(covers(host("*.example.com"), host("a.example.com.evil.org")));
  EXPECT_TRUE(covers(host("**.example.com"), host("example.com")));
  EXPECT_FALSE(covers(host("*.example.com:443"), host("a.example.com")))
      << "two ports are more than one";
  EXPECT_FALSE(covers(host("a.example.com"), host("a.example.com:22")))
      << "without a port: those of the web";
  EXPECT_TRUE(covers(host("a.example.com"), host("a.example.com:80")));
  EXPECT_TRUE(covers(host("a.example.com:*"), host("a.example.com:22")));
  EXPECT_FALSE(covers(host("a.example.com:22"), host("a.example.com:*")));
  EXPECT_TRUE(covers(host("10.0.0.0/8:443"), host("10.1.0.0/16:443")));
  EXPECT_FALSE(covers(host("10.1.0.0/16:443"), host("10.0.0.0/8:443")));
  EXPECT_FALSE(covers(host("[2001:db8::/32]:443"), host("10.1.0.0/16:443")));
  EXPECT_FALSE(covers(host("*.example.com"), host("**.example.com")));
  const auto glob = [](std::string_view text) { return *Glob::parse(text); };
  EXPECT_TRUE(covers(glob("src/**"), glob("src/a/**")));
  EXPECT_FALSE(covers(glob("src/**"), glob("src")));
  EXPECT_FALSE(covers(glob("src/**"), glob("**")));
  EXPECT_FALSE(covers(glob("src/a/**"), glob("src/**")));
}

// Inputs that a fuzzer found: each once ended the process.
TEST(ParsePolicy, HostileFilesAreMistakesNotCrashes) {
  std::string deep = "a";
  for (int i = 0; i < 20000; ++i) deep += ".a";
  for (const std::string& text :
       {deep + " = 1\n", "[" + deep + "]\n", std::string("[\n"), std::string("[[\n"),
        std::string("\xc2\xa1 = 1\n"), std::string("a = \"\n"), std::string("a = \"\"\"\\\n"),
        std::string("[network]\nallow = [\"a.example.com:443\", \"A.example.com:443\"]\n")}) {
    const Result<PolicyLayer> parsed = parse_policy(text, "berm.toml");
    ASSERT_FALSE(parsed.has_value()) << text.substr(0, 60);
    EXPECT_EQ(parsed.error().code, Errc::invalid_policy);
  }
}

}  // namespace
TEST(LintPolicy, IsReadAndWrittenAndWantsReasons) {
  const Result<PolicyLayer> layer = parse_policy(
      "[lint]\npersona = \"auditor\"\nfail_on = \"high\"\nbaseline = \"known.json\"\n"
      "exclude = [\"tests/**\"]\n[[lint.allow]]\nrule = \"k8s-privileged\"\n"
      "paths = [\"deploy/driver.yaml\"]\nreason = \"loads the driver\"\n"
      "[[lint.allow]]\nrule = \"unpinned-action\"\nreason = \"a bot pins them\"\n",
      "berm.toml");
  ASSERT_TRUE(layer) << layer.error().what;
  ASSERT_EQ(layer->lint.allow.size(), 2U);
  EXPECT_TRUE(layer->lint.allow[0].paths[0].covers("deploy/driver.yaml"));
  EXPECT_TRUE(layer->lint.allow[1].paths.empty());
  const Result<PolicyLayer> again = parse_policy(to_toml(*layer), "again.toml");
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_EQ(*layer, *again);
  for (const char* text :
       {"[lint]\npersona = \"nobody\"", "[lint]\nfail_on = \"none\"", "[lint]\nrules = []",
        "[[lint.allow]]\nrule = \"x\"", "[[lint.allow]]\nrule = \"x\"\nreason = \" \"",
        "[[lint.allow]]\nrule = \"X y\"\nreason = \"z\"", "[lint]\nallow = [1]",
        "[lint]\nexclude = [\"../x\"]"}) {
    EXPECT_FALSE(parse_policy(text, "berm.toml")) << text;
  }
}

}  // namespace berm
