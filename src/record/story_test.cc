#include "record/story.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr int kInit = 10;
constexpr int kAgent = 11;

// The record of a run, an event a line, as supervisor, judge and egress would write it.
class Recorded {
 public:
  Recorded() {
    add("run.start", {{"repository", "/work/repo"}});
    exec(kAgent, kInit, {"claude", "-p", "do it"});
  }
  Recorded& add(const std::string& type, const json& data) {
    events.push_back(
        {{"type", type}, {"data", data}, {"seq", events.size()}, {"mono", mono_ += 1'000'000}});
    return *this;
  }
  Recorded& exec(int pid, int parent, const std::vector<std::string>& argv) {
    return add("exec", {{"pid", pid},
                        {"ppid", parent},
                        {"executable", "/usr/bin/" + argv[0]},
                        {"argv", argv},
                        {"decision", "allow"}});
  }
  // A hook as the agent starts it, and what it told.
  Recorded& hook(const json& told) {
    const int pid = next_hook_++;
    add("exec", {{"pid", pid},
                 {"ppid", kAgent},
                 {"executable", "/run/berm/berm-init"},
                 {"argv", {"/run/berm/berm-init", "hook", "claude"}},
                 {"decision", "allow"}});
    json data = {{"pid", pid}, {"prompt_id", "p1"}, {"session", "s"}, {"decision", "allow"}};
    data.update(told);
    return add("tool.call", data);
  }
  Recorded& prompt(const std::string& id, const std::string& text) {
    return hook(
        {{"kind", "prompt"}, {"prompt_id", id}, {"prompt_sha256", "abc"}, {"prompt", text}});
  }
  Recorded& before(const std::string& id, const std::string& command,
                   const json& more = json::object()) {
    json input = {{"command", command}};
    input.update(more);
    return hook({{"kind", "before-tool"},
                 {"tool", "Bash"},
                 {"tool_use_id", id},
                 {"input", input.dump()},
                 {"commands", json::array()}});
  }
  Recorded& after(const std::string& id) {
    return hook(
        {{"kind", "after-tool"}, {"tool", "Bash"}, {"tool_use_id", id}, {"duration_ms", 7}});
  }
  // As Claude Code starts a command; `shown` bytes of the script are on the record.
  Recorded& shell(int pid, const std::string& command, std::size_t shown = 10'000) {
    std::string quoted;
    for (const char c : command) quoted += c == '\'' ? std::string("'\"'\"'") : std::string(1, c);
    std::string script = "source /h/.claude/snapshot.sh 2>/dev/null || true && eval '" + quoted +
                         "' && pwd -P >| /tmp/c";
    if (script.size() > shown) script = script.substr(0, shown) + "…";
    return exec(pid, kAgent, {"bash", "-c", script});
  }

  [[nodiscard]] Story story() const { return tell_story(events); }
  [[nodiscard]] StoryCall call(std::size_t index) const {
    const Story told = story();
    std::size_t at = 0;
    for (const StoryPrompt& prompt : told.prompts) {
      for (const StoryCall& call : prompt.calls) {
        if (at++ == index) return call;
      }
    }
    ADD_FAILURE() << "no call " << index;
    return {};
  }

  std::vector<json> events;

 private:
  std::int64_t mono_ = 0;
  int next_hook_ = 50'000;
};

std::vector<std::int64_t> pids(const std::vector<StoryProcess>& processes) {
  std::vector<std::int64_t> out;
  for (const StoryProcess& process : processes) out.push_back(process.pid);
  return out;
}
using Pids = std::vector<std::int64_t>;

