#include "egress/sidecar.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "net/dial.h"

namespace berm {
namespace {

using Clock = std::chrono::steady_clock;

constexpr Milliseconds kRest{2};

class Sidecar {
 public:
  explicit Sidecar(const SidecarOptions& options) : options_(options) {}

  Result<int> run() {
    BERM_TRY(prepare());
    BERM_TRY(start_worker());
    for (;;) {
      if (const std::optional<int> code = wait_once()) return *code;
    }
  }

 private:
  Result<void> prepare();
  Result<void> start_worker();
  std::optional<int> wait_once();
  std::optional<int> on_signals();
  void answer_health();
  void copy_events(EgressProcess& worker) const;
  void drain(const EgressProcess& worker) const;

  const SidecarOptions& options_;
  std::vector<UniqueFd> listeners_;
  UniqueFd health_;
  UniqueFd signals_;
  std::vector<EgressProcess> workers_;  ///< the last one serves, the others end their connections
  std::optional<Clock::time_point> ends_by_;
  Clock::time_point copy_at_;  ///< events are next read then
};

Result<void> Sidecar::prepare() {
  for (const SidecarListener& listener : options_.listeners) {
    listeners_.push_back(BERM_TRY(listen_at(listener.at, listener.kind == ListenerKind::dns_udp)));
  }
  if (options_.health) health_ = BERM_TRY(listen_at(*options_.health, false));
  sigset_t watched;
  ::sigemptyset(&watched);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&watched, signal);
  ::sigprocmask(SIG_BLOCK, &watched, nullptr);
  signals_ = UniqueFd(::signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK));
  return signals_ ? Result<void>{} : os_error("watch for signals");
}

Result<void> Sidecar::start_worker() {
  EgressConfiguration configuration = BERM_TRY(options_.read_policy());
  configuration.listeners.clear();
  for (const SidecarListener& listener : options_.listeners) {
    configuration.listeners.push_back({listener.kind, listener.at.port});
  }
  EgressProcess worker = BERM_TRY(start_egress(configuration, {}));
  const std::string ca = BERM_TRY(await_egress(worker));
  if (!ca.empty() && !options_.ca_file.empty()) {
    BERM_TRY(replace_file(options_.ca_file, ca, 0644));
  }
  std::vector<UniqueFd> copies;
  for (const UniqueFd& fd : listeners_) copies.emplace_back(::dup(fd.get()));
  BERM_TRY(hand_over(worker, std::move(copies), routed_name_pool()));
  if (!workers_.empty()) drain(workers_.back());
  workers_.push_back(std::move(worker));
  return {};
}

void Sidecar::drain(const EgressProcess& worker) const {
  [[maybe_unused]] const ssize_t put = ::write(worker.control.get(), "d", 1);
}

// Never parses: the answer does not depend on what was asked.
void Sidecar::answer_health() {
  const UniqueFd client(::accept4(health_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!client) return;
  const std::string_view text =
      ends_by_ ? "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 9\r\nConnection: "
                 "close\r\n\r\ndraining\n"
               : "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";
  ::send(client.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  ::shutdown(client.get(), SHUT_WR);
  // Unread bytes at close(2) would send a reset that overtakes the answer.
  pollfd asked{client.get(), POLLIN, 0};
  char bytes[4096];
  while (::poll(&asked, 1, 100) > 0 && ::recv(client.get(), bytes, sizeof bytes, 0) > 0) continue;
}

std::optional<int> Sidecar::on_signals() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (info.ssi_signo == SIGHUP) {
      const Result<void> reloaded = ends_by_ ? Result<void>{} : start_worker();
      if (!reloaded) {
        const std::string text = render(reloaded.error()) + "berm: the old policy stays in force\n";
        (void)write_all(2, text);
      }
      continue;
    }
    if (ends_by_) return 1;  // asked twice
    ends_by_ = Clock::now() + options_.grace;
    // The sockets leave the listening state for everybody who holds them: a new client is refused
    // at once, not left waiting in a queue that nobody reads.
    for (const UniqueFd& fd : listeners_) ::shutdown(fd.get(), SHUT_RD);
    drain(workers_.back());
  }
  return std::nullopt;
}

void Sidecar::copy_events(EgressProcess& worker) const {
  char bytes[64 << 10];  // a whole pipe
  const ssize_t got = ::read(worker.events.get(), bytes, sizeof bytes);
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (got <= 0) {
    worker.events.reset();
  } else {
    (void)write_all(options_.events_fd, {bytes, static_cast<std::size_t>(got)});
  }
}

std::optional<int> Sidecar::wait_once() {
  std::vector<pollfd> fds = {{signals_.get(), POLLIN, 0}, {health_.get(), POLLIN, 0}};
  // Not at each event: while nobody waits at the pipe, writing to it wakes nobody.
  const bool rests = Clock::now() < copy_at_;
  for (const EgressProcess& worker : workers_) {
    fds.push_back({rests ? -1 : worker.events.get(), POLLIN, 0});
  }
  int timeout = rests ? static_cast<int>(kRest.count()) : -1;
  if (ends_by_) {
    const auto left = std::chrono::ceil<Milliseconds>(*ends_by_ - Clock::now()).count();
    if (left <= 0) return 0;
    timeout = static_cast<int>(std::min<std::int64_t>(left, rests ? kRest.count() : 1000));
  }
  if (::poll(fds.data(), fds.size(), timeout) < 0) return std::nullopt;
  for (std::size_t i = 0; i < workers_.size() && i + 2 < fds.size(); ++i) {
    if (fds[i + 2].revents == 0) continue;
    copy_events(workers_[i]);
    copy_at_ = Clock::now() + kRest;
  }
  const bool serves = static_cast<bool>(workers_.back().events);
  if (!serves && !ends_by_) return 1;
  // Those of an old policy have connections to end, too.
  std::erase_if(workers_, [](const EgressProcess& worker) { return !worker.events; });
  if (workers_.empty()) return 0;
  if (fds[1].revents != 0) answer_health();
  return fds[0].revents != 0 ? on_signals() : std::nullopt;
}

}  // namespace

Result<int> run_sidecar(const SidecarOptions& options) { return Sidecar(options).run(); }

}  // namespace berm
