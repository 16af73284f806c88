// tests/tools/exec_test.cc: what is started inside: seen, recorded, refused.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "harness.h"

namespace berm::test {
namespace {

using nlohmann::json;

class Exec : public testing::TestWithParam<As> {
 protected:
  Exec() {
    std::filesystem::copy_file(std::string(BERM_BINARY_DIR) + "/exec-probe",
                               site.repository() + "/probe");
  }
  // Runs a script inside; the output is what it printed.
  std::string inside(const std::string& script, const std::string& denied = "") {
    finished =
        with_tools(denied.empty() ? "" : "deny = [\"" + denied + "\"]\n", {"sh", "-c", script});
    return finished.out;
  }
  Finished with_tools(const std::string& tools, const std::vector<std::string>& command,
                      const std::string& verb = "run") {
    std::ofstream(site.root() + "/policy.toml") << "version = 1\n[tools]\n" << tools;
    std::vector<std::string> arguments = {verb, "--policy", site.root() + "/policy.toml", "--"};
    arguments.insert(arguments.end(), command.begin(), command.end());
    return site.berm(arguments);
  }
  // Every event `exec` of the last run.
  std::vector<json> execs() const { return events("exec"); }
  std::vector<json> events(const std::string& type) const {
    const json runs = site.berm({"runs", "--json"}).json();
    std::ifstream file(runs["runs"][0]["directory"].get<std::string>() + "/record.jsonl");
    std::vector<json> out;
    for (std::string line; std::getline(file, line);) {
      const json event = json::parse(line, nullptr, false);
      if (event["type"] == type) out.push_back(event["data"]);
    }
    return out;
  }
  // The events about an executable, as the record names it.
  std::vector<json> execs_of(const std::string& executable) const {
    std::vector<json> out;
    for (const json& exec : execs()) {
      if (exec["executable"] == executable) out.push_back(exec);
    }
    return out;
  }
  // Where the agent sees the workspace: in the process tier not where the repository is.
  std::string workspace() const { return execs()[0]["cwd"]; }
  std::string sha256(const std::string& path) const {
    return site.shell("sha256sum " + path).substr(0, 64);
  }