TEST(Story, APromptHasItsCallsAndACallItsProcessesAsATree) {
  Recorded run;
  run.prompt("p1", "fix it").before("t1", "make && ls").shell(20, "make && ls");
  run.exec(21, 20, {"make"}).exec(22, 21, {"cc", "a.c"}).exec(23, 20, {"ls"}).after("t1");
  const Story story = run.story();
  ASSERT_EQ(story.prompts.size(), 1U);
  EXPECT_EQ(story.prompts[0].id, "p1");
  EXPECT_EQ(story.prompts[0].text, "fix it");
  EXPECT_EQ(story.prompts[0].sha256, "abc");
  ASSERT_EQ(story.prompts[0].calls.size(), 1U);
  const StoryCall& call = story.prompts[0].calls[0];
  EXPECT_EQ(call.tool, "Bash");
  EXPECT_EQ(call.summary, "make && ls");
  EXPECT_EQ(call.end, CallEnd::ok);
  EXPECT_EQ(call.duration_ms, 7U);
  EXPECT_EQ(pids(call.processes), (Pids{20, 21, 22, 23}));
  EXPECT_EQ(call.processes[0].tie, Tie::command);
  EXPECT_EQ(call.processes[2].tie, Tie::parent);
  const std::size_t depths[] = {0, 1, 2, 1};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(call.processes[i].depth, depths[i]) << i;
  EXPECT_EQ(pids(story.own), (Pids{kAgent}));
  EXPECT_EQ(story.hooks, 3U);
  EXPECT_TRUE(story.outside.empty());
}

TEST(Story, CallsSideBySideAreToldApartByTheCommandInTheShellsArguments) {
  Recorded run;
  run.before("t1", "sleep 1; echo 'one'").before("t2", "grep -r two .").before("t3", "true");
  run.shell(30, "true").shell(32, "grep -r two .").shell(31, "sleep 1; echo 'one'");
  run.exec(40, 32, {"grep", "-r", "two", "."}).exec(41, 31, {"sleep", "1"});
  run.after("t2").after("t3").after("t1");
  EXPECT_EQ(pids(run.call(0).processes), (Pids{31, 41}));
  EXPECT_EQ(pids(run.call(1).processes), (Pids{32, 40}));
  EXPECT_EQ(pids(run.call(2).processes), (Pids{30}));
}

// The record shows 256 bytes of an argument, and Claude Code's own words are longer than that.
TEST(Story, WhereTheArgumentsAreCutWhatTheShellStartsTellsTheCallsApart) {
  Recorded run;
  run.before("t1", "sleep 1; date -u").before("t2", "grep -r two . | wc");
  run.shell(32, "grep -r two . | wc", 40).shell(31, "sleep 1; date -u", 40);
  run.exec(40, 32, {"grep", "-r", "two", "."}).exec(41, 31, {"sleep", "1"});
  run.after("t1").after("t2");
  EXPECT_EQ(pids(run.call(0).processes), (Pids{31, 41}));
  EXPECT_EQ(pids(run.call(1).processes), (Pids{32, 40}));
  EXPECT_EQ(run.call(0).processes[0].tie, Tie::command);
}

TEST(Story, ACutInTheMiddleOfTheCommandStillTellsIt) {
  Recorded run;
  run.before("t1", "printf 'aaaaaaaaaaaaaaaaaaaaaaaa one'")
      .before("t2", "printf 'bbbbbbbbbbbbbbbbbbbbbbbb two'");
  run.shell(31, "printf 'bbbbbbbbbbbbbbbbbbbbbbbb two'", 90)
      .shell(32, "printf 'aaaaaaaaaaaaaaaaaaaaaaaa one'", 90);
  EXPECT_EQ(pids(run.call(0).processes), (Pids{32}));
  EXPECT_EQ(pids(run.call(1).processes), (Pids{31}));
}

TEST(Story, TheSameCommandTwiceAtOnceHasAShellEach) {
  Recorded run;
  run.before("t1", "make")
      .before("t2", "make")
      .shell(30, "make")
      .shell(31, "make")
      .after("t1")
      .after("t2");
  EXPECT_EQ(pids(run.call(0).processes), (Pids{30}));
  EXPECT_EQ(pids(run.call(1).processes), (Pids{31}));
}

TEST(Story, TheNameOfAProgramInsideAnotherWordIsNotThatCommand) {
  Recorded run;
  run.before("t1", "ls").before("t2", "false").shell(30, "false").shell(31, "ls");
  EXPECT_EQ(pids(run.call(0).processes), (Pids{31}));
  EXPECT_EQ(pids(run.call(1).processes), (Pids{30}));
}

