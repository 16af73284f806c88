// SARIF, JUnit, code quality, workflow commands: the same findings for different readers.
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "base/text.h"
#include "report/ci_text.h"
#include "report/junit.h"
#include "report/report_test_support.h"
#include "report/sarif.h"
#include "report/violations.h"

namespace berm::report {
namespace {

using nlohmann::json;

RunFacts refused_run() {
  FactsCollector c;
  c.add({{"type", "run.start"},
         {"run", "r-1"},
         {"time", "2026-11-23T01:37:30.132637889Z"},
         {"data", {{"agent", "claude"}, {"berm", "0.1.0"}}}});
  c.add({{"type", "enforcement"},
         {"data",
          {{"layers",
            {{{"layer", "network"}, {"strength", "kernel"}, {"how", "namespace"}},
             {{"layer", "syscalls"}, {"strength", "absent"}, {"how", "no seccomp"}}}}}}});
  c.add(
      {{"type", "net.denied"},
       {"data",
        {{"host", "evil.example"}, {"port", 443U}, {"rule", "network.allow"}, {"reason", "no"}}}});
  c.add({{"type", "guard"},
         {"data",
          {{"findings",
            {{{"rule", "hidden-unicode"},
              {"path", "src/a b#é.c"},
              {"message", "line 12 holds U+202E"},
              {"severity", "refuse"}},
             {{"rule", "too-many-files"},
              {"path", ""},
              {"message", "700 files"},
              {"severity", "report"}}}}}}});
  c.add({{"type", "limit.hit"}, {"data", {{"limit", "memory"}, {"culprit", "node (pid 17)"}}}});
  c.add({{"type", "verdict"},
         {"data", {{"status", "guard_refused"}, {"exit_code", 120}, {"reasons", {"because"}}}}});
  return c.take({.events = 6, .problems = 0, .first_problem = {}, .head = "ab", .complete = true});
}

TEST(Violations, ErrorsMadeTheVerdictAndRefusedActsAreWarnings) {
  std::map<std::string, Level> levels;
  for (const Violation& v : violations_of(refused_run())) levels[v.rule] = v.level;
  EXPECT_EQ(levels, (std::map<std::string, Level>{{"guard/hidden-unicode", Level::error},
                                                  {"guard/too-many-files", Level::note},
                                                  {"limit/memory", Level::error},
                                                  {"denied/connection", Level::warning}}));
  RunFacts failed;
  failed.status = "setup_failed";
  failed.integrity = {.events = 1, .complete = true};
  ASSERT_EQ(violations_of(failed).size(), 1U);
  EXPECT_EQ(violations_of(failed)[0].rule, "verdict/setup_failed");
  failed.status = "success";
  EXPECT_TRUE(violations_of(failed).empty());
}

TEST(Violations, AFingerprintIsOfTheWholeFinding) {
  const Violation one{.rule = "guard/a", .message = "m", .path = "p"};
  EXPECT_EQ(fingerprint(one),
            fingerprint({.rule = "guard/a", .message = "m", .path = "p", .line = 7, .times = 9}));
  EXPECT_NE(fingerprint(one), fingerprint({.rule = "guard/a", .message = "m", .path = "q"}));
  EXPECT_NE(fingerprint({.rule = "ab", .message = "", .path = "c"}),
            fingerprint({.rule = "a", .message = "", .path = "bc"}));
}

TEST(Violations, APathIsAUriBelowTheRepositoryOrNone) {
  EXPECT_EQ(relative_uri("src/a b#é.c"), "src/a%20b%23%C3%A9.c");
  EXPECT_EQ(relative_uri("javascript:x"), "javascript%3Ax");
  for (const char* bad : {"", "/etc/passwd", "a/../../b", "..", "a//b", "./a"}) {
    EXPECT_EQ(relative_uri(bad), "") << bad;
  }
}

TEST(Sarif, PlacesFindingsInFilesAndEverythingElseAtThePolicyWithAName) {
  const json log = sarif(refused_run());
  const json& run = log["runs"][0];
  EXPECT_EQ(log["version"], "2.1.0");
  EXPECT_EQ(run["invocations"][0]["exitCode"], 120);
  EXPECT_EQ(run["invocations"][0]["startTimeUtc"], "2026-11-23T01:37:30Z");
  const json& file = run["results"][0]["locations"][0];
  EXPECT_EQ(file["physicalLocation"]["artifactLocation"]["uri"], "src/a%20b%23%C3%A9.c");
  EXPECT_EQ(file["physicalLocation"]["region"]["startLine"], 12);
  EXPECT_FALSE(file.contains("logicalLocations"));
  for (const json& result : run["results"]) {
    EXPECT_EQ(run["tool"]["driver"]["rules"][result["ruleIndex"].get<std::size_t>()]["id"],
              result["ruleId"]);
    if (result["ruleId"] != "denied/connection") continue;
    EXPECT_EQ(result["level"], "warning");
    EXPECT_EQ(result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"],
              "connection/evil.example:443");
    EXPECT_EQ(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "berm.toml");
  }
}

TEST(Sarif, HostileTextStaysTextInEveryField) {
  const std::regex id("[a-z0-9._-]+/[a-z0-9._-]+");
  const std::regex uri("([A-Za-z0-9._~-]|%[0-9A-F]{2})+(/([A-Za-z0-9._~-]|%[0-9A-F]{2})+)*");
  for (const std::string& payload : payloads()) {
    const json log = sarif(hostile_facts(payload));
    const std::string text = log.dump();  // throws for what is no UTF-8
    EXPECT_NE(text.find(kMark), std::string::npos);
    const json& run = log["runs"][0];
    ASSERT_GE(run["results"].size(), 8U);
    std::set<std::string> ids;
    for (const json& rule : run["tool"]["driver"]["rules"]) {
      EXPECT_TRUE(std::regex_match(rule["id"].get<std::string>(), id)) << rule;
      EXPECT_TRUE(ids.insert(rule["id"]).second);
    }
    for (const json& result : run["results"]) {
      const std::string place =
          result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
      EXPECT_TRUE(std::regex_match(place, uri)) << place;
      EXPECT_EQ(place.find(".."), std::string::npos) << place;
      EXPECT_EQ(result["partialFingerprints"]["bermFinding/v1"].get<std::string>().size(), 64U);
    }
  }
}

TEST(JUnit, FailsForWhatMadeTheVerdictOnly) {
  const std::string text = junit(refused_run());
  const auto result_of = [&](const std::string& name) {
    const std::size_t at = text.find("name=\"" + name + "\"");
    return at == std::string::npos ? "absent" : text.substr(at, text.find("<testcase", at) - at);
  };
  EXPECT_NE(result_of("hidden-unicode").find("<failure"), std::string::npos);
  EXPECT_EQ(result_of("too-many-files").find("<failure"), std::string::npos);
  EXPECT_NE(result_of("limits are kept").find("memory"), std::string::npos);
  EXPECT_NE(result_of("hosts that nothing grants are not reached")
                .find("<system-out>refused: evil.example:443"),
            std::string::npos);
  EXPECT_NE(result_of("syscalls").find("<skipped"), std::string::npos);
  EXPECT_NE(result_of("protected-file").find("/>"), std::string::npos)
      << "a rule that found nothing is a case too";
  EXPECT_NE(text.find("failures=\"3\""), std::string::npos) << text;
}

TEST(JUnit, HoldsNothingThatXmlCannot) {
  EXPECT_EQ(xml("a<b>&\"'\n"), "a&lt;b&gt;&amp;&quot;&apos;\n");
  EXPECT_EQ(xml(std::string_view("a\0b\x1b\xEF\xBF\xBE\xFF", 8)),
            "a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  const std::regex tag(
      "</?(testsuites?|testcase|failure|skipped|system-out|properties|property)( "
      "[a-z]+=\"[^\"<]*\")*/?>|<\\?xml [^>]*\\?>");
  for (const std::string& payload : payloads()) {
    const std::string text = junit(hostile_facts(payload));
    EXPECT_NE(text.find(kMark), std::string::npos);
    for (std::size_t at = text.find('<'); at != std::string::npos; at = text.find('<', at + 1)) {
      const std::size_t end = text.find('>', at);
      ASSERT_NE(end, std::string::npos);
      EXPECT_TRUE(std::regex_match(text.substr(at, end - at + 1), tag)) << text.substr(at, 200);
    }
  }
}

TEST(WorkflowCommands, AreEscapedAsTheToolkitDoes) {
  EXPECT_EQ(workflow_command("error", {{"file", "a,b:c%\n"}, {"title", "t"}}, "100%\r\n::x: a,b"),
            "::error file=a%2Cb%3Ac%25%0A,title=t::100%25%0D%0A::x: a,b\n");
}

TEST(WorkflowCommands, AnAnnotationIsOneLineWhateverTheAgentNamed) {
  const std::regex line(
      "::(error|warning|notice) ([a-z]+=[^:,\\r\\n]*)(,[a-z]+=[^:,\\r\\n]*)*::[^\\r\\n]*");
  for (const std::string& payload : payloads()) {
    const std::string text = github_annotations(hostile_facts(payload));
    EXPECT_NE(text.find(kMark), std::string::npos);
    for (const std::string_view one : split(text, '\n')) {
      if (!one.empty()) {
        EXPECT_TRUE(std::regex_match(std::string(one), line)) << one;
      }
    }
  }
  RunFacts many;
  for (int i = 0; i < 100; ++i)
    many.denials.push_back({.kind = "connection", .what = std::to_string(i), .times = 1});
  EXPECT_LE(split(github_annotations(many), '\n').size(), 12U);
}

TEST(WorkflowCommands, AnOutputEndsAtItsOwnDelimiterOnly) {
  for (const std::string& payload : payloads()) {
    RunFacts facts = hostile_facts(payload);
    const std::string text = github_outputs(facts, "/state/record.jsonl", "berm-00");
    std::map<std::string, std::string> read;
    std::string name;
    for (const std::string_view line : split(text, '\n')) {
      const std::size_t mark = line.find("<<berm-00");
      if (name.empty() && mark != std::string_view::npos) {
        name = line.substr(0, mark);
      } else if (line == "berm-00") {
        name.clear();
      } else if (!name.empty()) {
        read[name] += line;
      }
    }
    EXPECT_EQ(read.size(), 4U) << text;
    EXPECT_EQ(read["exit-code"], "120");
    EXPECT_EQ(read["record"], "/state/record.jsonl");
  }
}

TEST(CodeQuality, NamesARelativePathAndALineForEveryFinding) {
  const json report = code_quality(refused_run());
  ASSERT_EQ(report.size(), 4U);
  EXPECT_EQ(report[0]["location"], (json{{"path", "src/a b#é.c"}, {"lines", {{"begin", 12}}}}));
  EXPECT_EQ(report[0]["severity"], "critical");
  for (const std::string& payload : payloads()) {
    for (const json& one : code_quality(hostile_facts(payload))) {
      const std::string path = one["location"]["path"];
      EXPECT_NE(relative_uri(path), "") << path;
      EXPECT_FALSE(one.dump(-1, ' ', false, json::error_handler_t::replace).empty());
    }
  }
}

TEST(GitlabSections, HaveTheFormOfTheRunner) {
  EXPECT_EQ(gitlab_section_start(7, "a", "t"),
            "\x1b[0Ksection_start:7:a[collapsed=true]\r\x1b[0Kt\n");
  EXPECT_EQ(gitlab_section_end(9, "a"), "\x1b[0Ksection_end:9:a\r\x1b[0K\n");
}

}  // namespace
}  // namespace berm::report
