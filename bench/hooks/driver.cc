// bench/hooks/driver.cc: starts the hooks of bench/hooks in turns, as an agent would, and prints
// the medians. It runs inside of a run, in place of the agent: PATH finds it as "claude".
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

struct Hook {
  const char* name;
  std::vector<std::string> argv;
  bool decides;
  std::vector<double> times;  // µs
};

struct Finished {
  int code = -1;
  std::string out;
  double microseconds = 0;
};

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::exit(1);
}

double now_us() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

// posix_spawn is vfork and exec, as Node's and Bun's. stderr goes nowhere, for all alike.
Finished run(const std::vector<std::string>& words, const std::string& input) {
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  Finished done;
  const double begin = now_us();
  int in[2];
  int out[2];
  if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) give_up("pipe2");
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  ::posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  ::posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  pid_t pid = -1;
  const int failed = ::posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) {
    errno = failed;
    give_up(argv[0]);
  }
  ::close(in[0]);
  ::close(out[1]);
  // A program that does not read its input is no error here: /bin/true.
  [[maybe_unused]] const ssize_t wrote = ::write(in[1], input.data(), input.size());
  ::close(in[1]);
  char buffer[4096];
  for (ssize_t got = 0; (got = ::read(out[0], buffer, sizeof buffer)) > 0;) {
    done.out.append(buffer, static_cast<std::size_t>(got));
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  done.microseconds = now_us() - begin;
  ::close(out[0]);
  done.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return done;
}

std::string question(const char* command) {
  return std::string(
             R"({"session_id":"bench","transcript_path":"/tmp/t","cwd":"/tmp","permission_mode":"default",)"
             R"("hook_event_name":"PreToolUse","tool_name":"Bash","tool_use_id":"toolu_bench",)"
             R"("tool_input":{"command":")") +
         command + R"(","description":"bench"}})";
}

// A hook that is fast because it does not decide proves nothing.
void check(const Hook& hook, const Finished& done, bool denied) {
  if (!hook.decides) return;
  const bool told = done.out.find("\"deny\"") != std::string::npos;
  if (done.code == (denied ? 2 : 0) && told == denied) return;
  std::fprintf(stderr, "%s: exit %d: %s\n", hook.name, done.code, done.out.c_str());
  std::exit(1);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void print(const std::vector<Hook>& hooks) {
  const double ours = median(hooks.front().times);
  std::printf("%-18s %10s %10s %22s\n", "hook", "median us", "min", "berm-init's share of it");
  for (const Hook& hook : hooks) {
    std::printf("%-18s %10.0f %10.0f %22.3f\n", hook.name, median(hook.times),
                *std::min_element(hook.times.begin(), hook.times.end()), ours / median(hook.times));
  }
}

}  // namespace

// The last two arguments are ours, the rest is what berm says to the client: DIRECTORY ROUNDS
int main(int argc, char** argv) {
  if (argc < 3) return 1;
  ::signal(SIGPIPE, SIG_IGN);
  const std::string directory = argv[argc - 2];
  const int rounds = std::atoi(argv[argc - 1]);
  std::vector<Hook> hooks = {
      {"berm-init hook", {"/run/berm/berm-init", "hook", "claude"}, true, {}},
      {"python3", {"/usr/bin/python3", directory + "/hook.py"}, true, {}},
      {"node", {"/usr/bin/node", directory + "/hook.mjs"}, true, {}},
      {"bash and jq", {"/bin/bash", directory + "/hook.sh"}, true, {}},
      {"/bin/true", {"/bin/true"}, false, {}},
  };
  const std::string questions[] = {question("ls -la"), question("rm -rf /")};
  for (int round = -5; round < rounds; ++round) {
    const bool denied = round % 2 != 0;
    for (Hook& hook : hooks) {
      const Finished done = run(hook.argv, questions[denied ? 1 : 0]);
      check(hook, done, denied);
      if (round >= 0) hook.times.push_back(done.microseconds);
    }
  }
  print(hooks);
  return 0;
}