TEST(Story, ABackgroundCallKeepsWhatItStartsAfterItsEnd) {
  Recorded run;
  run.before("t1", "./serve", {{"run_in_background", true}}).shell(20, "./serve").after("t1");
  run.exec(21, 20, {"./serve"}).before("t2", "curl localhost").exec(22, 21, {"worker"});
  run.shell(30, "curl localhost").after("t2").exec(23, 21, {"worker"});
  EXPECT_TRUE(run.call(0).background);
  EXPECT_EQ(pids(run.call(0).processes), (Pids{20, 21, 22, 23}));
  EXPECT_EQ(pids(run.call(1).processes), (Pids{30}));
}

TEST(Story, WhatTheAgentStartsBetweenCallsIsItsOwn) {
  Recorded run;
  run.exec(12, kAgent, {"git", "status"})
      .exec(13, 12, {"git-fsmonitor"})
      .before("t1", "ls")
      .shell(20, "ls")
      .after("t1");
  run.exec(14, kAgent, {"rg", "--files"});
  EXPECT_EQ(pids(run.story().own), (Pids{kAgent, 12, 13, 14}));
  EXPECT_EQ(pids(run.call(0).processes), (Pids{20}));
}

TEST(Story, ACommandThatRanNothingSaysSo) {
  Recorded run;
  run.before("t1", "ls").after("t1");
  run.hook({{"kind", "before-tool"},
            {"tool", "Read"},
            {"tool_use_id", "t2"},
            {"input", R"({"file_path":"/etc/hosts"})"}});
  run.hook({{"kind", "before-tool"},
            {"tool", "Bash"},
            {"tool_use_id", "t3"},
            {"input", R"({"command":"rm -rf /"})"},
            {"commands", {"rm"}},
            {"decision", "deny"},
            {"rule", "pack"}});
  EXPECT_TRUE(run.call(0).no_process);
  EXPECT_FALSE(run.call(1).no_process) << "Read starts nothing";
  EXPECT_FALSE(run.call(2).no_process) << "what is denied does not run";
  EXPECT_NE(story_text(run.story()).find("no process seen"), std::string::npos);
  EXPECT_NE(story_text(run.story()).find("DENIED [pack]"), std::string::npos);
}

TEST(Story, WithoutRecordedProgramsNothingIsMissing) {
  Recorded run;
  run.events.clear();
  run.add("tool.call", {{"kind", "before-tool"},
                        {"tool", "Bash"},
                        {"tool_use_id", "t1"},
                        {"input", R"({"command":"ls"})"},
                        {"commands", {"ls"}}});
  EXPECT_FALSE(run.story().watched);
  EXPECT_FALSE(run.call(0).no_process);
}

TEST(Story, AnOrphanThatNoOpenCallExplainsIsOutside) {
  Recorded run;
  run.before("t1", "nohup ./miner &").shell(20, "nohup ./miner &").after("t1");
  run.exec(99, kInit, {"miner"})
      .exec(100, 99, {"sh", "-c", "curl evil"})
      .exec(101, 4242, {"unseen-parent"});
  EXPECT_EQ(pids(run.story().outside), (Pids{99, 100, 101}));
  EXPECT_EQ(pids(run.call(0).processes), (Pids{20}));
  EXPECT_NE(story_text(run.story()).find("started outside of any tool call\n"), std::string::npos);
}

TEST(Story, AnOrphanIsABackgroundCallsOnlyByItsWords) {
  Recorded run;
  run.before("t1", "(sleep 5; ./serve --fast)", {{"run_in_background", true}})
      .shell(20, "(sleep 5; ./serve --fast)")
      .after("t1");
  run.exec(99, kInit, {"./serve", "--fast"}).exec(100, kInit, {"miner"}).exec(101, 100, {"curl"});
  EXPECT_EQ(pids(run.call(0).processes), (Pids{20, 99}));
  EXPECT_EQ(run.call(0).processes[1].tie, Tie::command);
  EXPECT_EQ(pids(run.story().outside), (Pids{100, 101}));
}

