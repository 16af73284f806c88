// tests/container/container_test.cc: runs in containers of engines that this test starts itself:
// a dockerd with its own data root in namespaces of its own, and podman with its own storage.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <thread>

#include "harness.h"

namespace berm::test {
namespace {

using nlohmann::json;

bool within(std::chrono::seconds time, const std::function<bool()>& happens) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
    if (happens()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return happens();
}

// Forks and starts `argv`; its output is nobody's.
pid_t spawn(const std::vector<std::string>& argv, const std::map<std::string, std::string>& env,
            const std::string& directory) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  const int null_fd = ::open("/dev/null", O_RDWR);
  for (int fd = 0; fd <= 2; ++fd) ::dup2(null_fd, fd);
  if (::chdir(directory.c_str()) != 0) ::_exit(126);
  std::vector<std::string> variables;
  for (const auto& [name, value] : env) variables.push_back(name + "=" + value);
  std::vector<char*> words, environment;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  for (const std::string& one : variables) environment.push_back(const_cast<char*>(one.c_str()));
  words.push_back(nullptr);
  environment.push_back(nullptr);
  ::execvpe(words[0], words.data(), environment.data());
  ::_exit(127);
}

class Dockerd {
 public:
  Dockerd() {
    directory_ =
        std::filesystem::temp_directory_path() / ("berm-dockerd-" + std::to_string(::getpid()));
    std::filesystem::create_directories(directory_);
    std::ofstream(directory_ / "config.json") << "{}";
    const std::string at = directory_.string();
    // Its networks and mounts are its own. crun refuses a hybrid of both cgroup versions.
    const std::string script =
        "umount /sys/fs/cgroup/unified 2>/dev/null; ip link set lo up; exec dockerd --data-root " +
        at + "/data --exec-root " + at + "/exec --pidfile " + at + "/pid -H unix://" + at +
        "/sock --config-file " + at +
        "/config.json --iptables=false --ip6tables=false --bridge=none --ip-forward=false";
    pid_ = spawn({"unshare", "-m", "-n", "--propagation", "private", "sh", "-c", script},
                 {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}}, "/");
    within(std::chrono::seconds(20), [&] { return std::filesystem::exists(directory_ / "sock"); });
  }
  ~Dockerd() {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  [[nodiscard]] std::string host() const { return "unix://" + (directory_ / "sock").string(); }

 private:
  std::filesystem::path directory_;
  pid_t pid_ = -1;
};

class Containers : public testing::TestWithParam<std::string> {
 protected:
  static void SetUpTestSuite() {
    if (::geteuid() != 0 || ::access("/usr/sbin/dockerd", X_OK) != 0) return;
    daemon = std::make_unique<Dockerd>();
  }
  static void TearDownTestSuite() { daemon.reset(); }

  void SetUp() override {
    if (::geteuid() != 0) BERM_SKIP_OR_FAIL("starts engines as root");
    if (daemon == nullptr || ::access("/usr/bin/podman", X_OK) != 0)
      BERM_SKIP_OR_FAIL("docker.io and podman");
    environment = {{"DOCKER_HOST", daemon->host()},
                   {"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"},
                   {"CONTAINERS_STORAGE_CONF", site.root() + "/storage.conf"}};
    std::ofstream(site.root() + "/storage.conf")
        << "[storage]\ndriver = \"overlay\"\ngraphroot = \"" << site.root()
        << "/graph\"\nrunroot = \"" << site.root() << "/run\"\n";
    const Finished built = berm({"image", "build", "--engine", GetParam()});
    ASSERT_EQ(built.code, 0) << built.err;
  }
  void TearDown() override {
    // Podman keeps its storage mounted.
    (void)run_as(As::root,
                 {"sh", "-c", "umount " + site.root() + "/graph/overlay 2>/dev/null; true"},
                 environment, "/", "");
  }

  Finished berm(const std::vector<std::string>& arguments) {
    return site.berm(Invocation{.arguments = arguments, .env = environment});
  }
  std::vector<std::string> words(const std::string& script,
                                 const std::vector<std::string>& options) {
    std::vector<std::string> all = {"run",      "--json",   "--tier",    "container",
                                    "--engine", GetParam(), "--runtime", "runc"};
    all.insert(all.end(), options.begin(), options.end());
    for (const char* word : {"--", "sh", "-c"}) all.emplace_back(word);
    all.push_back(script);
    return all;
  }
  Finished run(const std::string& script, const std::vector<std::string>& options = {}) {
    return berm(words(script, options));
  }
  std::string left_over() {
    return run_as(As::root, {GetParam(), "ps", "--all", "--quiet"}, environment, "/", "").out;
  }

