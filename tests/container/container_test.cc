// tests/container/container_test.cc: runs in containers of engines that this test starts itself.
#include <gtest/gtest.h>

#include <memory>

#include "engines.h"

namespace berm::test {
namespace {

using nlohmann::json;

class Containers : public testing::TestWithParam<std::string> {
 protected:
  static void SetUpTestSuite() {
    if (::geteuid() != 0 || !engines_installed()) return;
    daemon = std::make_unique<Dockerd>();
  }
  static void TearDownTestSuite() { daemon.reset(); }

  void SetUp() override {
    if (::geteuid() != 0) BERM_SKIP_OR_FAIL("starts engines as root");
    if (daemon == nullptr) BERM_SKIP_OR_FAIL("docker.io and podman");
    environment = engine_environment(site, *daemon);
    const Finished built = berm({"image", "build", "--engine", GetParam()});
    ASSERT_EQ(built.code, 0) << built.err;
  }
  void TearDown() override { release_storage(site); }

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
  EXPECT_TRUE(within(std::chrono::seconds(20), [&] { return left_over().empty(); })) << left_over();
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
  EXPECT_TRUE(within(std::chrono::seconds(20), [&] { return left_over().empty(); })) << left_over();
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

// berm as a job of somebody else's container, as GitLab's docker executor starts it: the engine's
// own seccomp profile, no capability added, no namespace to be had.
TEST_P(Containers, InsideAPlainContainerTheProcessTierHolds) {
  const std::string image =
      (GetParam() == "podman" ? "localhost/berm/base:" : "berm/base:") + std::string(BERM_VERSION);
  site.shell("cp -a . ../inner && chown -R 1234:1234 ../inner");
  const std::string script = R"sh(mkdir /tmp/s; cd /repo; berm=/opt/berm/berm
$berm run --on-success apply -- sh -c 'echo made > made; python3 -c "
import socket
s = socket.socket(); s.bind((\"127.0.0.1\", 0)); s.listen()
print(socket.create_connection(s.getsockname()).getpeername()[0])"'; cat made; $berm drill)sh";
  std::vector<std::string> argv = {GetParam()};
  if (GetParam() == "podman") argv.insert(argv.end(), {"--runtime", "runc"});
  argv.insert(argv.end(), {"run",
                           "--ulimit",
                           "nofile=1024:1024",
                           "--ulimit",
                           "nproc=1024:1024",
                           "--rm",
                           "--network",
                           "none",
                           "--user",
                           "1234:1234",
                           "--entrypoint",
                           "sh",
                           "-v",
                           "/usr:/usr:ro",
                           "-v",
                           site.root() + "/bin:/opt/berm:ro",
                           "-v",
                           site.root() + "/inner:/repo",
                           "--tmpfs",
                           "/tmp:exec,mode=1777",
                           "--tmpfs",
                           "/var/tmp:exec,mode=1777",
                           "-e",
                           "HOME=/tmp",
                           "-e",
                           "XDG_STATE_HOME=/tmp/s",
                           image,
                           "-c",
                           script});
  const Finished done = run_as(As::root, argv, environment, "/", "");
  EXPECT_EQ(done.code, 0) << done.out << done.err;
  EXPECT_TRUE(done.out.starts_with("127.0.0.1\nmade\n")) << done.out << done.err;
  EXPECT_NE(done.err.find("the namespace tier was passed over"), std::string::npos) << done.err;
  EXPECT_NE(done.out.find("process tier: 150 acts"), std::string::npos) << done.out;
  EXPECT_NE(done.out.find(" 0 escaped"), std::string::npos) << done.out;
}

// An ordinary user's own engine. He has a name and a range of uids on this host only, which is the
// machine's but for three files.
class RootlessPodman : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0 || !engines_installed() || ::access("/usr/bin/newuidmap", X_OK) != 0) {
      BERM_SKIP_OR_FAIL("podman and newuidmap; changing the host needs root");
    }
  }
  // The process that holds podman's user namespace outlives it.
  void TearDown() override {
    (void)run_as(As::root,
                 {"unshare", "--mount", "sh", "-c",
                  host() + "; exec setpriv --reuid " + id + " --regid " + id +
                      " --clear-groups podman system migrate"},
                 site.environment(), "/", "");
  }
  std::string host() const {
    const std::string at = site.root() + "/own";
    const std::string name = "berm-test";
    return "mkdir -p " + at + "/home " + at + "/run; cp /etc/passwd " + at + "/passwd; echo '" +
           name + ":x:" + id + ":" + id + "::" + at + "/home:/bin/sh' >> " + at +
           "/passwd; echo '" + name + ":300000:65536' > " + at + "/subid; mount --bind " + at +
           "/passwd /etc/passwd; for file in subuid subgid; do mount --bind " + at +
           "/subid /etc/$file; done; chown " + id + ":" + id + " " + at + "/home " + at +
           "/run; chmod 700 " + at + "/run; export HOME=" + at + "/home XDG_RUNTIME_DIR=" + at +
           "/run PATH=/usr/sbin:/usr/bin:/sbin:/bin";
  }
  Finished berm(const std::vector<std::string>& arguments) const {
    return site.berm_on(host(), arguments);
  }