TEST(Story, AnOrphanWhileACallIsOpenIsToldAsAboutThen) {
  Recorded run;
  run.before("t1", "make").shell(20, "make").exec(99, kInit, {"daemon"}).after("t1");
  EXPECT_EQ(pids(run.call(0).processes), (Pids{20, 99}));
  EXPECT_EQ(run.call(0).processes[1].tie, Tie::time);
  EXPECT_NE(story_text(run.story()).find("99 daemon  (about then)"), std::string::npos);
}

TEST(Story, WhatADeniedCallAskedForIsNotItsWorkIfItRunsAnyway) {
  Recorded run;
  run.hook({{"kind", "before-tool"},
            {"tool", "Bash"},
            {"tool_use_id", "t1"},
            {"input", R"({"command":"rm -rf /"})"},
            {"commands", {"rm"}},
            {"decision", "deny"}});
  run.exec(99, kInit, {"rm", "-rf", "/"});
  EXPECT_EQ(pids(run.story().outside), (Pids{99}));
}

// ( … ) forks a shell that is no program of its own.
TEST(Story, WhatASubshellStartsBelongsToTheCallWhoseWordsItHas) {
  Recorded run;
  run.before("t1", "(cat a.txt; wc b.txt)")
      .before("t2", "sleep 9")
      .shell(20, "(cat a.txt; wc b.txt)")
      .shell(21, "sleep 9");
  run.exec(31, 30, {"cat", "a.txt"}).exec(32, 30, {"wc", "b.txt"}).after("t1");
  const StoryCall call = run.call(0);
  EXPECT_EQ(pids(call.processes), (Pids{20, 31, 32}));
  EXPECT_EQ(call.processes[1].tie, Tie::command);
  EXPECT_EQ(call.processes[1].depth, 0U);
}

TEST(Story, AProcessThatReplacesItsProgramIsTheSame) {
  Recorded run;
  run.before("t1", "env node x")
      .shell(20, "env node x")
      .exec(21, 20, {"env", "node", "x"})
      .exec(21, 20, {"node", "x"});
  run.after("t1").exec(21, kInit, {"node", "again"});
  EXPECT_EQ(pids(run.call(0).processes), (Pids{20, 21, 21, 21}));
}

TEST(Story, APidThatIsUsedAgainIsAnotherProcess) {
  Recorded run;
  run.before("t1", "echo one").shell(20, "echo one").exec(21, 20, {"one"}).after("t1");
  run.before("t2", "echo two").shell(20, "echo two").exec(21, 20, {"two"}).after("t2");
  run.exec(20, kAgent, {"git", "status"}).exec(22, 20, {"git-child"});
  EXPECT_EQ(pids(run.call(0).processes), (Pids{20, 21}));
  EXPECT_EQ(pids(run.call(1).processes).size(), 4U) << "an exec of the same process cannot be told";
  EXPECT_EQ(run.call(1).processes[1].arguments, "two");
}

TEST(Story, APidOfACallThatTheAgentItselfGetsLaterIsNotTheCalls) {
  Recorded run;
  run.before("t1", "sh -c x").shell(20, "sh -c x").exec(21, 20, {"x"}).after("t1");
  run.exec(21, kAgent, {"git", "status"});
  EXPECT_EQ(pids(run.call(0).processes), (Pids{20, 21}));
  EXPECT_EQ(pids(run.story().own), (Pids{kAgent, 21}));
}

TEST(Story, WithoutItsEndACallStaysOpenUntilTheModelHearsOfIt) {
  Recorded run;
  run.before("t1", "ls")
      .shell(20, "ls")
      .add("model.tool_result", {{"id", "t1"}, {"name", "Bash"}, {"error", true}});
  run.exec(12, kAgent, {"git", "status"}).before("t2", "make").shell(30, "make");
  EXPECT_EQ(run.call(0).end, CallEnd::failed);
  EXPECT_EQ(pids(run.call(0).processes), (Pids{20}));
  EXPECT_EQ(run.call(1).end, CallEnd::unknown);
  EXPECT_NE(story_text(run.story()).find("its end was not told"), std::string::npos);
}

