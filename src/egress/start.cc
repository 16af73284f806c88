#include "egress/start.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/secret.h"
#include "egress/serve.h"

namespace berm {
namespace {

using nlohmann::json;

Result<Secret> read_key(const std::string& from) {
  const std::string name = from.substr(from.find(':') + 1);
  const char* value = ::getenv(name.c_str());
  if (value == nullptr || *value == '\0') {
    return failure(Errc::usage,
                   fmt::format("the model API's key is not there: {} is not set", name),
                   fmt::format("export {} before berm run; the agent itself never sees it", name));
  }
  return Secret(std::string(value));
}

json configuration(const Plan& plan, std::size_t listeners) {
  json allow = json::array();
  for (const HostGrant& grant : plan.egress.allow) {
    allow.push_back({{"pattern", grant.pattern}, {"port", grant.port}});
  }
  json out = {{"listeners", listeners},
              {"proxy", plan.egress.proxy_port != 0},
              {"allow", std::move(allow)}};
  if (plan.identity.from_root) out["uid"] = plan.identity.host_uid;
  if (plan.egress.model) {
    out["model"] = {{"upstream", plan.egress.model->upstream},
                    {"header", plan.egress.model->header}};
  }
  return out;
}

// Between fork and exec: no allocation.
[[noreturn]] void become_egress(int program, const std::vector<int>& fds) {
  for (std::size_t i = 0; i < fds.size(); ++i) {
    if (::dup2(fds[i], static_cast<int>(i)) < 0) ::_exit(125);
  }
  ::close_range(static_cast<unsigned>(fds.size()), ~0U, CLOSE_RANGE_CLOEXEC);
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // A terminal's Ctrl-C is the run's, not the proxy's.
  ::setsid();
  char name[] = "berm";
  char command[] = "egress";
  char* const argv[] = {name, command, nullptr};
  char* const env[] = {nullptr};
  ::fexecve(program, argv, env);
  ::_exit(125);
}

}  // namespace

Result<void> check_egress(const Plan& plan) {
  if (plan.egress.model) BERM_TRY(read_key(plan.egress.model->key_from));
  return {};
}

Result<EgressProcess> start_egress(const Plan& plan, std::vector<UniqueFd> listeners) {
  Pipe config = BERM_TRY(make_pipe());
  Pipe events = BERM_TRY(make_pipe());
  const UniqueFd self = BERM_TRY(open_file("/proc/self/exe", O_RDONLY));
  const UniqueFd null = BERM_TRY(open_file("/dev/null", O_RDWR));
  // 0: configuration and key · 1: events · 2: our stderr · 3…: listeners (see egress/serve.h)
  std::vector<UniqueFd> lifted;
  const auto lift = [&](int fd) { lifted.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, 64)); };
  lift(config.read.get());
  lift(events.write.get());
  lift(2);
  for (const UniqueFd& listener : listeners) lift(listener.get());
  std::vector<int> fds;
  for (const UniqueFd& fd : lifted) fds.push_back(fd.get());
  const pid_t pid = ::fork();
  if (pid < 0) return os_error("start the egress process");
  if (pid == 0) become_egress(self.get(), fds);
  EgressProcess egress{.process = BERM_TRY(ChildProcess::adopt(pid)),
                       .events = std::move(events.read)};
  config.read.reset();
  const std::string text = configuration(plan, listeners.size()).dump() + "\n";
  BERM_TRY(write_all(config.write.get(), text));
  if (plan.egress.model) {
    const Secret key = BERM_TRY(read_key(plan.egress.model->key_from));
    BERM_TRY(write_all(config.write.get(), key.reveal()));
  }
  return egress;
}

}  // namespace berm
