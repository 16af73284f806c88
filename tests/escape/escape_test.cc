// tests/escape/escape_test.cc: every probe, inside the sandbox as root and as a user, each with a
// positive control and the layer that must have stopped it.
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <memory>
#include <sstream>

#include "harness.h"
#include "probes.h"

namespace berm::test {
namespace {

using Results = std::map<std::string, int>;

Results parse(const std::string& text) {
  Results out;
  std::istringstream lines(text);
  std::string name;
  int error = 0;
  while (lines >> name >> error) out[name] = error;
  return out;
}

// The things on the host that the probes look for: a file, sockets, a port, a process.
class Targets {
 public:
  explicit Targets(const std::string& directory) {
    marker_ = directory + "/host-secret";
    FILE* file = ::fopen(marker_.c_str(), "w");
    ::fputs("secret of the host\n", file);
    ::fclose(file);
    ::chmod(marker_.c_str(), 0666);
    socket_ = directory + "/daemon.sock";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    ::snprintf(address.sun_path, sizeof address.sun_path, "%s", socket_.c_str());
    unix_ = listening(AF_UNIX, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::chmod(socket_.c_str(), 0666);
    abstract_ = fmt::format("berm-test-{}", ::getpid());
    sockaddr_un hidden{};
    hidden.sun_family = AF_UNIX;
    ::snprintf(hidden.sun_path + 1, sizeof hidden.sun_path - 1, "%s", abstract_.c_str());
    abstract_fd_ =
        listening(AF_UNIX, reinterpret_cast<sockaddr*>(&hidden),
                  static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + abstract_.size()));
    sockaddr_in loopback{};
    loopback.sin_family = AF_INET;
    loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    tcp_ = listening(AF_INET, reinterpret_cast<sockaddr*>(&loopback), sizeof loopback);
    socklen_t length = sizeof loopback;
    ::getsockname(tcp_, reinterpret_cast<sockaddr*>(&loopback), &length);
    port_ = ntohs(loopback.sin_port);
    process_ = ::fork();
    if (process_ == 0) {
      for (;;) ::pause();
    }
  }
  ~Targets() {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    for (const int fd : {unix_, abstract_fd_, tcp_}) ::close(fd);
  }

  [[nodiscard]] std::map<std::string, std::string> env(const std::string& record) const {
    return {{"BERM_PROBE_MARKER", marker_},
            {"BERM_PROBE_SOCKET", socket_},
            {"BERM_PROBE_ABSTRACT", abstract_},
            {"BERM_PROBE_PORT", std::to_string(port_)},
            {"BERM_PROBE_PID", std::to_string(process_)},
            {"BERM_PROBE_RECORD", record}};
  }

 private:
  static int listening(int family, const sockaddr* address, socklen_t length) {
    const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::bind(fd, address, length), 0);
    EXPECT_EQ(::listen(fd, 64), 0);
    return fd;
  }

  std::string marker_, socket_, abstract_;
  int unix_ = -1, abstract_fd_ = -1, tcp_ = -1, port_ = 0;
  pid_t process_ = -1;
};

// Everything is run once; the tests then look at the results.
class Arena {
 public:
  static Arena& get() {
    static Arena arena;
    return arena;
  }

  [[nodiscard]] const Results& inside(As as) const { return inside_.at(as); }
  [[nodiscard]] const Results& control(probe::Control control) const {
    return control == probe::Control::outside ? outside_ : namespaces_;
  }

 private:
  Arena() {
    for (const As as : identities()) run_inside(as);
    if (::geteuid() == 0) run_controls();
  }

  void prepare(const Site& site) const {
    site.write(".env", "SECRET=1\n");
    site.write("deep/er/server.pem", "key\n");
    std::filesystem::copy_file(site.root() + "/bin/escape-probe",
                               site.repository() + "/escape-probe");
  }