// Claude Code tells a command that exits with 3 by PostToolUseFailure and then PostToolUse.
TEST(Story, AFailureStaysOne) {
  Recorded run;
  run.before("t1", "exit 3")
      .hook({{"kind", "after-failure"}, {"tool_use_id", "t1"}, {"error", "Exit code 3"}})
      .after("t1");
  EXPECT_EQ(run.call(0).end, CallEnd::failed);
  EXPECT_EQ(run.call(0).error, "Exit code 3");
}

// Programs come to the record in batches: a shell may stand behind the end of its call.
TEST(Story, TheHooksOwnStartsSayWhenACallWasOpen) {
  Recorded run;
  run.before("t1", "ls");
  run.add("tool.call",
          {{"kind", "after-tool"}, {"tool", "Bash"}, {"tool_use_id", "t1"}, {"pid", 777}});
  run.shell(20, "ls");
  run.add("exec", {{"pid", 777},
                   {"ppid", kAgent},
                   {"executable", "/run/berm/berm-init"},
                   {"argv", {"/run/berm/berm-init", "hook", "claude"}}});
  run.exec(12, kAgent, {"git", "status"});
  EXPECT_EQ(pids(run.call(0).processes), (Pids{20}));
  EXPECT_EQ(pids(run.story().own), (Pids{kAgent, 12}));
}

TEST(Story, AHookThatAToolStartsIsMarkedAndDoesNotBecomeTheAgent) {
  Recorded run;
  run.before("t1", "./evil").shell(20, "./evil").exec(21, 20, {"evil"});
  run.add("exec", {{"pid", 22},
                   {"ppid", 21},
                   {"executable", "/run/berm/berm-init"},
                   {"argv", {"x", "hook", "claude"}}});
  run.add("tool.call", {{"pid", 22},
                        {"kind", "before-tool"},
                        {"tool", "Bash"},
                        {"tool_use_id", "t2"},
                        {"input", R"({"command":"innocent"})"},
                        {"commands", {"innocent"}}});
  run.after("t1").exec(23, 21, {"payload"});
  EXPECT_EQ(pids(run.call(0).processes), (Pids{20, 21, 22, 23}));
  EXPECT_TRUE(run.call(1).asked_inside);
  EXPECT_FALSE(run.call(0).asked_inside);
}

TEST(Story, HostsAreTiedByPidOrToldAsAboutThen) {
  Recorded run;
  run.before("t1", "curl -s x").shell(20, "curl -s x").exec(21, 20, {"curl", "-s", "x"});
  run.add("net.allowed", {{"host", "a.example"}, {"port", 443}, {"via", "http"}});
  run.add("http.request", {{"host", "a.example"}, {"port", 443}, {"method", "GET"}});
  run.add("net.denied", {{"host", "b.example"}, {"port", 80}});
  run.add("net.attempt", {{"address", "1.2.3.4:5"}, {"pid", 21}}).after("t1");
  run.add("net.attempt", {{"address", "1.2.3.4:6"}, {"pid", 21}});
  run.add("model.request", {{"host", "api.example"}, {"port", 443}});
  run.add("net.allowed", {{"host", "c.example"}, {"port", 443}});
  const std::vector<StoryHost> expected = {{"a.example:443", "reached", 2, true},
                                           {"b.example:80", "denied", 1, true},
                                           {"1.2.3.4:5", "tried", 1, false},
                                           {"1.2.3.4:6", "tried", 1, false}};
  EXPECT_EQ(run.call(0).hosts, expected);
  const std::vector<StoryHost> own = {{"api.example:443", "reached", 1, false},
                                      {"c.example:443", "reached", 1, true}};
  EXPECT_EQ(run.story().own_hosts, own);
}

