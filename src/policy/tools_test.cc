#include <fmt/format.h>
#include <gtest/gtest.h>

#include "policy/merge.h"
#include "policy/parse.h"
#include "policy/tool_rule.h"

namespace berm {
namespace {

std::string pattern_error(std::string_view text) {
  const Result<ToolPattern> pattern = parse_tool_pattern(text);
  return pattern ? "accepted" : pattern.error().what;
}

TEST(ToolPattern, IsAToolAndWhatItIsAbout) {
  const struct {
    std::string_view text;
    ToolPattern pattern;
  } kCases[] = {
      {"Bash", {"Bash", ToolSubject::command, ""}},
      {"Bash(*)", {"Bash", ToolSubject::command, ""}},
      {"Bash(npm test)", {"Bash", ToolSubject::command, "npm test"}},
      {"Bash(echo (x))", {"Bash", ToolSubject::command, "echo (x)"}},
      {"Read(//etc/**)", {"Read", ToolSubject::read, "//etc/**"}},
      {"Write(~/x)", {"Write", ToolSubject::write, "~/x"}},
      {"Edit(./etc/x)", {"Edit", ToolSubject::write, "./etc/x"}},
      {"WebFetch(domain:example.com)", {"WebFetch", ToolSubject::url, "domain:example.com"}},
      {"Agent(Explore)", {"Agent", ToolSubject::kind, "Explore"}},
      {"Exec(ssh *)", {"Exec", ToolSubject::exec, "ssh *"}},
      {"mcp__github__*", {"mcp__github__*", ToolSubject::tool, ""}},
      {"mcp__a-b__c.d", {"mcp__a-b__c.d", ToolSubject::tool, ""}},
      {"*", {"*", ToolSubject::tool, ""}},
      {"TodoWrite", {"TodoWrite", ToolSubject::tool, ""}},
      {"some_other_agents_tool", {"some_other_agents_tool", ToolSubject::tool, ""}},
  };
  for (const auto& [text, pattern] : kCases) {
    SCOPED_TRACE(text);
    const Result<ToolPattern> parsed = parse_tool_pattern(text);
    ASSERT_TRUE(parsed.has_value()) << parsed.error().what;
    EXPECT_EQ(*parsed, pattern);
  }
}

// Each would be accepted and never match, or match what nobody meant.
TEST(ToolPattern, AMistakeIsNamedWithTheNearestRightForm) {
  const struct {
    std::string_view text, message;
  } kCases[] = {
      {"", "tool pattern '' names no tool; write \"Bash(npm test)\" or \"mcp__github__*\""},
      {"npm test",
       "tool pattern 'npm test' does not begin with a tool's name; a command is written "
       "\"Bash(npm test)\""},
      {"bash(ls)", "tool pattern 'bash(ls)' would never match; did you mean 'Bash'?"},
      {"Wirte(x)", "tool pattern 'Wirte(x)' names no tool we know; did you mean 'Write'?"},
      {"Bash(ls", "tool pattern 'Bash(ls' has a '(' without a ')' at its end"},
      {"Bash ls)", "tool pattern 'Bash ls)' has a ')' without a '('"},
      {"Bash()",
       "tool pattern 'Bash()' has nothing between '(' and ')'; for every use write 'Bash'"},
      {"Glob(src/**)",
       "tool pattern 'Glob(src/**)' would never be asked: 'Read(src/**)' speaks of Glob too"},
      {"Monitor(ls)",
       "tool pattern 'Monitor(ls)' would never be asked: 'Bash(ls)' speaks of Monitor too"},
      {"mcp__a__b(x)",
       "tool pattern 'mcp__a__b(x)' has a '(…)', which mcp__a__b does not take; only Bash, Read, "
       "Edit, Write, WebFetch, Agent, Skill and Exec do"},
      {"Write(/etc/**)",
       "tool pattern 'Write(/etc/**)' is read from the workspace's root; write 'Write(//etc/**)' "
       "for the system's, or 'Write(./etc/**)' for the workspace's"},
      {"WebFetch(example.com)",
       "tool pattern 'WebFetch(example.com)' needs a host or an address: write "
       "\"WebFetch(domain:example.com)\" or \"WebFetch(https://example.com*)\""},
      {"WebFetch(domain:a b)",
       "tool pattern 'WebFetch(domain:a b)' names no host; write \"WebFetch(domain:example.com)\" "
       "or \"WebFetch(domain:*.example.com)\""},
      {"Bash(a\nb)", "tool pattern 'Bash(a\\nb)' holds a control character"},
  };
  for (const auto& [text, message] : kCases) {
    SCOPED_TRACE(text);
    EXPECT_EQ(pattern_error(text), message);
  }
  EXPECT_NE(pattern_error("Read(a/../b)"), "accepted");
  EXPECT_NE(pattern_error("Bash(" + std::string(2000, 'a') + ")"), "accepted");
}

std::string error_of(std::string_view text) {
  const Result<PolicyLayer> layer = parse_policy(text, "berm.toml");
  return layer ? "accepted" : layer.error().what.substr(0, layer.error().what.find('\n'));
}

TEST(ParseTools, PointsAtTheMistake) {
  const struct {
    std::string_view text, message;
  } kCases[] = {
      {"[tools]\ndenny = []\n",
       "berm.toml:2:1: unknown key 'denny' in [tools]; did you mean 'deny'?"},
      {"[tools]\ndeny = [\"bash(ls)\"]\n",
       "berm.toml:2:9: tool pattern 'bash(ls)' would never match; did you mean 'Bash'?"},
      {"[tools]\npacks = [\"gti\"]\n", "berm.toml:2:10: unknown pack 'gti'; did you mean 'git'?"},
      {"[tools]\npacks = [\"none\", \"git\"]\n",
       "berm.toml:2:9: \"none\" contradicts a list of packs"},
      {"[tools]\notherwise = \"report\"\n",
       "berm.toml:2:13: 'otherwise' is allow, ask or deny, not 'report'"},
      {"[tools]\non_match = \"allow\"\n",
       "berm.toml:2:12: unknown answer 'allow'; one of deny, ask, report"},
      {"[tools]\nexec_rate = 0\n", "berm.toml:2:13: 'exec_rate' must be at least 1"},
      {"[tools]\nprograms_absent = [\"bin/ssh\"]\n",
       "berm.toml:2:20: 'bin/ssh' is no program: write \"ssh\" or \"/usr/bin/ssh\""},
      {"[[tools.rule]]\nmatch = \"Bash\"\n",
       "berm.toml:1:1: [[tools.rule]] needs 'match' and 'action'"},
      {"[[tools.rule]]\nmatch = \"Bash\"\naction = \"rewrite\"\n",
       "berm.toml:1:1: action = \"rewrite\" and 'rewrite' belong together"},
      {"[[tools.rule]]\nmatch = \"Bash\"\naction = \"rewrite\"\nrewrite = \"[1]\"\n",
       "berm.toml:4:11: 'rewrite' must be a JSON object: { timeout = 60000 } or "
       "'{\"timeout\":60000}'"},
      {"[[tools.rule]]\nmatch = \"Exec(ls)\"\naction = \"rewrite\"\nrewrite = { a = 1 }\n",
       "berm.toml:1:1: a program that is started cannot be rewritten, only a call"},
  };
  for (const auto& [text, message] : kCases) {
    SCOPED_TRACE(text);
    EXPECT_EQ(error_of(text), message);
  }
}

constexpr std::string_view kEveryKey = R"t(
[tools]
deny = ["Bash(curl * | sh)", "Write(//etc/**)"]
ask = ["Bash(git push *)"]
allow = ["Bash(npm *)"]
report = ["mcp__*"]
packs = ["core", "git"]
on_match = "ask"
on_unclear = "deny"
otherwise = "ask"
prompts = "text"
bypass_permissions = false
unhooked = true
programs_absent = ["ssh", "/usr/bin/nc"]
on_anomaly = "end"
repeated_failures = 3
exec_rate = 100
call_rate = 60
request_rate = 70
output_rate = "1MiB"
[[tools.rule]]
match = "Bash(npm publish *)"
action = "deny"
reason = "CI publishes"
[[tools.rule]]
match = "Bash"
action = "rewrite"
rewrite = { timeout = 60000, nested = { list = [1, 2.5, true, "x"] } }
[[tools.rule]]
match = "WebSearch"
action = "rewrite"
rewrite = '{ "blocked": null }'
)t";

TEST(ParseTools, EveryKeySurvivesPrintingAndReadingAgain) {
  const Result<PolicyLayer> layer = parse_policy(kEveryKey, "berm.toml");
  ASSERT_TRUE(layer.has_value()) << layer.error().what;
  const PolicyLayer::Tools& tools = layer->tools;
  ASSERT_EQ(tools.rules.size(), 8U);
  EXPECT_EQ(tools.rules[0].match, "Bash(npm *)");
  EXPECT_EQ(tools.rules[5].reason, "CI publishes");
  EXPECT_EQ(tools.rules[6].rewrite, R"({"nested":{"list":[1,2.5,true,"x"]},"timeout":60000})");
  EXPECT_EQ(tools.rules[7].rewrite, R"({"blocked":null})");
  EXPECT_EQ(tools.packs, (std::vector<std::string>{"core", "git"}));
  EXPECT_EQ(tools.on_unclear, ToolMatch::deny);
  EXPECT_EQ(tools.exec_rate, 100U);
  const Result<PolicyLayer> again = parse_policy(to_toml(*layer), "again");
  ASSERT_TRUE(again.has_value()) << again.error().what;
  EXPECT_EQ(*again, *layer);
}

TEST(ParseTools, NoneIsAnEmptyListOfPacksAndSurvivesPrinting) {
  const PolicyLayer layer = *parse_policy("[tools]\npacks = [\"none\"]\n", "x");
  ASSERT_TRUE(layer.tools.packs.has_value());
  EXPECT_TRUE(layer.tools.packs->empty());
  EXPECT_EQ(*parse_policy(to_toml(layer), "again"), layer);
}

TEST(ParseTools, HostileRewritesAreMistakesNotCrashes) {
  for (const std::string& json :
       {std::string(100000, '['), std::string("{\"a\":") + std::string(100000, '{'),
        std::string("{\"a\":\"\xff\"}"), std::string("{")}) {
    std::string quoted;
    for (const char c : json) {
      quoted += c == '"' || c == '\\' ? fmt::format("\\{}", c) : std::string(1, c);
    }
    EXPECT_NE(error_of("[[tools.rule]]\nmatch = \"Bash\"\naction = \"rewrite\"\nrewrite = \"" +
                       quoted + "\"\n"),
              "accepted");
  }
}

MergedPolicy merged(std::string_view profile, std::string_view file, std::string_view ceiling) {
  const auto layer = [](std::string_view text) {
    const Result<PolicyLayer> parsed = parse_policy(text, "x");
    EXPECT_TRUE(parsed.has_value()) << text;
    return parsed ? *parsed : PolicyLayer{};
  };
  const Result<MergedPolicy> result = merge_policy(
      {{"profile", layer(profile)}, {"file", layer(file)}}, {"ceiling", layer(ceiling)});
  EXPECT_TRUE(result.has_value());
  return *result;
}

std::vector<std::string> matches(const ToolPolicy& tools) {
  std::vector<std::string> out;
  for (const ToolRule& rule : tools.rules) {
    out.push_back(fmt::format("{} {}", spelling(rule.action), rule.match));
  }
  return out;
}

TEST(MergeTools, TheFileComesBehindTheProfileAndReplacesItsValues) {
  const ToolPolicy tools =
      merged("[tools]\ndeny = [\"WebSearch\"]\non_match = \"ask\"\npacks = [\"git\"]\n",
             "[tools]\nallow = [\"Bash(npm *)\"]\non_match = \"report\"\npacks = [\"core\"]\n", "")
          .policy.tools;
  EXPECT_EQ(matches(tools), (std::vector<std::string>{"deny WebSearch", "allow Bash(npm *)"}));
  EXPECT_EQ(tools.on_match, ToolMatch::report);
  EXPECT_EQ(tools.packs, std::vector<std::string>{"core"});
}

TEST(MergeTools, TheCeilingsRulesStandInFrontAndGrantNothing) {
  const ToolPolicy tools =
      merged("", "[tools]\nallow = [\"Bash\"]\npacks = [\"none\"]\n",
             "[tools]\ndeny = [\"Bash(curl *)\"]\nask = [\"WebFetch\"]\nreport = [\"Agent\"]\n"
             "allow = [\"Bash(rm *)\"]\npacks = [\"core\"]\nprograms_absent = [\"ssh\"]\n")
          .policy.tools;
  EXPECT_EQ(matches(tools), (std::vector<std::string>{"deny Bash(curl *)", "ask WebFetch",
                                                      "report Agent", "allow Bash"}));
  EXPECT_EQ(tools.packs, std::vector<std::string>{"core"});
  EXPECT_EQ(tools.programs_absent, std::vector<std::string>{"ssh"});
}

TEST(MergeTools, WhatTheCeilingTightensIsTightenedAndSaid) {
  const MergedPolicy result =
      merged("",
             "[tools]\non_match = \"report\"\non_unclear = \"report\"\nprompts = \"text\"\n"
             "unhooked = true\non_anomaly = \"ignore\"\nexec_rate = 9000\n",
             "[tools]\non_match = \"deny\"\non_unclear = \"ask\"\notherwise = \"ask\"\n"
             "prompts = \"digest\"\nbypass_permissions = false\nunhooked = false\n"
             "on_anomaly = \"report\"\nexec_rate = 50\n");
  const ToolPolicy& tools = result.policy.tools;
  EXPECT_EQ(tools.on_match, ToolMatch::deny);
  EXPECT_EQ(tools.on_unclear, ToolMatch::ask);
  EXPECT_EQ(tools.otherwise, ToolAction::ask);
  EXPECT_EQ(tools.prompts, PromptDetail::digest);
  EXPECT_FALSE(tools.bypass_permissions);
  EXPECT_FALSE(tools.unhooked);
  EXPECT_EQ(tools.on_anomaly, AnomalyResponse::report);
  EXPECT_EQ(tools.exec_rate, 50U);
  const std::string note = "tools.on_match tightened from report to deny";
  EXPECT_NE(std::find(result.tightened.begin(), result.tightened.end(), note),
            result.tightened.end());
}

TEST(MergeTools, AStricterFileStaysStricterThanItsCeiling) {
  const ToolPolicy tools =
      merged("", "[tools]\non_unclear = \"deny\"\notherwise = \"deny\"\ncall_rate = 5\n",
             "[tools]\non_unclear = \"report\"\notherwise = \"allow\"\ncall_rate = 50\n"
             "bypass_permissions = true\nunhooked = true\nprompts = \"text\"\n")
          .policy.tools;
  EXPECT_EQ(tools.on_unclear, ToolMatch::deny);
  EXPECT_EQ(tools.otherwise, ToolAction::deny);
  EXPECT_EQ(tools.call_rate, 5U);
  EXPECT_FALSE(tools.unhooked) << "a ceiling grants nothing";
  EXPECT_EQ(tools.prompts, PromptDetail::digest);
}

}  // namespace
}  // namespace berm
