#include "egress/start.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/secret.h"
#include "base/text.h"
#include "egress/control.h"
#include "net/trust_files.h"
#include "net/upstream_trust.h"
#include "sys/frames.h"

namespace berm {
namespace {

using nlohmann::json;

// Between fork and exec: no allocation.
[[noreturn]] void become_egress(int program, const int (&fds)[3], char* const* env) {
  for (int i = 0; i < 3; ++i) {
    if (::dup2(fds[i], i) < 0) ::_exit(125);
  }
  ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  // A broken connection is an error of one write.
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // A terminal's Ctrl-C is the run's, not the proxy's.
  ::setsid();
  char name[] = "berm";
  char command[] = "egress";
  char child[] = "--child";
  char* const argv[] = {name, command, child, nullptr};
  ::fexecve(program, argv, env);
  ::_exit(125);
}

// Above the numbers that the child overwrites.
UniqueFd lift(int fd) { return UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 16)); }

}  // namespace

Result<EgressConfiguration> egress_configuration(const Plan& plan) {
  EgressConfiguration out{.rules = plan.egress.rules,
                          .budget = plan.egress.budget,
                          .per_host = plan.egress.per_host,
                          .listeners = plan.egress.listeners,
                          .model = plan.egress.model,
                          .credentials = plan.egress.credentials,
                          .model_budget = plan.egress.model_budget,
                          .proxy = BERM_TRY(host_proxy()),
                          .uid = plan.identity.from_root ? plan.identity.host_uid : 0};
  // An hour more than the run may last: the guard works after it.
  out.ca_lifetime = plan.limits.time + Milliseconds(3600'000);
  return out;
}

Result<void> check_egress(const Plan& plan) {
  if (!plan.egress.any()) return {};
  BERM_TRY(host_proxy());
  return {};
}

Result<EgressProcess> start_egress(const EgressConfiguration& configuration,
                                   std::span<const std::shared_ptr<const Secret>> secrets) {
  Pipe events = BERM_TRY(make_pipe());
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return os_error("make a socket for the egress process");
  }
  UniqueFd control(ends[0]);
  const UniqueFd theirs(ends[1]);
  const UniqueFd self = BERM_TRY(open_file("/proc/self/exe", O_RDONLY));
  const UniqueFd lifted[3] = {lift(theirs.get()), lift(events.write.get()), lift(2)};
  const int fds[3] = {lifted[0].get(), lifted[1].get(), lifted[2].get()};
  // Whom this user trusts, and nothing else of his environment.
  const TrustSources trust = trust_sources_from_environment();
  std::string file = "SSL_CERT_FILE=" + trust.file;
  std::string directory = "SSL_CERT_DIR=" + trust.directory;
  char* const env[] = {file.data(), directory.data(), nullptr};
  const pid_t pid = ::fork();
  if (pid < 0) return os_error("start the egress process");
  if (pid == 0) become_egress(self.get(), fds, env);
  EgressProcess egress{.process = BERM_TRY(ChildProcess::adopt(pid)),
                       .events = std::move(events.read),
                       .control = std::move(control)};
  BERM_TRY(write_frame(egress.control.get(), to_json(configuration).dump()));
  for (const std::shared_ptr<const Secret>& secret : secrets) {
    BERM_TRY(write_frame(egress.control.get(), secret->reveal()));
  }
  return egress;
}

Result<void> renew_secret(const EgressProcess& egress, std::size_t credential,
                          const Secret& secret) {
  BERM_TRY(write_all(egress.control.get(), "s"));
  BERM_TRY(write_frame(egress.control.get(), std::to_string(credential)));
  return write_frame(egress.control.get(), secret.reveal());
}

Result<std::string> await_egress(const EgressProcess& egress) {
  const std::string text = BERM_TRY(read_frame(egress.control.get(), std::chrono::seconds(10)));
  const json ready = json::parse(text, nullptr, false);
  if (!ready.is_object()) return failure(Errc::internal, "understand the egress process");
  if (ready.value("ok", false)) return ready.value("ca", "");
  return tl::unexpected(Error{.code = Errc::unsupported,
                              .what = ready.value("what", "start the egress process"),
                              .os_errno = ready.value("errno", 0),
                              .fix = ready.value("fix", ""),
                              .context = {"starting the egress process"}});
}

Result<void> hand_over(const EgressProcess& egress, std::vector<UniqueFd> listeners,
                       const IpNetwork& name_pool) {
  BERM_TRY(send_descriptors(egress.control.get(), listeners));
  return write_frame(egress.control.get(), to_text(name_pool));
}

Result<void> write_trust(const std::string& directory, const std::string& ca_pem) {
  const std::string roots = BERM_TRY(read_host_roots(trust_sources_from_environment()));
  const std::string all = bundle(roots, ca_pem);
  BERM_TRY(make_directories(directory, 0755));
  BERM_TRY(write_file(directory + "/ca.pem", ca_pem, 0644));
  BERM_TRY(write_file(directory + "/bundle.pem", all, 0644));
  const std::vector<std::string> certificates = der_certificates(all);
  return write_file(directory + "/trust.jks", java_trust_store(certificates), 0644);
}

}  // namespace berm