TEST(Story, FilesAreThoseAWritingToolNamesAndThoseACommandMentions) {
  Recorded run;
  run.hook({{"kind", "before-tool"},
            {"tool", "Write"},
            {"tool_use_id", "t1"},
            {"input", R"({"file_path":"/work/repo/src/a.c","content":"b.txt"})"}});
  run.hook({{"kind", "before-tool"},
            {"tool", "Edit"},
            {"tool_use_id", "t2"},
            {"input", R"({"file_path":"/tmp/x"})"}});
  run.before("t3", "echo hi >out.txt; cat 'src/a.c' c.txt ./b.txt");
  run.hook({{"kind", "before-tool"},
            {"tool", "Bash"},
            {"tool_use_id", "t4"},
            {"cwd", "/work/repo/src"},
            {"input", R"({"command":"touch b.c out.txt.bak"})"},
            {"commands", {"touch"}}});
  json files = json::array();
  for (const char* path : {"src/a.c", "out.txt", "b.txt", "src/b.c"})
    files.push_back({{"path", path}, {"kind", "added"}});
  run.add("changes", {{"files", files}});
  EXPECT_EQ(run.call(0).files, (std::vector<StoryFile>{{"src/a.c", "added", false}}));
  EXPECT_EQ(run.call(1).files, (std::vector<StoryFile>{{"/tmp/x", "", false}}));
  EXPECT_EQ(run.call(2).files,
            (std::vector<StoryFile>{
                {"out.txt", "added", true}, {"src/a.c", "added", true}, {"b.txt", "added", true}}));
  EXPECT_EQ(run.call(3).files, (std::vector<StoryFile>{{"src/b.c", "added", true}}));
}

TEST(Story, AnInputThatIsCutOffStillTellsItsCommand) {
  Recorded run;
  run.hook({{"kind", "before-tool"},
            {"tool", "Bash"},
            {"tool_use_id", "t1"},
            {"input", R"({"command":"echo \"one\"\nls)"},
            {"commands", {"echo"}}});
  EXPECT_EQ(run.call(0).summary, "echo \"one\"\nls");
  EXPECT_NE(story_text(run.story()).find(R"(echo "one"\nls)"), std::string::npos);
}

TEST(Story, ARewrittenCallIsItsNewCommand) {
  Recorded run;
  run.hook({{"kind", "before-tool"},
            {"tool", "Bash"},
            {"tool_use_id", "t1"},
            {"input", R"({"command":"theirs"})"},
            {"rewrite", R"({"command":"ours --now"})"},
            {"decision", "rewrite"},
            {"commands", {"theirs"}}});
  run.before("t2", "other").shell(31, "ours --now").shell(30, "other");
  EXPECT_EQ(run.call(0).summary, "ours --now");
  EXPECT_EQ(pids(run.call(0).processes), (Pids{31}));
}

TEST(Story, ClientsWithoutIdsArePairedByTheirInput) {
  Recorded run;
  const auto told = [](const char* kind, const char* digest) {
    return json{{"kind", kind},
                {"tool", "Bash"},
                {"input_sha256", digest},
                {"prompt_id", ""},
                {"input", R"({"command":"ls"})"},
                {"commands", {"ls"}}};
  };
  run.hook({{"kind", "prompt"}, {"prompt_id", ""}, {"prompt_sha256", "first"}});
  run.hook(told("before-tool", "aa"))
      .hook(told("before-tool", "bb"))
      .hook(told("after-tool", "bb"));
  const Story story = run.story();
  ASSERT_EQ(story.prompts.size(), 1U);
  EXPECT_EQ(story.prompts[0].sha256, "first");
  EXPECT_EQ(run.call(0).end, CallEnd::unknown);
  EXPECT_EQ(run.call(1).end, CallEnd::ok);
}

TEST(Story, ACommandWithoutHooksHasItsProcessesAndNothingIsOutside) {
  Recorded run;
  run.exec(20, kAgent, {"make"}).exec(31, 30, {"cc"}).exec(40, kInit, {"daemon"});
  const Story story = run.story();
  EXPECT_FALSE(story.hooked);
  EXPECT_EQ(pids(story.own), (Pids{kAgent, 20, 31, 40}));
  EXPECT_TRUE(story.outside.empty());
  EXPECT_EQ(story_text(story).find("  processes\n"), 0U);
}

TEST(Story, NothingToTellIsNoText) { EXPECT_EQ(story_text(tell_story({})), ""); }

