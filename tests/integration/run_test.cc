// tests/integration/run_test.cc: `berm run` as a user meets it.
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "harness.h"

namespace berm::test {
namespace {

class Run : public testing::TestWithParam<As> {
 protected:
  Site site{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(As, Run, testing::ValuesIn(identities()),
                         [](const auto& suite) { return name_of(suite.param); });

TEST_P(Run, PassesStreamsAndCodesThroughExactly) {
  std::string bytes;
  for (int i = 0; i < 70000; ++i) bytes += static_cast<char>(i * 7);
  const Finished cat = site.berm(Invocation{.arguments = {"run", "--", "cat"}, .input = bytes});
  EXPECT_EQ(cat.code, 0);
  EXPECT_EQ(cat.out, bytes);
  EXPECT_EQ(site.berm({"run", "--", "sh", "-c", "echo out; echo err >&2; exit 42"}).code, 42);
  EXPECT_EQ(site.berm({"run", "--", "sh", "-c", "exit 200"}).code, 119);
  EXPECT_EQ(site.berm({"run", "--", "sh", "-c", "kill -SEGV $$"}).code, 119);
}

TEST_P(Run, CommandsThatCannotRunHaveTheUsualCodes) {
  const Finished missing = site.berm({"run", "--", "no-such-program"});
  EXPECT_EQ(missing.code, 127);
  EXPECT_NE(missing.err.find("fix:"), std::string::npos) << missing.err;
  site.write("plain.txt", "x");
  EXPECT_EQ(site.berm({"run", "--", "./plain.txt"}).code, 126);
}

TEST_P(Run, WorksInASubdirectoryAndOnANewBranch) {
  const Finished here = site.berm(Invocation{.arguments = {"run", "--", "sh", "-c", "pwd; ls"},
                                             .directory = site.repository() + "/src"});
  EXPECT_EQ(here.out, site.repository() + "/src\nmain.c\n") << here.err;
}

TEST_P(Run, TheEnvironmentIsMadeFromScratch) {
  const Finished finished =
      site.berm(Invocation{.arguments = {"run", "--env", "KEEP", "--env", "SET=1", "--", "env"},
                           .env = {{"KEEP", "kept"}, {"AWS_SECRET_ACCESS_KEY", "x"}}});
  EXPECT_NE(finished.out.find("KEEP=kept\n"), std::string::npos);
  EXPECT_NE(finished.out.find("SET=1\n"), std::string::npos);
  EXPECT_EQ(finished.out.find("AWS_"), std::string::npos);
  EXPECT_EQ(finished.out.find("XDG_STATE_HOME"), std::string::npos);
  const Finished refused = site.berm({"run", "--env", "LD_PRELOAD=/x.so", "--", "true"});
  EXPECT_EQ(refused.code, 125);
  EXPECT_NE(refused.err.find("LD_PRELOAD"), std::string::npos) << refused.err;
}

TEST_P(Run, TheAgentIsNotRootAnywhere) {
  const Finished finished = site.berm({"run", "--", "sh", "-c", "id -u; cat /proc/self/uid_map"});
  EXPECT_NE(finished.out.substr(0, 2), "0\n");
  EXPECT_EQ(finished.out.find(" 0 "), std::string::npos)
      << "host uid 0 in the map: " << finished.out;
}

TEST_P(Run, ThePolicyOfTheWorkingTreeDoesNotCount) {
  site.write("berm.toml", "[network]\nallow = [\"evil.example:443\"]\n");
  const Finished plan = site.berm({"plan", "--json", "--", "true"});
  EXPECT_EQ(plan.json()["network"]["allow"].size(), 0U) << plan.out;
  const Finished trusted = site.berm({"plan", "--json", "--policy-from-worktree", "--", "true"});
  EXPECT_EQ(trusted.json()["network"]["allow"].size(), 1U) << trusted.out << trusted.err;
  site.shell("git add berm.toml && git commit -qm policy");
  EXPECT_EQ(site.berm({"plan", "--json", "--", "true"}).json()["network"]["allow"].size(), 1U);
}

TEST_P(Run, InCiThePolicyIsTheBaseBranchs) {
  site.shell(
      "git checkout -qb base && printf '[limits]\\nmemory = \"1GiB\"\\n' > berm.toml && git add . "
      "&& git commit -qm policy && "
      "git update-ref refs/remotes/origin/base HEAD && git checkout -qb pr && printf "
      "'[limits]\\nmemory = \"9GiB\"\\n' > berm.toml && git commit -qam evil");
  const Finished plan = site.berm(Invocation{.arguments = {"plan", "--json", "--", "true"},
                                             .env = {{"GITHUB_BASE_REF", "base"}}});
  EXPECT_EQ(plan.json()["limits"]["memory"], 1ULL << 30) << plan.out << plan.err;
  const Finished unfetched = site.berm(
      Invocation{.arguments = {"run", "--", "true"}, .env = {{"GITHUB_BASE_REF", "gone"}}});
  EXPECT_EQ(unfetched.code, 125);
  EXPECT_NE(unfetched.err.find("fetch-depth"), std::string::npos) << unfetched.err;
}

TEST_P(Run, WrongUseIsToldWithTheNearestName) {
  EXPECT_NE(site.berm({"rnu"}).err.find("did you mean 'run'?"), std::string::npos);
  const Finished option = site.berm({"run", "--alow", "x", "--", "true"});
  EXPECT_EQ(option.code, 125) << option.err;
  const Finished mode = site.berm({"run", "--mode", "overlai", "--", "true"});
  EXPECT_NE(mode.err.find("did you mean 'overlay'?"), std::string::npos) << mode.err;
  EXPECT_EQ(site.berm({"run"}).code, 125);
}

TEST_P(Run, PlacesThatAreNoWorkingTreeAreRefusedWithAFix) {
  const auto refused = [&](const std::string& directory, const std::string& words) {
    const Finished finished =
        site.berm(Invocation{.arguments = {"run", "--", "true"}, .directory = directory});
    EXPECT_EQ(finished.code, 125) << directory;
    EXPECT_NE(finished.err.find(words), std::string::npos) << finished.err;
    EXPECT_NE(finished.err.find("fix:"), std::string::npos) << finished.err;
  };
  refused("/", "git repository");
  site.shell("git clone -q --bare . ../state/bare.git");
  refused(site.root() + "/state/bare.git", "bare");
}

TEST_P(Run, UnusualRepositoriesWork) {
  const auto works = [&](const std::string& directory) {
    const Finished finished = site.berm(Invocation{
        .arguments =
            {"run", "--", "sh", "-c",
             "git status --short && echo x > new.txt && git add new.txt && git commit -qm x"},
        .directory = directory});
    EXPECT_EQ(finished.code, 0) << directory << finished.err;
  };
  site.shell("mkdir ../state/empty && cd ../state/empty && git init -q");
  works(site.root() + "/state/empty");
  site.shell("git clone -q --depth 1 file://$PWD ../state/shallow");
  works(site.root() + "/state/shallow");
  site.shell("git worktree add -q ../state/linked");
  works(site.root() + "/state/linked");
  site.shell("git clone -q --shared . ../state/shared");
  works(site.root() + "/state/shared");
  site.shell("git clone -q . ../state/sparse && cd ../state/sparse && git sparse-checkout set src");
  works(site.root() + "/state/sparse");
  site.shell(
      "git clone -q . ../state/detached && cd ../state/detached && git checkout -q --detach && git "
      "pack-refs --all");
  works(site.root() + "/state/detached");
}

TEST_P(Run, CloneModeReportsTheSameChangesAsOverlay) {
  site.write("untracked.txt", "u\n");
  for (const char* mode : {"overlay", "clone"}) {
    SCOPED_TRACE(mode);
    const nlohmann::json report = site.run_script(
        "echo changed >> README.md; echo new > src/new.c; rm src/main.c; git status --short",
        {"--mode", mode});
    ASSERT_EQ(report["code"], 0) << report.dump(1);
    std::map<std::string, std::string> kinds;
    for (const auto& file : report["changes"]["files"]) kinds[file["path"]] = file["kind"];
    const std::map<std::string, std::string> expected = {
        {"README.md", "modified"}, {"src/main.c", "deleted"}, {"src/new.c", "added"}};
    EXPECT_EQ(kinds, expected) << report.dump(1);
    EXPECT_EQ(site.read("README.md"), "hello\n") << "the host's file is untouched";
    EXPECT_TRUE(site.has("src/main.c"));
  }
}

TEST_P(Run, WhatIsNotEnforcedIsRefusedByName) {
  site.write("later.toml", "version = 1\n[prepare]\nrun = \"npm ci\"\n");
  const Finished finished = site.berm({"run", "--policy", "later.toml", "--", "true"});
  EXPECT_EQ(finished.code, 125);
  EXPECT_NE(finished.err.find("'prepare' is valid but not yet enforced"), std::string::npos)
      << finished.err;
}

TEST_P(Run, HiddenFilesAreAbsentAndLeaveNoStub) {
  site.write("deep/.env", "S=1\n");
  const nlohmann::json report =
      site.run_script("cat deep/.env; ls -a deep; echo mine > deep/.env; cat deep/.env");
  const std::string text = report["stderr"];
  EXPECT_NE(text.find("No such file"), std::string::npos) << text;
  EXPECT_NE(text.find("mine"), std::string::npos) << "the agent may make its own";
  EXPECT_EQ(text.find("S=1"), std::string::npos);
  EXPECT_EQ(site.read("deep/.env"), "S=1\n");
  EXPECT_NE(site.berm({"apply"}).code, 0) << "its own must not overwrite the hidden one";
  EXPECT_EQ(site.read("deep/.env"), "S=1\n");
}

TEST_P(Run, SignalsReachTheAgentAndBermEnds) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    const Finished finished = site.berm(
        {"run", "--", "sh", "-c",
         "trap 'echo got; exit 5' TERM; echo ready > ready; while :; do sleep 0.05; done"});
    ::_exit(finished.code == 5 && finished.out == "got\n" ? 0 : 1);
  }
  // The agent's own file in the upper layer says that it waits.
  std::string berm_pid;
  for (int i = 0; i < 600 && berm_pid.empty(); ++i) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(
             site.root() + "/state", std::filesystem::directory_options::skip_permission_denied)) {
      if (entry.path().filename() == "ready") {
        berm_pid = run_as(As::root, {"pgrep", "-xf", site.program() + " run -- sh.*"},
                          site.environment(), "/", "")
                       .out;
      }
    }
    if (berm_pid.empty()) std::this_thread::yield(), ::poll(nullptr, 0, 50);
  }
  ASSERT_FALSE(berm_pid.empty());
  EXPECT_EQ(::kill(std::stoi(berm_pid), SIGTERM), 0);
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// Whoever asks to be traced has its parent for a tracer, and the agent's parent is PID 1: a stop is
// not an end, and nobody waits for a tracer that will never come.
TEST_P(Run, AnAgentThatAsksToBeTracedGoesOn) {
  const std::string text =
      "import ctypes, os, signal\n"
      "signal.signal(signal.SIGUSR1, lambda *_: print('signalled', flush=True))\n"
      "trace_me = lambda: ctypes.CDLL(None).ptrace(0, 0, 0, 0)\n"
      "print(trace_me(), flush=True)\n"
      "os.kill(os.getpid(), signal.SIGUSR1)\n"
      "print(trace_me(), flush=True)\n"
      "os.execv('/bin/echo', ['echo', 'went on'])\n";
  const Finished done = site.berm({"run", "--", "/usr/bin/python3", "-c", text});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out, "0\nsignalled\n0\nwent on\n") << done.err;
}