  Site site{GetParam()};
  Finished finished;
};
INSTANTIATE_TEST_SUITE_P(As, Exec, testing::ValuesIn(identities()),
                         [](const auto& suite) { return name_of(suite.param); });

TEST_P(Exec, IsRecordedWithPathArgumentsAndDigest) {
  inside("cd src && /bin/cat main.c 'two words' '\x1b[31m' && env true");
  const std::vector<json> cats = execs_of("/usr/bin/cat");
  ASSERT_EQ(cats.size(), 1U);
  EXPECT_EQ(cats[0]["argv"], json({"/bin/cat", "main.c", "two words", "\\e[31m"}));
  EXPECT_EQ(cats[0]["argv_left_out"], 0);
  EXPECT_EQ(cats[0]["cwd"], workspace() + "/src");
  EXPECT_EQ(cats[0]["object"]["sha256"], sha256("/usr/bin/cat"));
  EXPECT_EQ(cats[0]["decision"], "allow");
  const std::vector<json> all = execs();
  EXPECT_EQ(all[0]["argv"][0], "sh") << "the first one is the agent itself";
  EXPECT_EQ(cats[0]["ppid"], all[0]["pid"]) << "started by the shell";
  EXPECT_EQ(site.berm({"verify"}).code, 0);
}

TEST_P(Exec, WhatTheAgentBuiltHasTheDigestOfEachVersion) {
  inside(
      "for i in 1 2 3; do cp /usr/bin/true made; echo $i >> made; ./made; done; cp made /tmp/made; "
      "/tmp/made; echo x >> /tmp/made; /tmp/made; sha256sum made /tmp/made");
  const std::vector<json> made = execs_of(site.repository() + "/made");
  const std::vector<json> in_tmp = execs_of("/tmp/made");
  ASSERT_EQ(made.size(), 3U);
  ASSERT_EQ(in_tmp.size(), 2U);
  std::set<std::string> digests;
  for (const json& one : made) digests.insert(one["object"]["sha256"].get<std::string>());
  EXPECT_EQ(digests.size(), 3U) << "rewritten within the same second, and seen";
  EXPECT_EQ(in_tmp[0]["object"]["sha256"], made[2]["object"]["sha256"]);
  EXPECT_EQ(made[2]["object"]["sha256"], finished.out.substr(0, 64));
  EXPECT_EQ(in_tmp[1]["object"]["sha256"], finished.out.substr(finished.out.find('\n') + 1, 64));
}

TEST_P(Exec, ARefusedProgramNeverRunsWhateverWayItIsStarted) {
  const std::string ways = "./probe ways /usr/bin/id > out; cat out";
  const std::string allowed = inside(ways);
  std::istringstream control(allowed);
  std::vector<std::string> names;
  for (std::string line; std::getline(control, line);) {
    EXPECT_NE(line.find(" ran "), std::string::npos) << "positive control: " << line;
    names.push_back(line.substr(0, line.find(' ')));
  }
  EXPECT_EQ(names.size(), 13U) << allowed;
  const std::string refused = inside(ways, "Exec(/usr/bin/id)");
  for (const std::string& name : names) {
    EXPECT_NE(("\n" + refused).find("\n" + name + " EPERM\n"), std::string::npos)
        << name << " in:\n"
        << refused;
  }
  std::size_t denied = 0;
  for (const json& exec : execs()) {
    if (exec["decision"] != "deny") continue;
    ++denied;
    EXPECT_EQ(exec["rule"], "tools.deny Exec(/usr/bin/id)") << "refused by the rule, not by chance";
    const bool script = exec["executable"] == workspace() + "/script";
    EXPECT_TRUE(script ? exec["interpreters"][0] == "/usr/bin/id"
                       : exec["executable"] == "/usr/bin/id")
        << exec.dump();
  }
  EXPECT_EQ(denied, names.size());
}

TEST_P(Exec, ArgumentsAreSeenByTheRules) {
  EXPECT_EQ(inside("/bin/echo one; /bin/echo force-push; echo $?", "Exec(echo force-push)"),
            "one\n126\n");
  const std::vector<json> echos = execs_of("/usr/bin/echo");
  ASSERT_EQ(echos.size(), 2U);
  EXPECT_EQ(echos[1]["decision"], "deny");
  EXPECT_EQ(echos[1]["argv"], json({"/bin/echo", "force-push"}));
}

TEST_P(Exec, ArgumentsThatAreTooManyToBeJudgedAreRefusedWhereRulesSpeakOfThem) {
  const std::string padded =
      "i=0; while [ $i -lt 200 ]; do set -- \"$@\" -c a.b=c; i=$((i+1)); done; git \"$@\" version "
      ">/dev/null; echo $?";
  EXPECT_EQ(inside("git version >/dev/null; echo $?", "Exec(git * push --force)"), "0\n")
      << "positive control";
  EXPECT_EQ(inside(padded, "Exec(git * push --force)"), "126\n") << finished.err;
  EXPECT_EQ(inside("i=0; while [ $i -lt 300 ]; do set -- \"$@\" f; i=$((i+1)); done; echo \"$@\" | "
                   "/usr/bin/xargs /usr/bin/touch; echo $?"),
            "0\n");
}

TEST_P(Exec, AForbiddenArgumentBehindHundredsOfHarmlessOnesIsStillRefused) {
  const auto behind = [](int harmless) {
    return "i=0; while [ $i -lt " + std::to_string(harmless) +
           " ]; do set -- \"$@\" -c a.b=c; i=$((i+1)); done; git \"$@\" push --force "
           "2>/dev/null; echo $?";
  };
  const std::string rule = "Exec(git * push --force)";
  const std::string no_packs = "packs = []\n";
  const Finished control = with_tools(no_packs, {"sh", "-c", behind(300)});
  EXPECT_EQ(control.out, "128\n") << "positive control: git itself, there is no remote";
  for (const int harmless : {3, 60, 150, 300}) {
    const Finished refused =
        with_tools(no_packs + "deny = [\"" + rule + "\"]\n", {"sh", "-c", behind(harmless)});
    EXPECT_EQ(refused.out, "126\n") << harmless << refused.err;
    const std::vector<json> gits = execs_of("/usr/bin/git");
    ASSERT_FALSE(gits.empty());
    for (const json& one : gits) EXPECT_EQ(one["decision"], "deny");  // sh tries /bin as well
    // What cannot be looked at to its end is refused as such.
    EXPECT_EQ(gits[0]["rule"], harmless <= 60 ? "tools.deny " + rule : "exec") << harmless;
  }
}

TEST_P(Exec, WhatWouldHaveToBeAskedAboutIsRefusedAtExecve) {
  EXPECT_EQ(with_tools("ask = [\"Exec(/usr/bin/id)\", \"Bash(uname)\"]\n",
                       {"sh", "-c", "id; echo $?; uname; echo $?; nproc >/dev/null; echo $?"})
                .out,
            "126\n126\n0\n");
  const std::vector<json> ids = execs_of("/usr/bin/id");
  ASSERT_FALSE(ids.empty());
  EXPECT_EQ(ids[0]["rule"], "tools.ask Exec(/usr/bin/id)");
  EXPECT_NE(ids[0]["decision"], "allow");
}

TEST_P(Exec, AGiantFileThatIsNoProgramIsNotReadThrough) {
  // Sparse: it costs who makes it nothing, and who digests it half a second each time.
  const Finished done =
      with_tools("", {"/usr/bin/python3", "-c",
                      "import errno, os\n"
                      "def make(name, head, size):\n"
                      "    with open(name, 'wb') as file:\n"
                      "        file.write(head); file.truncate(size)\n"
                      "    os.chmod(name, 0o755)\n"
                      "make('zeros', b'', 500 << 20); make('elf', b'\\x7fELF', 600 << 20)\n"
                      "for name in ['zeros'] * 20 + ['elf'] * 20:\n"
                      "    os.utime(name)\n"  // another content, as far as can be known
                      "    try: os.execv('./' + name, [name])\n"
                      "    except OSError as error: print(errno.errorcode[error.errno])\n"
                      "os.unlink('zeros'); os.unlink('elf')\n"});
  std::string expected;
  for (int i = 0; i < 40; ++i) expected += "ENOEXEC\n";
  EXPECT_EQ(done.out, expected) << done.err;
  const struct {
    const char* name;
    const char* why;
  } kGiants[] = {{"/zeros", "no program and no script"}, {"/elf", "larger than 512 MiB"}};
  for (const auto& [name, why] : kGiants) {
    const std::vector<json> tried = execs_of(site.repository() + name);
    EXPECT_EQ(tried.size(), 20U) << name;
    for (const json& one : tried) {
      EXPECT_EQ(one["object"].value("undigested", ""), why) << one.dump();
      EXPECT_TRUE(one["object"]["sha256"].is_null()) << one.dump();
    }
  }
}

TEST_P(Exec, ARefusedAgentIsToldWithTheReason) {
  const Finished refused = with_tools(
      "[[tools.rule]]\nmatch = \"Exec(/usr/bin/id)\"\naction = \"deny\"\nreason = \"no names\"\n",
      {"id"});
  EXPECT_EQ(refused.code, 126);
  EXPECT_NE(refused.err.find("no names"), std::string::npos) << refused.err;
}

TEST_P(Exec, AnInMemoryProgramIsRecordedWithItsDigest) {
  EXPECT_EQ(inside("./probe memory /usr/bin/true"), "memory ran 0\n") << finished.err;
  const std::vector<json> all = execs_of("/memfd:copied (deleted)");
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0]["object"]["sha256"], sha256("/usr/bin/true"));
  EXPECT_EQ(all[0]["argv"], json({"from-memory"}));
}

