#include "egress/serve.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/landlock_uapi.h"
#include "base/text.h"
#include "egress/connect_proxy.h"
#include "egress/events.h"
#include "egress/model_proxy.h"
#include "policy/parse.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr int kConfigFd = 0;
constexpr int kEventsFd = 1;
constexpr int kFirstListener = 3;
constexpr int kMostConnections = 256;

struct Configuration {
  std::vector<HostGrant> allow;
  bool proxy = false;
  std::uint32_t uid = 0;
  std::size_t listeners = 0;
  std::optional<ModelTarget> model;
};

Result<Configuration> read_configuration() {
  std::string text = BERM_TRY(read_all(kConfigFd, 1 << 20));
  const std::size_t newline = text.find('\n');
  const json parsed = json::parse(text.substr(0, newline), nullptr, false);
  if (!parsed.is_object() || newline == std::string::npos) {
    return failure(Errc::internal, "read the egress configuration");
  }
  Configuration out{.proxy = parsed.value("proxy", false),
                    .uid = parsed.value("uid", 0U),
                    .listeners = parsed.value("listeners", std::size_t{0})};
  for (const json& grant : parsed.value("allow", json::array())) {
    out.allow.push_back({grant.value("pattern", ""), grant.value("port", std::uint16_t{0})});
  }
  if (parsed.contains("model")) {
    ModelTarget target = BERM_TRY(parse_model_target(parsed["model"].value("upstream", "")));
    target.header = parsed["model"].value("header", "");
    target.key = std::make_shared<Secret>(text.substr(newline + 1));
    out.model = std::move(target);
  }
  ::explicit_bzero(text.data(), text.size());
  return out;
}

// Readable: how to resolve names and whom to trust. Nothing else, nothing writable, nothing
// executable.
Result<void> restrict_files() {
  const long abi =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, landlock::kCreateRulesetVersion);
  if (abi <= 0) return {};
  const landlock::RulesetAttr attributes{landlock::handled_fs(static_cast<int>(abi)), 0, 0};
  const UniqueFd ruleset(static_cast<int>(
      ::syscall(SYS_landlock_create_ruleset, &attributes, sizeof(std::uint64_t), 0)));
  if (!ruleset) return os_error("make egress's Landlock ruleset");
  for (const char* path :
       {"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/services",
        "/etc/ssl", "/etc/pki", "/usr/lib/ssl", "/usr/share/ca-certificates",
        "/usr/local/share/ca-certificates", "/run/systemd/resolve"}) {
    const UniqueFd fd(::open(path, O_PATH | O_CLOEXEC));
    if (!fd) continue;
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) continue;
    const landlock::PathBeneathAttr rule{
        S_ISDIR(status.st_mode) ? landlock::kReadFile | landlock::kReadDir : landlock::kReadFile,
        fd.get()};
    if (::syscall(SYS_landlock_add_rule, ruleset.get(), landlock::kRulePathBeneath, &rule, 0) !=
        0) {
      return os_error("add a Landlock rule");
    }
  }
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) {
    return os_error("restrict egress with Landlock");
  }
  return {};
}

Result<void> confine(const Configuration& configuration) {
  if (configuration.uid != 0) {
    if (::setgroups(0, nullptr) != 0 ||
        ::setresgid(configuration.uid, configuration.uid, configuration.uid) != 0 ||
        ::setresuid(configuration.uid, configuration.uid, configuration.uid) != 0) {
      return os_error("give up egress's uid");
    }
  }
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return os_error("confine egress");
  }
  return restrict_files();
}

// Accepts until the process is killed. A thread a connection, with a bound: past it, clients wait.
class Acceptor {
 public:
  Acceptor(int listener, std::function<void(UniqueFd)> serve)
      : listener_(listener), serve_(std::move(serve)) {}

  void accept_one() {
    UniqueFd client(::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC));
    if (!client) return;
    const timeval patience{600, 0};  // a client that says nothing for ten minutes holds nothing
    ::setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ++active;
    std::thread([this, fd = client.release()]() mutable {
      serve_(UniqueFd(fd));
      --active;
    }).detach();
  }

  [[nodiscard]] int fd() const { return listener_; }
  static std::atomic<int> active;

 private:
  int listener_;
  std::function<void(UniqueFd)> serve_;
};
std::atomic<int> Acceptor::active = 0;

[[noreturn]] void accept_forever(std::vector<Acceptor>& acceptors) {
  for (;;) {
    std::vector<pollfd> fds;
    const bool full = Acceptor::active >= kMostConnections;
    for (const Acceptor& acceptor : acceptors) {
      fds.push_back({full ? -1 : acceptor.fd(), POLLIN, 0});
    }
    if (::poll(fds.data(), fds.size(), full ? 20 : -1) < 0) continue;
    for (std::size_t i = 0; i < fds.size(); ++i) {
      if ((fds[i].revents & POLLIN) != 0) acceptors[i].accept_one();
    }
  }
}

}  // namespace

int serve_egress() {
  Result<Configuration> read = read_configuration();
  if (!read) return 125;
  static Configuration configuration = *std::move(read);
  static EventSink events(kEventsFd);
  if (const Result<void> confined = confine(configuration); !confined) {
    events.say({{"type", "egress.failed"}, {"what", confined.error().what}});
    return 125;
  }
  std::vector<Acceptor> acceptors;
  int listener = kFirstListener;
  if (configuration.proxy) {
    acceptors.emplace_back(listener++, [](UniqueFd client) {
      serve_connect(std::move(client), configuration.allow, events);
    });
  }
  if (configuration.model) {
    acceptors.emplace_back(listener++, [](UniqueFd client) {
      serve_model(std::move(client), *configuration.model, events);
    });
  }
  if (static_cast<std::size_t>(listener - kFirstListener) != configuration.listeners) return 125;
  events.say({{"type", "egress.start"}});
  accept_forever(acceptors);
}

}  // namespace berm
