// tests/integration/reports_test.cc: reports of real runs, read by other people's programs; and
// what a CI system finds afterwards.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "harness.h"

namespace berm::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class Reports : public testing::TestWithParam<As> {
 protected:
  void SetUp() override { site.write("src/keep.c", "x\n"); }

  // A run that changes, is refused a host, and plants what the guard refuses.
  Finished refused_run(const std::map<std::string, std::string>& env = {},
                       const std::vector<std::string>& options = {}) {
    std::vector<std::string> arguments = {"run", "--allow", "api.example.com:443"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    arguments.insert(arguments.end(),
                     {"--", "sh", "-c",
                      "echo 1 > a.txt; mkdir -p .github/workflows; echo x > "
                      "'.github/workflows/a b|`@team` #1.yml'; curl -sx \"$HTTPS_PROXY\" "
                      "https://evil.example.org/; echo '::error title=x::forged'; env"});
    return site.berm(Invocation{.arguments = arguments, .env = env});
  }
  std::string latest() {
    return json::parse(site.berm({"runs", "--json"}).out)["runs"][0]["directory"];
  }
  // Another reader's verdict on `text`; needs tests/reports/node_modules.
  Finished check(const std::string& form, const std::string& text) {
    const std::string file = site.root() + "/checked." + form;
    std::ofstream(file) << text;
    return run_as(As::root,
                  {"node", std::string(BERM_SOURCE_DIR) + "/tests/reports/check.mjs", form, file},
                  {{"PATH", "/usr/local/bin:/usr/bin:/bin"}}, "/", "");
  }
  Finished check_xml(const std::string& text) {
    return run_as(As::root,
                  {"/usr/bin/python3", "-c",
                   "import sys, xml.etree.ElementTree as e\n"
                   "r = e.fromstring(sys.stdin.buffer.read()); s = r[0]\n"
                   "print(r.tag, s.get('failures') == str(len(s.findall('testcase/failure'))), "
                   "s.get('tests') == str(len(s.findall('testcase'))))"},
                  {}, "/", text);
  }
  static bool has_checkers() {
    return fs::exists(std::string(BERM_SOURCE_DIR) + "/tests/reports/node_modules/ajv");
  }
  std::string slurp(const std::string& path) {
    std::ifstream in(path);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
  }
  // What GitHub's runner gives a step, with files where only it and we can write.
  std::map<std::string, std::string> github() {
    site.shell("mkdir -p ../runner && : > ../runner/summary && : > ../runner/output");
    const std::string runner = fs::path(site.repository()).parent_path().string() + "/runner";
    return {{"GITHUB_ACTIONS", "true"},
            {"GITHUB_STEP_SUMMARY", runner + "/summary"},
            {"GITHUB_OUTPUT", runner + "/output"},
            {"GITHUB_ENV", runner + "/env"},
            {"GITHUB_TOKEN", "not-a-token"},
            {"RUNNER_TEMP", runner}};
  }

  Site site{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(As, Reports, testing::ValuesIn(identities()),
                         [](const auto& suite) { return name_of(suite.param); });

// Every payload in every text that an event may hold: docs/json.md, and any other key.
std::string hostile_record() {
  const std::vector<std::string> payloads = {"PWN @team/security",
                                             "PWN #1 GH-2 octo/repo#3",
                                             "[PWN](https://evil.example)",
                                             "![PWN](https://evil.example/x.png)",
                                             "https://evil.example/PWN www.evil.example",
                                             "a@evil.example PWN",
                                             "<img src=x onerror=PWN>",
                                             "</details><script>PWN</script>",
                                             "&#64;team &lt;PWN&gt;",
                                             "`PWN`",
                                             "`` PWN ` @team",
                                             "```\nPWN",
                                             "a | PWN | b",
                                             "\\| PWN \\\\| @team",
                                             "\nPWN\n# x",
                                             "##[add-mask]PWN",
                                             "::error::PWN",
                                             "]]>PWN<&\"'",
                                             "\x1b[31mPWN\x07",
                                             "PWN\xE2\x80\xAE",
                                             "PWN\xEF\xBF\xBE",
                                             "../../PWN",
                                             "/etc/PWN",
                                             "$`PWN`$",
                                             "[^1]: PWN",
                                             " PWN ",
                                             "PWN\\",
                                             "- [ ] PWN",
                                             "<!-- PWN",
                                             "PWN%0A::error::",
                                             "javascript:PWN"};
  std::string out;
  for (const std::string& p : payloads) {
    const json texts = json::array({p, p, 7});
    const auto say = [&](const char* type, const json& data) {
      out +=
          json{{"type", type}, {"run", p}, {"time", p}, {"hash", p}, {"data", data}}.dump() + "\n";
    };
    say("run.start", {{"argv", texts},
                      {"agent", p},
                      {"repository", p},
                      {"plan_sha256", p},
                      {"base", {{"head", p}}}});
    say("enforcement", {{"layers", json::array({{{"layer", p}, {"strength", p}, {"how", p}}})},
                        {"weaknesses", texts},
                        {"limits", {{p, p}}}});
    say("tool.call", {{"kind", "prompt"}, {"prompt", p}});
    say("tool.call", {{"kind", "before-tool"},
                      {"decision", "deny"},
                      {"tool", p},
                      {"input", p},
                      {"rule", p},
                      {"reason", p}});
    say("exec", {{"decision", "deny"}, {"argv", texts}, {"rule", p}, {"reason", p}});
    say("exec", {{"executable", p}});
    say("net.allowed", {{"host", p}, {"port", 443}});
    say("net.denied", {{"host", p}, {"port", 443}, {"rule", p}, {"reason", p}});
    say("net.attempt", {{"address", p}, {"call", p}, {"executable", p}});
    say("model.usage", {{"model", p}});
    say("limit.hit", {{"limit", p}, {"culprit", p}});
    say("anomaly", {{"what", p}, {"detail", p}});
    say("judge.lost", {{"why", p}});
    say("changes", {{"files", json::array({{{"path", p}, {"kind", p}, {"type", p}}})},
                    {"refs", json::array({{{"name", p}}})},
                    {"sha256", p}});
    say("guard", {{"findings", json::array({{{"rule", p}, {"path", p}, {"message", p}}})}});
    say("import", {{"note", p}, {"failed", p}});
    say("verdict", {{"status", p}, {"exit_code", 1}, {"reasons", texts}});
  }
  return out;
}

TEST_P(Reports, OfARealRunAreReadByOthers) {
  if (!has_checkers()) BERM_SKIP_OR_FAIL("npm install --prefix tests/reports");
  EXPECT_EQ(refused_run().code, 120);
  const std::string markdown = site.berm({"show", "latest", "--markdown"}).out;
  EXPECT_NE(markdown.find("## berm: `guard_refused`"), std::string::npos) << markdown;
  EXPECT_NE(markdown.find("    allow = [\"evil.example.org:443\"]"), std::string::npos) << markdown;
  EXPECT_NE(markdown.find("chain intact"), std::string::npos);
  EXPECT_EQ(check("markdown", markdown).code, 0) << check("markdown", markdown).err;
  const Finished log = site.berm({"show", "latest", "--sarif"});
  EXPECT_EQ(check("sarif", log.out).code, 0) << check("sarif", log.out).err;
  EXPECT_EQ(log.json()["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
                      ["artifactLocation"]["uri"],
            ".github/workflows/a%20b%7C%60%40team%60%20%231.yml");
  const std::string junit = site.berm({"show", "latest", "--junit"}).out;
  EXPECT_EQ(check_xml(junit).out, "testsuites True True\n") << check_xml(junit).err << junit;
}

TEST_P(Reports, OfAHostileRecordHoldNothingButItsText) {
  if (!has_checkers()) BERM_SKIP_OR_FAIL("npm install --prefix tests/reports");
  site.write("hostile.jsonl", hostile_record());
  const std::string file = site.repository() + "/hostile.jsonl";
  for (const char* size : {"1MiB", "64KiB", "16KiB"}) {
    const std::string markdown =
        site.berm({"show", file, "--markdown", "-", "--max-size", size}).out;
    const Finished checked = check("markdown", markdown);
    EXPECT_EQ(checked.code, 0) << checked.err;
    EXPECT_NE(checked.out, "markdown: 0\n");
    EXPECT_NE(markdown.find("NOT INTACT"), std::string::npos);
    EXPECT_EQ(markdown.find("\n::"), std::string::npos);
  }
  EXPECT_EQ(check("sarif", site.berm({"show", file, "--sarif"}).out).code, 0)
      << check("sarif", site.berm({"show", file, "--sarif"}).out).err;
  EXPECT_EQ(check_xml(site.berm({"show", file, "--junit"}).out).out, "testsuites True True\n");
  const Finished across = site.berm({"report", file, "--markdown"});
  EXPECT_EQ(check("markdown", across.out).code, 0) << check("markdown", across.out).err;
}

TEST_P(Reports, GoToAFileAsAWholeAndOneFormAtATime) {
  EXPECT_EQ(site.berm({"run", "--", "true"}).code, 0);
  site.write("out.xml", "old");
  EXPECT_EQ(site.berm({"show", "latest", "--junit", "out.xml"}).code, 0);
  EXPECT_TRUE(site.read("out.xml").starts_with("<?xml"));
  EXPECT_EQ(site.berm({"show", "latest", "--junit", "--sarif"}).code, 2);
  EXPECT_NE(site.berm({"show", "latest", "--sarif", "no/such/place"}).code, 0);
  EXPECT_NE(site.berm({"show", "latest", "--markdown", "-", "--max-size", "10"}).code, 0);
}

TEST_P(Reports, GithubFindsSummaryOutputsAndAnnotations) {
  auto env = github();
  site.shell("echo before > ../runner/summary; echo a=b > ../runner/output");
  const Finished finished = refused_run(env);
  EXPECT_EQ(finished.code, 120) << finished.err;
  const std::string summary = slurp(env["GITHUB_STEP_SUMMARY"]);
  EXPECT_TRUE(summary.starts_with("before\n## berm: `guard_refused`")) << summary;
  const std::string output = slurp(env["GITHUB_OUTPUT"]);
  EXPECT_TRUE(output.starts_with("a=b\nverdict<<berm-")) << output;
  EXPECT_NE(output.find("\n120\n"), std::string::npos);
  EXPECT_NE(output.find(latest() + "/record.jsonl\n"), std::string::npos) << output;
  EXPECT_NE(finished.err.find("\n::error file=.github/workflows/a b|`@team` "
                              "#1.yml,line=1,title=berm guard/protected-file::"),
            std::string::npos)
      << finished.err;
  EXPECT_NE(
      finished.err.find("\n::warning title=berm denied/connection::refused: evil.example.org:443"),
      std::string::npos);
  EXPECT_EQ(finished.out.find("::stop-commands::"), std::string::npos) << "stdout is the agent's";
}

// A line of the agent's is a command to the runner, unless we said otherwise before, with a word
// that nobody inside knows.
TEST_P(Reports, WhatTheAgentPrintsIsNoCommandToGithub) {
  const Finished finished = refused_run(github(), {"--json"});
  const std::size_t stop = finished.err.find("::stop-commands::");
  ASSERT_NE(stop, std::string::npos) << finished.err;
  const std::string token =
      finished.err.substr(stop + 17, finished.err.find('\n', stop) - stop - 17);
  EXPECT_EQ(token.size(), 32U);
  const std::size_t forged = finished.err.find("::error title=x::forged");
  const std::size_t resume = finished.err.find("\n::" + token + "::\n");
  const std::size_t ours = finished.err.find("::error file=");
  EXPECT_LT(stop, forged);
  EXPECT_LT(forged, resume);
  EXPECT_LT(resume, ours);
  EXPECT_NE(ours, std::string::npos);
  EXPECT_TRUE(finished.json().is_object());
}

TEST_P(Reports, TheAgentHasNeitherTheFilesNorTheVariablesOfTheRunner) {
  auto env = github();
  env["GITLAB_CI_TOKEN"] = env["CI_JOB_TOKEN"] = "not-a-token";
  const Finished finished = refused_run(env);
  EXPECT_NE(finished.out.find("HTTPS_PROXY="), std::string::npos) << "env did not run";
  for (const char* name : {"GITHUB_", "RUNNER_", "CI_JOB_TOKEN", "GITLAB_"}) {
    EXPECT_EQ(finished.out.find(name), std::string::npos) << name << finished.out;
  }
  // Told the paths by name: they are not there.
  const std::string path = env["GITHUB_OUTPUT"];
  site.shell(": > " + path + "; echo control >> " + path);
  const Finished told = site.berm(Invocation{
      .arguments =
          {"run", "--ci-report", "off", "--env", "GITHUB_OUTPUT", "--", "sh", "-c",
           "echo \"$GITHUB_OUTPUT\"; echo forged >> \"$GITHUB_OUTPUT\"; cat \"$GITHUB_OUTPUT\""},
      .env = env});
  EXPECT_NE(told.out.find(path), std::string::npos);
  EXPECT_EQ(slurp(path), "control\n");
  EXPECT_EQ(told.out.find("control"), std::string::npos);
}

TEST_P(Reports, CiReportOffAndOtherSystemsWriteNothing) {
  auto env = github();
  const Finished off = refused_run(env, {"--ci-report", "off"});
  EXPECT_EQ(slurp(env["GITHUB_STEP_SUMMARY"]) + slurp(env["GITHUB_OUTPUT"]), "");
  EXPECT_EQ(off.err.find("::"), std::string::npos) << off.err;
  env["GITHUB_ACTIONS"] = "1";
  refused_run(env);
  EXPECT_EQ(slurp(env["GITHUB_STEP_SUMMARY"]) + slurp(env["GITHUB_OUTPUT"]), "");
  EXPECT_FALSE(site.has("berm-report"));
  EXPECT_EQ(site.berm({"run", "--ci-report", "no", "--", "true"}).code, 2);
}

TEST_P(Reports, WhatCannotBeWrittenIsAWarningAndNoOtherVerdict) {
  auto env = github();
  site.shell("ln -s /etc/passwd ../runner/link; mkfifo ../runner/fifo");
  const std::string runner = env["RUNNER_TEMP"];
  const std::string passwd = slurp("/etc/passwd");
  for (const std::string bad : {"/link", "/fifo", "/no/such/place", ""}) {
    env["GITHUB_STEP_SUMMARY"] = runner + bad;
    const Finished finished = site.berm(Invocation{.arguments = {"run", "--", "true"}, .env = env});
    EXPECT_EQ(finished.code, 0) << bad;
    EXPECT_NE(finished.err.find("berm: warning: "), std::string::npos) << bad << finished.err;
  }
  EXPECT_EQ(slurp("/etc/passwd"), passwd);
  site.shell("head -c 1048000 /dev/zero > ../runner/full");
  env["GITHUB_STEP_SUMMARY"] = runner + "/full";
  const Finished full = site.berm(Invocation{.arguments = {"run", "--", "true"}, .env = env});
  EXPECT_EQ(full.code, 0);
  EXPECT_NE(full.err.find("it is full"), std::string::npos) << full.err;
}

TEST_P(Reports, GitlabFindsItsArtifactsAndACollapsedSection) {
  const std::map<std::string, std::string> env = {{"GITLAB_CI", "true"},
                                                  {"CI_PROJECT_DIR", site.repository()}};
  const Finished finished = refused_run(env);
  EXPECT_EQ(finished.code, 120);
  EXPECT_EQ(check_xml(site.read("berm-report/junit.xml")).out, "testsuites True True\n");
  EXPECT_TRUE(site.read("berm-report/report.md").starts_with("## berm: `guard_refused`"));
  const json quality =
      json::parse(site.read("berm-report/gl-code-quality-report.json"), nullptr, false);
  ASSERT_GE(quality.size(), 2U);
  for (const json& one : quality) {
    for (const char* key : {"description", "check_name", "fingerprint", "severity", "location"}) {
      EXPECT_TRUE(one.contains(key)) << key;
    }
    EXPECT_TRUE(one["location"]["lines"]["begin"].is_number());
  }
  EXPECT_NE(finished.err.find("berm_run[collapsed=true]\r"), std::string::npos);
  EXPECT_NE(finished.err.find(":berm_run\r"), std::string::npos);
  EXPECT_EQ(site.shell(
                "ls berm-report | sort | tr '\\n' ' '; ls -A berm-report | grep -c '^\\.' || true"),
            "gl-code-quality-report.json junit.xml report.md 0\n");
  EXPECT_EQ(refused_run(env).code, 120) << "a second time over the first";
}

// The branch, or an agent in mode "direct", brings a link of our directory's name.
TEST_P(Reports, ALinkInTheRepositoryDoesNotLeadTheReportElsewhere) {
  site.shell(
      "mkdir ../elsewhere; echo old > ../elsewhere/junit.xml; ln -s ../elsewhere berm-report");
  const std::map<std::string, std::string> env = {{"GITLAB_CI", "true"},
                                                  {"CI_PROJECT_DIR", site.repository()}};
  const Finished finished = site.berm(Invocation{.arguments = {"run", "--", "true"}, .env = env});
  EXPECT_EQ(finished.code, 0);
  EXPECT_NE(finished.err.find("berm: warning: "), std::string::npos) << finished.err;
  EXPECT_EQ(site.shell("cat ../elsewhere/*"), "old\n");
  site.shell(
      "rm berm-report; mkdir berm-report; echo secret > ../secret; ln -s ../../secret "
      "berm-report/junit.xml");
  EXPECT_EQ(site.berm(Invocation{.arguments = {"run", "--", "true"}, .env = env}).code, 0);
  EXPECT_EQ(site.shell("cat ../secret"), "secret\n");
  EXPECT_TRUE(site.read("berm-report/junit.xml").starts_with("<?xml"));
}

TEST_P(Reports, AcrossRunsNameWhatNoRunNeededAndWhatIsBroken) {
  EXPECT_EQ(refused_run().code, 120);
  EXPECT_EQ(site.berm({"run", "--allow", "api.example.com:443", "--write", "src/**", "--write",
                       "doc/**", "--", "sh", "-c", "echo > src/b.c"})
                .code,
            0);
  const std::string whole = latest();
  site.shell(
      "mkdir -p ../all/cut ../all/junk && head -n 3 " + whole +
      "/record.jsonl > ../all/cut/record.jsonl && "
      "head -c 3000000 /dev/urandom > ../all/junk/record.jsonl && mkfifo ../all/fifo.jsonl && cp " +
      whole + "/record.jsonl ../all/good.jsonl");
  const json here = json::parse(site.berm({"report", "--json"}).out, nullptr, false);
  EXPECT_EQ(here["schema"], "berm.report/1");
  EXPECT_EQ(here["runs"], 2);
  EXPECT_EQ(here["verdicts"], (json{{"guard_refused", 1}, {"success", 1}}));
  EXPECT_EQ(here["denied"]["hosts"], (json{{"evil.example.org:443", 1}}));
  EXPECT_EQ(here["grants"]["network"],
            (json::array({{{"grant", "api.example.com:443"}, {"runs", 2}, {"needed", 0}}})));
  EXPECT_EQ(here["broken"], json::array());
  const std::string proposal = here["proposal"];
  EXPECT_EQ(proposal.find("api.example.com"), std::string::npos) << proposal;
  EXPECT_EQ(proposal.find("doc/**"), std::string::npos) << proposal;
  site.write("proposal.toml", proposal);
  EXPECT_EQ(site.berm({"plan", "--policy", "proposal.toml", "--", "true"}).code, 0) << proposal;

  const Finished mixed = site.berm({"report", site.root() + "/all", "--json"});
  EXPECT_EQ(mixed.code, 0) << mixed.err;
  std::string broken;
  const json told = mixed.json();
  for (const json& one : told["broken"])
    broken += one["record"].get<std::string>() + ": " + one["why"].get<std::string>() + "\n";
  EXPECT_NE(broken.find("/cut/record.jsonl: has no end"), std::string::npos) << broken;
  EXPECT_NE(broken.find("/junk/record.jsonl: "), std::string::npos) << broken;
  EXPECT_NE(broken.find("/fifo.jsonl: "), std::string::npos) << broken;
  EXPECT_EQ(broken.find("/good.jsonl"), std::string::npos) << broken;

  EXPECT_EQ(json::parse(site.berm({"report", "--since", "7d", "--json"}).out)["runs"], 2);
  EXPECT_EQ(json::parse(site.berm({"report", "--since", "2999-01-01", "--json"}).out)["runs"], 0);
  EXPECT_EQ(site.berm({"report", "--since", "soon"}).code, 2);
  EXPECT_EQ(site.berm({"report", "/no/such/place"}).code, 2);
  EXPECT_NE(
      site.berm({"report"}).out.find("network grants that no run needed\n    api.example.com:443"),
      std::string::npos);
}

}  // namespace
}  // namespace berm::test