TEST_P(Run, KillingBermLeavesNothingBehind) {
  const std::string seconds = fmt::format("{}", 90000 + ::getpid());
  const pid_t pid = ::fork();
  if (pid == 0) {
    (void)site.berm({"run", "--", "sh", "-c", "setsid sleep " + seconds + " & sleep " + seconds});
    ::_exit(0);
  }
  const auto pids = [&](const std::string& pattern) {
    return run_as(As::root, {"pgrep", "-f", pattern}, site.environment(), "/", "").out;
  };
  std::string berm_pid;
  for (int i = 0; i < 600 && pids("^sleep " + seconds).empty(); ++i) ::poll(nullptr, 0, 50);
  berm_pid = pids("^" + site.program() + " run");
  ASSERT_FALSE(berm_pid.empty());
  EXPECT_EQ(::kill(std::stoi(berm_pid), SIGKILL), 0);
  int status = 0;
  ::waitpid(pid, &status, 0);
  for (int i = 0; i < 200 && !pids("^sleep " + seconds).empty(); ++i) ::poll(nullptr, 0, 50);
  EXPECT_EQ(pids("^sleep " + seconds), "");
  EXPECT_EQ(pids("berm-init --sandbox.*" + site.root()), "");
  EXPECT_EQ(site.berm({"runs", "--json"}).json()["runs"][0]["status"], "interrupted");
  EXPECT_EQ(site.berm({"verify"}).code, 3) << "a record without its end says so";
  // The next run still works, and cleans what the killed one could not.
  EXPECT_EQ(site.berm({"run", "--", "true"}).code, 0);
}