  const std::string id = std::to_string(kUserId);
  Site site{As::user};
};

TEST_F(RootlessPodman, HoldsARunWithoutAnyRightOfRoots) {
  const Finished built = berm({"image", "build", "--engine", "podman"});
  ASSERT_EQ(built.code, 0) << built.err;
  const Finished done =
      berm({"run", "--json", "--tier", "container", "--engine", "podman", "--runtime", "runc",
            "--on-success", "apply", "--", "sh", "-c",
            "id -u; echo made > made; grep -E '^Cap(Prm|Bnd)' /proc/self/status"});
  ASSERT_EQ(done.code, 0) << done.err << done.out;
  EXPECT_TRUE(done.err.starts_with(id + "\n")) << done.err;
  EXPECT_NE(done.err.find("CapBnd:\t0000000000000000"), std::string::npos) << done.err;
  EXPECT_NE(done.out.find("rootless"), std::string::npos) << done.out;
  EXPECT_EQ(site.read("made"), "made\n");
  const Finished left =
      berm({"run", "--tier", "container", "--engine", "podman", "--runtime", "runc", "--", "sh",
            "-c", "curl -sS -m 5 http://169.254.169.254/; exit 7"});
  EXPECT_EQ(left.code, 7) << left.err;
}

// What becomes of a run whose engine does not live as long.
class EngineLost : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0 || !engines_installed()) BERM_SKIP_OR_FAIL("docker.io, as root");
    daemon.emplace();
    variables = site.environment();
    for (const auto& [name, value] : engine_environment(site, *daemon)) variables[name] = value;
    ASSERT_EQ(run_as(As::root, {site.program(), "image", "build", "--engine", "docker"}, variables,
                     site.repository(), "")
                  .code,
              0);
  }
  pid_t start(const std::string& script) {
    const pid_t berm = spawn({site.program(), "run", "--tier", "container", "--engine", "docker",
                              "--runtime", "runc", "--", "sh", "-c", "touch began; " + script},
                             variables, site.repository());
    EXPECT_TRUE(within(std::chrono::seconds(20), [&] { return has_begun(); }));
    return berm;
  }
  bool has_begun() const {
    std::error_code ignored;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(site.root() + "/state", ignored)) {
      if (entry.path().filename() == "began") return true;
    }
    return false;
  }
  static int end_of(pid_t berm) {
    int status = 0;
    ::waitpid(berm, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  Site site{As::root};
  std::optional<Dockerd> daemon;
  std::map<std::string, std::string> variables;
};

TEST_F(EngineLost, AKilledEngineDoesNotEndTheRunNorItsVerdict) {
  const pid_t berm = start("sleep 1; exit 3");
  daemon->kill();
  EXPECT_EQ(end_of(berm), 3);
}

TEST_F(EngineLost, AKilledShimEndsTheRunAndNothingIsLeft) {
  const pid_t berm = start("exec sleep 4244");
  const std::vector<pid_t> shims = daemon->shims();
  ASSERT_EQ(shims.size(), 1U);
  ::kill(shims[0], SIGKILL);
  EXPECT_NE(end_of(berm), 0);
  const auto sleeps = [&] {
    return run_as(As::root, {"pgrep", "-f", "-x", "sleep 4244"}, variables, "/", "").code == 0;
  };
  EXPECT_TRUE(within(std::chrono::seconds(20), [&] { return !sleeps(); }));
}

TEST_F(EngineLost, AnEngineThatRefusesIsToldBeforeAnythingStarts) {
  variables["DOCKER_HOST"] = "unix:///nonexistent";
  const Finished done = run_as(
      As::root, {site.program(), "run", "--tier", "container", "--engine", "docker", "--", "true"},
      variables, site.repository(), "");
  EXPECT_EQ(done.code, 125);
  EXPECT_NE(done.err.find("daemon does not answer"), std::string::npos) << done.err;
}

INSTANTIATE_TEST_SUITE_P(Engines, Containers, testing::Values("docker", "podman"),
                         [](const auto& engine) { return engine.param; });

}  // namespace
}  // namespace berm::test