TEST_P(Exec, OddCallsEndAsTheKernelEndsThem) {
  // The same program outside is what must come out inside.
  const std::string outside = site.shell("./probe odd; rm -f fifo");
  EXPECT_EQ(inside("./probe odd"), outside) << finished.err;
  for (const json& exec : execs()) EXPECT_EQ(exec["decision"], "allow") << exec.dump();
  const std::vector<json> many = execs_of("/usr/bin/true");
  ASSERT_GE(many.size(), 4U);
  const json& last = many.back();
  EXPECT_EQ(last["argv"].size(), 32U);
  EXPECT_EQ(last["argv_left_out"], 224) << "of the 256 that are read";
  EXPECT_EQ(last["argv_more"], true);
}

TEST_P(Exec, WhatOnlyTheKernelCanReadDoesNotRun) {
  const std::string outside = site.shell("./probe hidden /usr/bin/true");
  if (outside != "secret ran 0\n") BERM_SKIP_OR_FAIL("no memfd_secret(2) here: " << outside);
  EXPECT_EQ(inside("./probe hidden /usr/bin/true"), "secret EFAULT\n");
  EXPECT_TRUE(execs_of("/usr/bin/true").empty());
}

TEST_P(Exec, AProcessThatChangesItsArgumentsMeanwhileHarmsNobody) {
  EXPECT_EQ(inside("timeout 60 ./probe race 500"), "raced 1\n") << finished.err;
  EXPECT_EQ(site.berm({"verify"}).code, 0);
}

