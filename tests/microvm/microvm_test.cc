// tests/microvm/microvm_test.cc: runs on a kernel of their own: QEMU with an emulated processor, so
// that it is the same on every host, as root and as a user.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>

#include "engines.h"

namespace berm::test {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

std::string machine_image() {
  const char* built = std::getenv("BERM_TEST_MACHINE");
  return built != nullptr ? built : "";
}

class Microvm : public testing::TestWithParam<As> {
 protected:
  void SetUp() override {
    if (::access("/usr/bin/qemu-system-x86_64", X_OK) != 0) BERM_SKIP_OR_FAIL("qemu-system-x86");
    if (!fs::exists(machine_image() + "/kernel")) BERM_SKIP_OR_FAIL("berm image build --microvm");
    site.emplace(GetParam());
  }
  [[nodiscard]] static std::vector<std::string> words(const std::string& script,
                                                      const std::vector<std::string>& options) {
    std::vector<std::string> all = {"run", "--json", "--tier", "microvm", "--emulate"};
    all.insert(all.end(), options.begin(), options.end());
    for (const char* word : {"--", "sh", "-c"}) all.emplace_back(word);
    all.push_back(script);
    return all;
  }
  Finished run(const std::string& script, const std::vector<std::string>& options = {},
               const std::string& input = {}) {
    return site->berm(Invocation{.arguments = words(script, options), .input = input});
  }
  // A run that lasts until it is ended from outside, once its machine is there.
  pid_t start_lasting() {
    std::vector<std::string> argv = {site->program()};
    for (const std::string& word : words("touch began; exec sleep 4242", {})) argv.push_back(word);
    if (GetParam() == As::user && ::geteuid() == 0) {
      argv.insert(argv.begin(),
                  {"setpriv", "--reuid", "4242", "--regid", "4242", "--clear-groups"});
    }
    return spawn(argv, site->environment(), site->repository());
  }

  std::optional<Site> site;
};
INSTANTIATE_TEST_SUITE_P(As, Microvm, testing::ValuesIn(identities()),
                         [](const auto& suite) { return name_of(suite.param); });

// What does not depend on who runs it: once.
class MicrovmOfAUser : public Microvm {};
INSTANTIATE_TEST_SUITE_P(As, MicrovmOfAUser, testing::Values(As::user),
                         [](const auto& suite) { return name_of(suite.param); });

pid_t parent_of(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string word; status >> word;) {
    pid_t parent = 0;
    if (word == "PPid:" && status >> parent) return parent;
  }
  return 0;
}

bool is_below(pid_t pid, pid_t ancestor) {
  for (; pid > 1; pid = parent_of(pid)) {
    if (pid == ancestor) return true;
  }
  return false;
}

// The monitor of the run that `berm` leads; 0 = there is none (yet).
pid_t monitor_of(pid_t berm) {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc", ignored)) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    std::string name;
    std::getline(std::ifstream(entry.path() / "comm"), name);
    if (pid > 0 && name.starts_with("qemu-system") && is_below(pid, berm)) return pid;
  }
  return 0;
}

bool is_alive(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/stat");
  std::string number, name, state;
  status >> number >> name >> state;
  return !state.empty() && state != "Z";
}

TEST_P(Microvm, TheAgentHasAKernelOfItsOwnAndItsChangesComeBack) {
  const Finished done = run("uname -r >&2; id -u >&2; echo made > new.txt; git add new.txt");
  ASSERT_EQ(done.code, 0) << done.err << done.out;
  utsname host{};
  ::uname(&host);
  EXPECT_EQ(done.err.find(host.release), std::string::npos) << done.err;
  EXPECT_EQ(done.json()["tier"], "microvm");
  EXPECT_FALSE(site->has("new.txt"));
  const Finished applied = site->berm({"apply", done.json()["id"].get<std::string>()});
  EXPECT_EQ(applied.code, 0) << applied.err;
  EXPECT_EQ(site->read("new.txt"), "made\n");
}

TEST_P(MicrovmOfAUser, InsideItIsConfinedAsInEveryTier) {
  const Finished done =
      run("id -u; grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status; ls /sys");
  EXPECT_EQ(done.err.find("uid=0"), std::string::npos);
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}) {
    EXPECT_NE(done.err.find(std::string(set) + ":\t0000000000000000"), std::string::npos)
        << done.err;
  }
  EXPECT_NE(done.err.find("NoNewPrivs:\t1"), std::string::npos);
  EXPECT_NE(done.err.find("Seccomp:\t2"), std::string::npos);
}

TEST_P(Microvm, StreamsAndTheExitCodeAreTheAgents) {
  std::string input;
  for (int i = 0; i < 40000; ++i) input += "line " + std::to_string(i) + "\n";
  const Finished done = run("sha256sum; echo told >&2; exit 7", {}, input);
  EXPECT_EQ(done.code, 7) << done.err;
  const Finished same = run_as(As::root, {"sha256sum"}, {{"PATH", "/usr/bin:/bin"}}, "/", input);
  EXPECT_NE(done.err.find(same.out), std::string::npos) << done.err;
  EXPECT_NE(done.err.find("told"), std::string::npos);
}

