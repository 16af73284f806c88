#include "rules/tools/decide.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "base/text.h"
#include "policy/merge.h"
#include "policy/parse.h"
#include "rules/tools/packs/pack.h"

namespace berm {
namespace {

const ToolContext kContext = {.workspace = "/workspace/app", .home = "/home/agent"};

ToolPolicy policy_of(std::string_view keys) {
  const std::string text = keys == "default" ? "" : fmt::format("tools = {{ {} }}\n", keys);
  const Result<PolicyLayer> layer = parse_policy(text, "golden");
  EXPECT_TRUE(layer.has_value()) << text << (layer ? "" : layer.error().what);
  if (!layer) return {};
  return merge_policy({{"file", *layer}}, {"ceiling", {}})->policy.tools;
}

ToolRules rules_of(std::string_view keys) {
  Result<ToolRules> rules = ToolRules::compile(policy_of(keys), kContext);
  EXPECT_TRUE(rules.has_value()) << keys;
  return *std::move(rules);
}

ToolCall bash(std::string_view command) {
  return {.tool = "Bash",
          .command = std::string(command),
          .runs_shell = true,
          .paths = {},
          .urls = {},
          .cwd = kContext.workspace,
          .kind = {}};
}

// "@Write /etc/x", "@WebFetch https://…", "@Agent Explore", "@mcp__a__b".
ToolCall call_of(std::string_view text) {
  const std::size_t blank = std::min(text.find(' '), text.size());
  const std::string rest(text.substr(std::min(blank + 1, text.size())));
  ToolCall call{.tool = std::string(text.substr(0, blank)),
                .command = {},
                .runs_shell = false,
                .paths = {},
                .urls = {},
                .cwd = kContext.workspace,
                .kind = {}};
  const bool reads = call.tool == "Read" || call.tool == "Grep";
  if (rest.starts_with('/')) {
    call.paths.push_back({.path = rest, .write = !reads});
  } else if (rest.find("://") != std::string::npos) {
    call.urls.push_back(rest);
  } else {
    call.kind = rest;
  }
  return call;
}

ToolDecision decide_text(const ToolRules& rules, const std::string& text) {
  if (text.starts_with("@exec ")) {
    ExecCall call{.executable = {}, .argv = {}, .cwd = kContext.workspace};
    for (const std::string_view word : split(std::string_view(text).substr(6), ' ')) {
      if (call.executable.empty()) {
        call.executable = word;
      } else {
        call.argv.emplace_back(word);
      }
    }
    return rules.decide(call);
  }
  if (text.starts_with('@')) return rules.decide(call_of(std::string_view(text).substr(1)));
  return rules.decide(bash(text));
}

std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool newline = text.substr(at, 2) == "\\n" && text.find("<<") < at;
    out += newline ? '\n' : text[at];
    at += newline ? 1 : 0;
  }
  return out;
}

struct GoldenLine {
  std::string where, action, rule, text;
};

// The cases of one file; calls `policy` for every line "= keys of [tools]".
template <class Policy, class Case>
void read_golden(const std::filesystem::path& file, Policy policy, Case each) {
  std::ifstream in(file);
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    const std::string where = fmt::format("{}:{}: {}", file.filename().string(), number, line);
    if (line.empty() || line.starts_with('#')) continue;
    if (line.starts_with("= ")) {
      policy(line.substr(2));
      continue;
    }
    const std::size_t first = line.find(" :: ");
    const std::size_t second = line.find(" :: ", first + 4);
    ASSERT_NE(second, std::string::npos) << where;
    each(GoldenLine{where, line.substr(0, first), line.substr(first + 4, second - first - 4),
                    unescaped(std::string_view(line).substr(second + 4))});
  }
}

std::vector<std::filesystem::path> golden_files() {
  std::vector<std::filesystem::path> out;
  const auto folder = std::filesystem::path(BERM_SOURCE_DIR) / "tests/fixtures/tools/golden";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".txt") out.push_back(entry.path());
  }
  std::ranges::sort(out);
  return out;
}

TEST(ToolRules, DecideAsTheGoldenFilesSay) {
  int cases = 0;
  int harmless = 0;
  for (const auto& file : golden_files()) {
    std::optional<ToolRules> rules;
    const bool everyday = file.filename() == "everyday.txt";
    read_golden(
        file, [&](const std::string& keys) { rules = rules_of(keys); },
        [&](const GoldenLine& line) {
          const ToolDecision decision = decide_text(*rules, line.text);
          std::string rule = decision.rule;
          if (rule.empty() && !decision.reported.empty()) rule = decision.reported.front();
          if (rule.empty()) rule = "-";
          EXPECT_EQ(spelling(decision.action), line.action)
              << line.where << "\n  " << decision.rule << "\n  " << decision.reason;
          EXPECT_EQ(rule, line.rule) << line.where;
          ++cases;
          harmless += everyday ? 1 : 0;
        });
  }
  EXPECT_GE(cases, 300);
  EXPECT_GE(harmless, 100);
}

// A rule without a command that it matches is a rule that nobody knows to work.
TEST(ToolRules, EveryRuleOfEveryPackHasAGoldenCase) {
  std::set<std::string> seen;
  for (const auto& file : golden_files()) {
    read_golden(
        file, [](const std::string&) {}, [&](const GoldenLine& line) { seen.insert(line.rule); });
  }
  for (const Pack* pack : all_packs()) {
    const auto check = [&](const auto& rules) {
      for (const auto& rule : rules) {
        const std::string name = fmt::format("pack {}: {}", pack->name, rule.id);
        EXPECT_TRUE(seen.contains(name)) << name;
      }
    };
    check(pack->commands);
    check(pack->writes);
    check(pack->scripts);
  }
}