TEST(Story, FieldsOfAnyTypeAreSurvived) {
  const json odd[] = {nullptr,
                      true,
                      -1,
                      1.5,
                      "text",
                      json::array({1, json::object()}),
                      json::object({{"a", 1}}),
                      18446744073709551615ULL};
  const char* keys[] = {"pid",   "ppid",        "argv",    "executable", "kind",
                        "tool",  "tool_use_id", "input",   "commands",   "decision",
                        "host",  "port",        "files",   "prompt_id",  "duration_ms",
                        "error", "id",          "address", "repository", "rewrite"};
  for (const char* type : {"exec", "tool.call", "model.tool_result", "net.allowed", "net.attempt",
                           "changes", "run.start", "unknown"}) {
    for (const char* key : keys) {
      for (const json& value : odd) {
        Recorded run;
        run.before("t1", "ls").shell(20, "ls");
        json data = {{"kind", "before-tool"},
                     {"tool", "Bash"},
                     {"pid", 30},
                     {"ppid", 20},
                     {"tool_use_id", "t1"}};
        data[key] = value;
        run.add(type, data).after("t1");
        run.events.push_back({{"type", value}, {"data", value}, {"seq", value}, {"mono", value}});
        run.events.push_back(value);
        const Story story = run.story();
        EXPECT_FALSE(story_text(story).empty());
        EXPECT_TRUE(story_to_json(story).is_object());
      }
    }
  }
}

TEST(Story, TheTextIsEscapedAndTheJsonIsWhole) {
  Recorded run;
  run.prompt("p1", "a\x1b]0;title\x07 b").before("t1", "echo \x1b[31m").shell(20, "echo \x1b[31m");
  run.add("exec", {{"pid", 21},
                   {"ppid", 20},
                   {"executable", "\x1b[2J"},
                   {"argv", json::array()},
                   {"decision", "deny"},
                   {"rule", "a\nb"}});
  run.add("net.denied", {{"host", "\x1b[0m"}, {"port", 1}});
  const std::string text = story_text(run.story());
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('\x07'), std::string::npos);
  EXPECT_NE(text.find("DENIED [a\\nb]"), std::string::npos) << text;
}

TEST(Story, TheTextHasTwentyProcessesOfACallAndTheJsonAll) {
  Recorded run;
  run.before("t1", "make").shell(20, "make");
  for (int i = 0; i < 100; ++i) run.exec(1000 + i, 20, {"cc"});
  const Story story = run.story();
  EXPECT_NE(story_text(story).find("… and 81 more (berm show --json)"), std::string::npos);
  EXPECT_EQ(story_to_json(story)["prompts"][0]["calls"][0]["processes"].size(), 101U);
}

// 10,000 calls at once, 200,000 programs, a chain as deep as it is long: the work is bounded, so
// this ends (in about a second) and the text stays readable. The bound is held by the lines.
TEST(Story, ARecordOfAnySizeIsToldInAFewLines) {
  Recorded run;
  const std::string padding(3000, 'x');
  for (int i = 0; i < 10'000; ++i) {
    run.add("tool.call", {{"kind", "before-tool"},
                          {"tool", "Bash"},
                          {"tool_use_id", std::to_string(i)},
                          {"prompt_id", std::to_string(i / 2)},
                          {"input", R"({"command":"echo )" + std::to_string(i) + padding + "\"}"},
                          {"commands", {"echo"}}});
  }
  for (int i = 0; i < 200'000; ++i) {
    run.exec(100'000 + i,
             i % 2 == 0 ? kAgent
             : i < 4    ? kAgent
                        : 100'000 + i - 2,
             {"bash", "-c", "eval 'echo " + std::to_string(i % 10'000) + "'"});
  }
  const Story story = run.story();
  std::size_t processes = story.own.size() + story.outside.size();
  for (const StoryPrompt& prompt : story.prompts) {
    for (const StoryCall& call : prompt.calls) processes += call.processes.size();
  }
  EXPECT_EQ(processes, 200'001U);
  const std::string text = story_text(story);
  EXPECT_LT(split(text, '\n').size(), 2100U);
  EXPECT_NE(text.find("… and more (berm show --json)"), std::string::npos);
}

}  // namespace
}  // namespace berm