TEST_P(MicrovmOfAUser, TheNetworkIsThePlans) {
  const Finished done =
      run("curl -sS -m 10 https://example.com; curl -sS --noproxy '*' -m 10 http://192.0.2.1/; "
          "getent hosts example.org; getent hosts example.com",
          {"--allow", "example.org"});
  EXPECT_NE(done.out.find("example.com:443"), std::string::npos) << done.out;
  EXPECT_NE(done.err.find("example.org"), std::string::npos) << done.err;
  EXPECT_NE(done.err.find("response 403"), std::string::npos) << done.err;
  EXPECT_NE(done.err.find("connect to 192.0.2.1"), std::string::npos) << done.err;
}

TEST_P(MicrovmOfAUser, ATerminalIsTheMachinesOwn) {
  std::string command = site->program() +
                        " run --tier microvm --emulate -- sh -c \"tty; stty size; "
                        "read x; echo got \\$x\"";
  const Finished done = run_as(GetParam(), {"script", "-qec", command, "/dev/null"},
                               site->environment(), site->repository(), "hello\n");
  EXPECT_EQ(done.code, 0) << done.out;
  EXPECT_NE(done.out.find("/dev/pts/0"), std::string::npos) << done.out;
  EXPECT_NE(done.out.find("got hello"), std::string::npos) << done.out;
}

TEST_P(MicrovmOfAUser, AContainerEngineWorksInsideOnTheWorkspace) {
  if (!engines_installed()) BERM_SKIP_OR_FAIL("podman");
  site->write("policy.toml", "version = 1\n[microvm]\ncontainers = true\n[tools]\npacks = []\n");
  const Finished done =
      run("set -e; mkdir -p /tmp/c/w /tmp/c/usr; cd /tmp/c; ln -s usr/bin bin; ln -s usr/lib lib; "
          "ln -s usr/lib64 lib64; tar -cf /tmp/c.tar .; cd - >/dev/null; "
          "podman --remote import -q /tmp/c.tar localhost/base:1; "
          "podman --remote run --rm -v /usr:/usr:ro -v $PWD:/w localhost/base:1 "
          "sh -c 'id -u; echo made inside > /w/made.txt'; "
          "printf 'FROM localhost/base:1\\nCOPY README.md /\\n' > Containerfile; "
          "podman --remote build -q -t localhost/built:1 .; cat made.txt",
          {"--policy", "policy.toml"});
  ASSERT_EQ(done.code, 0) << done.err;
  EXPECT_NE(done.err.find("made inside"), std::string::npos) << done.err;
  EXPECT_NE(done.out.find("\"made.txt\""), std::string::npos) << done.out;
  EXPECT_NE(done.out.find("become root of the machine"), std::string::npos) << done.out;
}

TEST_P(Microvm, AKilledMonitorEndsTheRunAsALostBoundary) {
  const pid_t berm = start_lasting();
  pid_t monitor = 0;
  ASSERT_TRUE(within(std::chrono::seconds(30), [&] { return (monitor = monitor_of(berm)) > 0; }));
  ::kill(monitor, SIGKILL);
  int status = 0;
  ASSERT_EQ(::waitpid(berm, &status, 0), berm);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 122);
}

TEST_P(Microvm, AKilledBermLeavesNothing) {
  const pid_t berm = start_lasting();
  pid_t monitor = 0;
  ASSERT_TRUE(within(std::chrono::seconds(30), [&] { return (monitor = monitor_of(berm)) > 0; }));
  ::kill(berm, SIGKILL);
  ::waitpid(berm, nullptr, 0);
  EXPECT_TRUE(within(std::chrono::seconds(20), [&] { return !is_alive(monitor); }));
}

TEST_P(MicrovmOfAUser, AMachineThatDoesNotBootSaysWhy) {
  const std::string initramfs = site->root() + "/cache/berm/microvm/initramfs";
  fs::resize_file(initramfs, 100000);
  const Finished done = run("true");
  EXPECT_EQ(done.code, 122) << done.out;
  EXPECT_NE(done.err.find("the virtual machine did not boot"), std::string::npos) << done.err;
  EXPECT_NE(done.err.find("Kernel panic"), std::string::npos) << done.err;
}

TEST_P(MicrovmOfAUser, WhatItNeedsIsToldBeforeAnythingStarts) {
  const Finished small = run("true", {"--memory", "64MiB"});
  EXPECT_EQ(small.code, 125);
  EXPECT_NE((small.err + small.out).find("it needs 640 MiB"), std::string::npos) << small.err;
  std::ofstream(site->root() + "/cache/berm/microvm/berm-version") << "0.0.0\n";
  EXPECT_NE(run("true").err.find("another version of berm"), std::string::npos);
  fs::remove_all(site->root() + "/cache/berm");
  const Finished none = run("true");
  EXPECT_EQ(none.code, 125);
  EXPECT_NE(none.err.find("berm image build --microvm"), std::string::npos) << none.err;
}

TEST_P(MicrovmOfAUser, KvmIsBelievedOnlyWhenAGuestHasBooted) {
  if (::geteuid() != 0) BERM_SKIP_OR_FAIL("lays another device over /dev/kvm");
  // It opens, for everybody, and is none.
  const Finished done =
      site->berm_on("test -e /dev/kvm || : > /dev/kvm; mount --bind /dev/null /dev/kvm",
                    {"run", "--tier", "microvm", "--", "true"});
  EXPECT_EQ(done.code, 125) << done.out << done.err;
  EXPECT_NE(done.err.find("did not boot with it"), std::string::npos) << done.err;
  EXPECT_NE(done.err.find("--emulate"), std::string::npos) << done.err;
}

}  // namespace
}  // namespace berm::test