// berm has helpers besides the process that the user started: none may take the boundary with it.
TEST_P(Run, WhoeverOfBermsProcessesIsKilledTheRunEndsOrGoesOn) {
  const auto children_of = [&](const std::string& parent) {
    return run_as(As::root, {"pgrep", "-P", parent, "-a"}, site.environment(), "/", "").out;
  };
  const struct {
    const char* name;     // in the command line of the victim
    bool always;          // the janitor exists only where control groups are made
    const char* command;  // short, where the run is to go on
    int code;
  } victims[] = {{" egress", true, "sleep 60", 122},
                 {"--sandbox", true, "sleep 60", 122},
                 {"--janitor", false, "sleep 2", 0}};
  for (const auto& victim : victims) {
    SCOPED_TRACE(victim.name);
    const pid_t pid = ::fork();
    if (pid == 0) {
      const Finished finished =
          site.berm({"run", "--allow", "example.com", "--", "sh", "-c", victim.command});
      ::_exit(finished.code);
    }
    // pid is the test's own fork; berm is its child, and the victims are berm's.
    std::string line;
    for (int i = 0; i < 400 && line.empty(); ++i) {
      ::poll(nullptr, 0, 20);
      const std::string berm = children_of(std::to_string(pid));
      if (berm.empty()) continue;
      std::istringstream all(children_of(berm.substr(0, berm.find(' '))));
      std::string egress;
      for (std::string one; std::getline(all, one);) {
        if (one.find(" egress") != std::string::npos) egress = one;
        if (one.find(victim.name) != std::string::npos) line = one;
      }
      if (egress.empty()) line.clear();  // the last of them to start
      if (!egress.empty() && line.empty() && !victim.always) break;
    }
    if (line.empty() && !victim.always) {
      int status = 0;
      ::waitpid(pid, &status, 0);
      continue;
    }
    ASSERT_FALSE(line.empty());
    EXPECT_EQ(::kill(std::stoi(line), SIGKILL), 0);
    int status = 0;
    ::waitpid(pid, &status, 0);
    EXPECT_EQ(WEXITSTATUS(status), victim.code);
    const Finished verified = site.berm({"verify"});
    EXPECT_EQ(verified.code, 0) << "the record tells it to its end" << verified.out;
    const std::string id = site.berm({"runs", "--json"}).json()["runs"][0]["id"];
    EXPECT_EQ(site.shell("find /sys/fs/cgroup -name 'berm-" + id + "*' 2>/dev/null || true"), "");
  }
}