TEST(ToolRules, EveryPackOfThePolicyIsThere) {
  std::vector<std::string> names;
  for (const ToolPack& pack : tool_packs()) {
    names.emplace_back(pack.name);
    EXPECT_FALSE(pack.about.empty()) << pack.name;
  }
  EXPECT_EQ(names, ToolPolicy{}.packs);
}

TEST(ToolRules, ARefusalSaysWhatWhyAndWhatElse) {
  const ToolRules rules = rules_of("deny = [\"Bash(curl *)\"], on_unclear = \"deny\"");
  EXPECT_EQ(rules.decide(bash("ls && git push --force origin main")).reason,
            "Bash(git push --force origin main) is denied by berm's pack 'git' (a forced push "
            "rewrites history that others have): push without --force, use --force-with-lease on "
            "your own branch, or leave it to the user");
  EXPECT_EQ(rules.decide(bash("curl https://example.com")).reason,
            "Bash(curl https://example.com) is denied by the policy's rule 'Bash(curl *)': do it "
            "another way, or ask the user to change tools.deny");
  EXPECT_EQ(rules.decide(bash("$X")).reason,
            "Bash($X) is denied, because a part of it names a program that is only known when it "
            "runs ('$X'): write the program's name");
}

TEST(ToolRules, AReasonIsOneLineThatNoTerminalActsOn) {
  const ToolRules rules = rules_of("default");
  const ToolDecision decision =
      rules.decide(bash("rm -rf / '\x1b]0;x\x07' '\n' " + std::string(4000, 'a')));
  EXPECT_EQ(decision.action, ToolAction::deny);
  EXPECT_TRUE(decision.reason.find_first_of("\x1b\x07\n") == std::string::npos) << decision.reason;
  EXPECT_LT(decision.reason.size(), 500U);
}

TEST(ToolRules, TheReasonOfARuleReachesTheModel) {
  const ToolRules rules = rules_of(
      R"t(rule = [{ match = "Bash(npm publish *)", action = "deny", reason = "CI publishes" }])t");
  const ToolDecision decision = rules.decide(bash("npm publish"));
  EXPECT_EQ(decision.reason,
            "Bash(npm publish) is denied by the policy's rule 'Bash(npm publish *)': CI publishes");
}

TEST(ToolRules, ARewriteComesWithWhatAllowsAndNotWithARefusal) {
  const ToolRules rules = rules_of(
      R"t(rule = [{ match = "Bash(npm *)", action = "rewrite", rewrite = { timeout = 5 } }, )t"
      R"t({ match = "Bash(npm ci)", action = "rewrite", rewrite = { timeout = 9 } }], )t"
      R"t(ask = ["Bash(npm ci)"], deny = ["Bash(npm publish)"])t");
  EXPECT_EQ(rules.decide(bash("npm test")).rewrite, R"({"timeout":5})");
  EXPECT_EQ(rules.decide(bash("npm ci")).rewrite, R"({"timeout":5})") << "the first one counts";
  EXPECT_EQ(rules.decide(bash("npm ci")).action, ToolAction::ask);
  EXPECT_EQ(rules.decide(bash("npm publish")).rewrite, "");
}

TEST(ToolRules, ABashRuleCoversEveryToolThatRunsShellCommands) {
  const ToolRules rules = rules_of("deny = [\"Bash(curl *)\"]");
  for (const char* tool : {"Monitor", "PowerShell", "run_shell_command", "exec_command"}) {
    ToolCall call = bash("curl https://example.com");
    call.tool = tool;
    EXPECT_EQ(rules.decide(call).action, ToolAction::deny) << tool;
  }
}

TEST(ToolRules, EveryPathOfACallMustBeAllowed) {
  const ToolRules rules = rules_of("otherwise = \"deny\", allow = [\"Edit(/src/**)\"]");
  ToolCall call = call_of("apply_patch /workspace/app/src/a.c");
  EXPECT_EQ(rules.decide(call).action, ToolAction::allow);
  call.paths.push_back({.path = "/workspace/app/ci.yml", .write = true});
  EXPECT_EQ(rules.decide(call).action, ToolAction::deny);
}

TEST(ToolRules, AnEmptyOrAbsentArgvIsNoCrash) {
  const ToolRules rules = rules_of("deny = [\"Bash(* x)\", \"Read(**/.env)\"]");
  EXPECT_EQ(rules.decide(ExecCall{.executable = "/usr/bin/rm", .argv = {}, .cwd = "/"}).action,
            ToolAction::allow);
  EXPECT_EQ(rules.decide(ExecCall{.executable = "", .argv = {""}, .cwd = ""}).action,
            ToolAction::allow);
  EXPECT_EQ(rules.decide(bash("")).action, ToolAction::allow);
}

TEST(ToolRules, APatternOrPackThatIsNoneIsRefused) {
  ToolPolicy policy;
  policy.rules = {{.action = ToolAction::deny, .match = "Bash(", .reason = {}, .rewrite = {}}};
  EXPECT_FALSE(ToolRules::compile(policy, kContext).has_value());
  policy.rules.clear();
  policy.packs = {"gti"};
  EXPECT_FALSE(ToolRules::compile(policy, kContext).has_value());
}

}  // namespace
}  // namespace berm