  void run_inside(As as) {
    Site site(as);
    prepare(site);
    const Targets targets(site.root());
    std::vector<std::string> arguments = {"run", "--json", "--env",
                                          "BERM_PROBE_RECORD=" + site.root() + "/state/berm/runs"};
    for (const auto& [name, value] : targets.env("")) {
      if (name != "BERM_PROBE_RECORD") {
        arguments.insert(arguments.end(), {"--env", name + "=" + value});
      }
    }
    arguments.insert(arguments.end(), {"--", "./escape-probe", "inside"});
    // What an embedding program may leak: an open descriptor, variables.
    const int leaked = ::open("/etc/passwd", O_RDONLY);
    ::dup2(leaked, 9);
    const Finished finished = site.berm(Invocation{
        .arguments = arguments, .env = {{"BERM_TEST_SECRET", "x"}, {"BERM_TEST_LOADER", "x"}}});
    ::close(9);
    ::close(leaked);
    inside_[as] = parse(finished.err);  // --json: the agent's output is on stderr
    EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
  }

  void run_controls() {
    Site site(As::root);
    prepare(site);
    const Targets targets(site.root());
    std::map<std::string, std::string> env = site.environment();
    for (const auto& [name, value] : targets.env(site.root() + "/state")) env[name] = value;
    env["BERM_TEST_SECRET"] = env["BERM_TEST_LOADER"] = "x";
    const int leaked = ::open("/etc/passwd", O_RDONLY);
    ::dup2(leaked, 9);
    outside_ =
        parse(run_as(As::root, {"./escape-probe", "outside"}, env, site.repository(), "").out);
    ::close(9);
    ::close(leaked);
    namespaces_ =
        parse(run_as(As::root, {"./escape-probe", "namespaces"}, env, site.repository(), "").out);
  }

  std::map<As, Results> inside_;
  Results outside_;
  Results namespaces_;
};

using Case = std::tuple<const probe::Probe*, As>;
class EscapeTest : public testing::TestWithParam<Case> {};

std::vector<Case> all_cases() {
  std::vector<Case> out;
  for (const As as : identities()) {
    for (const probe::Probe& probe : probe::probes()) out.emplace_back(&probe, as);
  }
  return out;
}

int landlock_abi() {
  return static_cast<int>(::syscall(SYS_landlock_create_ruleset, nullptr, 0, 1U));
}

TEST_P(EscapeTest, IsDenied) {
  const auto& [probe, as] = GetParam();
  const std::string name(probe->name);
  // Control: the same act works outside. Without it, a host that lacks the target passes and proves
  // nothing.
  const Results& controls = Arena::get().control(probe->control);
  if (!controls.contains(name) || controls.at(name) != 0) {
    BERM_SKIP_OR_FAIL("the control does not work here: "
                      << name << " errno " << (controls.contains(name) ? controls.at(name) : -1));
  }
  const Results& inside = Arena::get().inside(as);
  ASSERT_TRUE(inside.contains(name)) << "the probe did not run";
  if (name == "signal_init" && landlock_abi() < 6) {
    // Before Landlock's signal scope the call succeeds and the kernel drops the signal: PID 1 of a
    // namespace takes none from inside that it has no handler for (pid_namespaces(7)). That the
    // probes after this one ran is the proof.
    EXPECT_EQ(inside.at(name), 0);
    EXPECT_TRUE(inside.contains(std::string(probe::probes().back().name)));
    return;
  }
  // Without Landlock it is the missing capability that stops a device node.
  const bool without_landlock = landlock_abi() < 1 && name == "make_block_device";
  EXPECT_NE(inside.at(name), 0) << "SANDBOX ESCAPE: " << name;
  EXPECT_EQ(inside.at(name), without_landlock ? EPERM : probe->denied_with)
      << "denied, but not by the layer we think (" << probe->layer << ")";
}

INSTANTIATE_TEST_SUITE_P(Namespace, EscapeTest, testing::ValuesIn(all_cases()),
                         [](const auto& suite) {
                           return std::string(std::get<0>(suite.param)->name) + "_as_" +
                                  name_of(std::get<1>(suite.param));
                         });

TEST(EscapeSuite, HasAtLeastSixtyProbes) { EXPECT_GE(probe::probes().size(), 60U); }

}  // namespace
}  // namespace berm::test