TEST_P(Run, KilledAtAnyStepOfTheSetUpNothingIsLeft) {
  // From before the first system call to after the agent's start, in steps of half a millisecond.
  for (int step = 0; step < 60; ++step) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      if (GetParam() == As::user && ::geteuid() == 0 &&
          (::setgroups(0, nullptr) != 0 || ::setgid(kUserId) != 0 || ::setuid(kUserId) != 0)) {
        ::_exit(1);
      }
      if (::chdir(site.repository().c_str()) != 0) ::_exit(1);
      ::setenv("XDG_STATE_HOME", (site.root() + "/state").c_str(), 1);
      const int null_fd = ::open("/dev/null", O_RDWR);
      for (int fd = 0; fd <= 2; ++fd) ::dup2(null_fd, fd);
      const std::string program = site.program();
      ::execl(program.c_str(), "berm", "run", "--", "sleep", "77777", nullptr);
      ::_exit(1);
    }
    const timespec pause{0, step * 500000L};
    ::nanosleep(&pause, nullptr);
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
  const auto left = [&] {
    return run_as(As::root, {"pgrep", "-f", "^sleep 77777|^berm-init --sandbox"},
                  site.environment(), "/", "")
               .out +
           run_as(As::root,
                  {"sh", "-c", "find /sys/fs/cgroup -maxdepth 4 -name 'berm-r-*' 2>/dev/null"},
                  site.environment(), "/", "")
               .out;
  };
  for (int i = 0; i < 100 && !left().empty(); ++i) ::poll(nullptr, 0, 50);
  EXPECT_EQ(left(), "");
  EXPECT_EQ(run_as(As::root, {"grep", "-c", "berm-test", "/proc/self/mountinfo"},
                   site.environment(), "/", "")
                .out,
            "0\n");
  EXPECT_EQ(site.shell("git status --short"), "") << "the repository is as it was";
  EXPECT_EQ(site.berm({"run", "--", "true"}).code, 0) << "no lock stands in the way";
}