TEST_P(Exec, AStormLosesNothing) {
  EXPECT_EQ(inside("for i in 1 2 3; do ./probe storm 200 /usr/bin/true; done"),
            "stormed 200\nstormed 200\nstormed 200\n")
      << finished.err;
  const std::vector<json> all = execs_of("/usr/bin/true");
  EXPECT_EQ(all.size(), 600U);
  std::set<std::string> numbers;
  for (const json& exec : all) numbers.insert(exec["argv"][1].get<std::string>());
  EXPECT_EQ(numbers.size(), 200U);
}

TEST_P(Exec, TheAgentsEndInTheMiddleOfAStormEndsTheRun) {
  inside(
      "(while :; do ./probe exit; done) & (while :; do ./probe exit; done) & (while :; do ./probe "
      "exit; done) & timeout 0.5 sh -c 'while :; do ./probe exit; done'; exit 3");
  EXPECT_EQ(finished.code, 3) << finished.err;
  EXPECT_GT(execs_of(site.repository() + "/probe").size(), 3U);
  EXPECT_EQ(site.berm({"verify"}).code, 0);
}

TEST_P(Exec, ATimeLimitEndsAStorm) {
  const Finished ended = site.berm(
      {"run", "--time", "1s", "--", "sh", "-c", "while :; do ./probe exit & ./probe exit; done"});
  EXPECT_EQ(ended.code, 124) << ended.err;
  EXPECT_EQ(site.berm({"verify"}).code, 0);
}

TEST_P(Exec, ProgramsThatThePolicyTakesAwayCannotBeStarted) {
  const std::string script =
      "/usr/bin/id; echo $?; /bin/id; echo $?; cat /usr/bin/id || echo unreadable; /usr/bin/awk "
      "'BEGIN{}'; echo $?; chmod 755 /usr/bin/id || echo fixed; ls >/dev/null; echo $?";
  const Finished without =
      site.berm({"run", "--", "sh", "-c", "id >/dev/null && awk 'BEGIN{}' && echo both"});
  EXPECT_EQ(without.out, "both\n") << "positive control";
  // awk is a link to another name, /bin a link to a directory, the third is not there.
  const Finished with =
      with_tools("programs_absent = [\"id\", \"/usr/bin/awk\", \"no-such-program-here\"]\n",
                 {"sh", "-c", script});
  EXPECT_EQ(with.out, "126\n126\nunreadable\n126\nfixed\n0\n") << with.err;
  const Finished plan = with_tools("programs_absent = [\"id\"]\n", {"true"}, "plan");
  EXPECT_NE(plan.out.find("Absent     id (cannot be executed)"), std::string::npos) << plan.out;
}

}  // namespace
}  // namespace berm::test