  Site site{As::root};
  std::map<std::string, std::string> environment;
  static std::unique_ptr<Dockerd> daemon;
};
std::unique_ptr<Dockerd> Containers::daemon;

TEST_P(Containers, WhatARunChangesIsImportedAndNothingElseIs) {
  const Finished done = run("echo changed > made.txt && git add made.txt && git status --short");
  ASSERT_EQ(done.code, 0) << done.err << done.out;
  EXPECT_FALSE(site.has("made.txt"));
  const Finished applied = berm({"apply", done.json()["id"].get<std::string>()});
  EXPECT_EQ(applied.code, 0) << applied.err;
  EXPECT_EQ(site.read("made.txt"), "changed\n");
  EXPECT_EQ(left_over(), "");
}

TEST_P(Containers, TheAgentHasNoCapabilityNoRootAndTwoFiltersAndOurs) {
  const Finished done =
      run("id -u; grep -E '^(Cap|NoNewPrivs|Seccomp_filters)' /proc/self/status; touch /usr/x");
  EXPECT_NE(done.code, 0);
  EXPECT_EQ(done.err.find("uid=0"), std::string::npos);
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}) {
    EXPECT_NE(done.err.find(std::string(set) + ":\t0000000000000000"), std::string::npos)
        << done.err;
  }
  EXPECT_NE(done.err.find("NoNewPrivs:\t1"), std::string::npos);
  EXPECT_NE(done.err.find("Seccomp_filters:\t3"), std::string::npos);
}

TEST_P(Containers, AnUngrantedNameIsRefusedAndRecorded) {
  const Finished done =
      run("curl -sS -m 5 https://example.com; test $? -ne 0", {"--allow", "example.org"});
  ASSERT_EQ(done.code, 0) << done.err << done.out;
  EXPECT_NE(done.out.find("example.com:443"), std::string::npos) << done.out;
}

TEST_P(Containers, TheExitCodeIsTheAgents) { EXPECT_EQ(run("exit 7").code, 7); }

TEST_P(Containers, MemoryAndProcessesAreHeld) {
  EXPECT_EQ(run("python3 -c 'bytearray(200 << 20)'", {"--memory", "64MiB"}).code, 121);
  EXPECT_EQ(run("for i in $(seq 60); do sleep 5 & done; wait", {"--processes", "20"}).code, 121);
  EXPECT_EQ(left_over(), "");
}

TEST_P(Containers, AMissingImageIsToldWithItsFix) {
  const Finished done = run("true", {"--image", "localhost/nope:1"});
  EXPECT_EQ(done.code, 125);
  EXPECT_NE((done.err + done.out).find("berm image build"), std::string::npos)
      << done.err << done.out;
}

TEST_P(Containers, AKilledBermLeavesNothing) {
  std::map<std::string, std::string> variables = site.environment();
  for (const auto& [name, value] : environment) variables[name] = value;
  std::vector<std::string> argv = {site.program()};
  for (const std::string& word : words("exec sleep 4243", {})) argv.push_back(word);
  const pid_t berm = spawn(argv, variables, site.repository());
  const auto sleeps = [&] {
    return run_as(As::root, {"pgrep", "-f", "-x", "sleep 4243"}, variables, "/", "").code == 0;
  };
  ASSERT_TRUE(within(std::chrono::seconds(20), sleeps));
  ::kill(berm, SIGKILL);
  ::waitpid(berm, nullptr, 0);
  EXPECT_TRUE(within(std::chrono::seconds(20), [&] { return !sleeps(); }));
  EXPECT_TRUE(within(std::chrono::seconds(20), [&] { return left_over().empty(); })) << left_over();
}

INSTANTIATE_TEST_SUITE_P(Engines, Containers, testing::Values("docker", "podman"),
                         [](const auto& engine) { return engine.param; });

}  // namespace
}  // namespace berm::test