TEST_P(Run, TheRecordTellsTheStoryAndTamperingShows) {
  ASSERT_EQ(site.berm({"run", "--", "true"}).code, 0);
  EXPECT_EQ(site.berm({"verify"}).code, 0);
  const nlohmann::json runs = site.berm({"runs", "--json"}).json();
  const std::string path = runs["runs"][0]["directory"].get<std::string>() + "/record.jsonl";
  const std::string story = site.berm({"show"}).out;
  EXPECT_NE(story.find("verdict   success"), std::string::npos) << story;
  std::string text;
  {
    std::ifstream file(path);
    text.assign(std::istreambuf_iterator<char>(file), {});
  }
  EXPECT_NE(text.find("plan_sha256"), std::string::npos);
  const std::size_t at = text.find("success");
  std::ofstream(path) << text.substr(0, at) + "succexs" + text.substr(at + 7);
  const Finished verify = site.berm({"verify"});
  EXPECT_EQ(verify.code, 1);
  EXPECT_NE(verify.out.find("edited"), std::string::npos) << verify.out;
}

TEST_P(Run, TheRunDirectoryIsPrivateAndPrunable) {
  ASSERT_EQ(site.berm({"run", "--", "true"}).code, 0);
  const std::string runs = site.root() + "/state/berm/runs";
  for (const auto& entry : std::filesystem::directory_iterator(runs)) {
    EXPECT_EQ(entry.status().permissions(), std::filesystem::perms::owner_all);
  }
  EXPECT_EQ(site.berm({"runs", "--prune", "--older-than", "soon"}).code, 125);
  EXPECT_EQ(site.berm({"runs", "--prune"}).code, 0);
  EXPECT_FALSE(std::filesystem::is_empty(runs)) << "a young run stays";
  EXPECT_EQ(site.berm({"runs", "--prune", "--older-than", "0s"}).code, 0);
  EXPECT_TRUE(std::filesystem::is_empty(runs));
}

TEST_P(Run, AClosedStdoutIsNotTheRecord) {
  (void)site.command(
      {"sh", "-c", site.program() + " run -- sh -c 'echo OUT; echo ERR >&2' <&- >&- 2>&-"});
  EXPECT_EQ(site.berm({"verify"}).code, 0) << "the agent's output must not land in the record";
}

TEST_P(Run, ManyAtOnceFinishEachForItself) {
  constexpr int kRuns = 20;
  const std::string script = "i=0; while [ $i -lt " + std::to_string(kRuns) +
                             " ]; do i=$((i+1)); (" + site.program() +
                             " run --json -- sh -c \"echo $i > mine; cat mine\" > ../state/$i.json "
                             "2> ../state/$i.err) & done; wait";
  EXPECT_EQ(site.command({"sh", "-c", script}).code, 0);
  for (int i = 1; i <= kRuns; ++i) {
    std::ifstream file(site.root() + "/state/" + std::to_string(i) + ".err");
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    EXPECT_EQ(text, std::to_string(i) + "\n");
  }
  EXPECT_FALSE(site.has("mine"));
}

TEST_P(Run, TerminalEscapesOfTheAgentStayBytesInAPipe) {
  const Finished finished = site.berm({"run", "--", "printf", "\\033]0;evil\\007"});
  EXPECT_EQ(finished.out, "\x1b]0;evil\x07") << "exact when the reader is no terminal";
}

}  // namespace
}  // namespace berm::test
