#include "credentials/broker.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>

#include "credentials/issuer.h"
#include "credentials/journal.h"
#include "credentials/protocol.h"
#include "sys/child.h"
#include "sys/frames.h"

namespace berm {
namespace {

using nlohmann::json;
using std::chrono::seconds;

// A program may take 30 s (a keyring that asks), each question to an issuer 15.
constexpr seconds kMintPatience{150};
constexpr seconds kEndPatience{120};
constexpr seconds kPatience{10};
constexpr int kDropPatience = 30'000;
constexpr std::size_t kLongestSecret = 64 << 10;

struct Started {
  UniqueFd control;
  pid_t pid = -1;
  UniqueFd pidfd;
};

// Between fork and exec: no allocation.
[[noreturn]] void become_broker(int program, int control, int null, char* const* argv,
                                char* const* env) {
  if (::dup2(control, 0) < 0 || ::dup2(null, 1) < 0 || ::dup2(null, 2) < 0) ::_exit(125);
  ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // Before exec: a Ctrl-C between here and there must not end the keeper alone.
  ::setsid();
  ::fexecve(program, argv, env);
  ::_exit(125);
}

// What it needs to reach the world and to check whom it reaches, and what the sources read.
std::vector<std::string> environment_for(const std::vector<CredentialSource>& sources) {
  std::set<std::string> names = {"PATH",     "HTTPS_PROXY",   "https_proxy", "NO_PROXY",
                                 "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"};
  for (const CredentialSource& source : sources) {
    for (const std::string& name : variables_of(source)) names.insert(name);
  }
  // glibc then overwrites what is freed: a parsed answer leaves no copy of a token on the heap.
  std::vector<std::string> out = {
      "GLIBC_TUNABLES=glibc.malloc.tcache_count=0:glibc.malloc.perturb=165"};
  for (const std::string& name : names) {
    const char* value = ::getenv(name.c_str());
    if (value != nullptr) out.push_back(name + "=" + value);
  }
  return out;
}

std::vector<char*> c_strings(std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (std::string& text : strings) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

Result<Started> spawn(const BrokerProgram& program, const std::vector<CredentialSource>& sources) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return os_error("make a socket for the broker");
  }
  UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);
  const UniqueFd self =
      BERM_TRY(open_file(program.path.empty() ? "/proc/self/exe" : program.path, O_RDONLY));
  const UniqueFd null = BERM_TRY(open_file("/dev/null", O_RDWR));
  std::vector<std::string> arguments = program.arguments;
  arguments.insert(arguments.begin(), "berm");
  std::vector<std::string> environment = environment_for(sources);
  const std::vector<char*> argv = c_strings(arguments);
  const std::vector<char*> env = c_strings(environment);
  // Above the numbers that the child overwrites.
  const auto lift = [](const UniqueFd& fd) {
    return UniqueFd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 16));
  };
  const UniqueFd lifted[3] = {lift(self), lift(theirs), lift(null)};
  const pid_t pid = ::fork();
  if (pid == 0) {
    become_broker(lifted[0].get(), lifted[1].get(), lifted[2].get(), argv.data(), env.data());
  }
  // Its secrets are in it: the strings are ours to wipe.
  for (std::string& text : environment) ::explicit_bzero(text.data(), text.size());
  if (pid < 0) return os_error("start the broker");
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) return os_error("open a pidfd for the broker");
  return Started{std::move(ours), pid, std::move(pidfd)};
}

// To its end, within ten seconds: somebody may have forgotten to close his end of a pipe.
Result<Secret> read_descriptor(int fd) {
  std::string text;
  char buffer[4096];
  for (;;) {
    pollfd ready{fd, POLLIN, 0};
    const int polled = ::poll(&ready, 1, 10'000);
    if (polled < 0 && errno == EINTR) continue;
    if (polled == 0) return os_error(fmt::format("read descriptor {} to its end", fd), ETIMEDOUT);
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return os_error(fmt::format("read descriptor {}", fd));
    if (got == 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
    if (text.size() > kLongestSecret) return failure(Errc::denied, "hold a key of 64 KiB");
  }
  ::explicit_bzero(buffer, sizeof buffer);
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  // Consumed: nothing that we start later may find the key there.
  if (fd > 2) ::close(fd);
  return Secret(std::move(text));
}

Result<void> send_start(int control, const std::string& journal, const std::string& run,
                        const std::vector<CredentialSource>& sources) {
  std::set<std::string> names;
  json list = json::array();
  for (const CredentialSource& source : sources) {
    list.push_back(to_json(source));
    for (const std::string& name : descriptors_of(source)) names.insert(name);
  }
  std::vector<Secret> values;
  for (const std::string& name : names) {
    values.push_back(BERM_TRY(read_descriptor(std::atoi(name.c_str() + 3))));
  }
  BERM_TRY(write_frame(
      control,
      dumped({{"run", run}, {"journal", journal}, {"sources", list}, {"descriptors", names}})));
  for (const Secret& value : values) BERM_TRY(write_frame(control, value.reveal()));
  return {};
}

// The first that failed, and behind it what else there is to say.
Error refusal_of(const FailedMint& failed) {
  if (failed.refused.empty()) return {.code = Errc::internal, .what = "understand the broker"};
  Error first = failed.refused.front().error;
  for (std::size_t i = 1; i < failed.refused.size(); ++i) {
    first.context.push_back("also: " + sentence(failed.refused[i].error));
  }
  return first;
}

FailedMint failed_mint_of(const json& message) {
  return read_failed_mint(message.is_object() && message.contains("failed") ? message["failed"]
                                                                            : json());
}

}  // namespace

Broker::Broker(UniqueFd control, pid_t pid, UniqueFd pidfd)
    : control_(std::move(control)), pid_(pid), pidfd_(std::move(pidfd)) {}

Broker::Broker(Broker&&) noexcept = default;

Broker::~Broker() {
  if (!pidfd_) return;
  // The end of the socket is the order to revoke. Killing it instead would leave leases alive; if
  // it takes too long it goes on without us.
  control_.reset();
  (void)wait_for_end(kDropPatience);
}

Result<Broker> Broker::start(const BrokerProgram& program, const std::string& journal,
                             const std::string& run, const std::vector<CredentialSource>& sources,
                             FailedMint* failed) {
  std::set<std::string> names;
  for (const CredentialSource& source : sources) {
    BERM_TRY(check_source(source));
    if (!names.insert(source.name).second) {
      return failure(Errc::invalid_policy,
                     fmt::format("two credentials are named '{}'", source.name));
    }
  }
  Started started = BERM_TRY(spawn(program, sources));
  Broker broker(std::move(started.control), started.pid, std::move(started.pidfd));
  BERM_TRY(send_start(broker.control_.get(), journal, run, sources));
  BERM_TRY(in_context("starting the broker of credentials", broker.receive_credentials(failed)));
  return broker;
}

Result<void> Broker::receive_credentials(FailedMint* failed) {
  const std::string text = BERM_TRY(read_frame(control_.get(), kMintPatience));
  const json message = json::parse(text, nullptr, false);
  if (text_of(message, "kind") != "minted" || !message.contains("leases")) {
    FailedMint story = failed_mint_of(message);
    const Error refusal = refusal_of(story);
    if (failed != nullptr) *failed = std::move(story);
    return tl::unexpected(refusal);
  }
  memory_note_ = text_of(message, "memory");
  for (const json& report : message["leases"]) {
    Secret value = BERM_TRY(read_secret_frame(control_.get(), kPatience));
    credentials_.push_back({read_report(report), std::move(value)});
  }
  return {};
}

Result<BrokerEvent> Broker::receive() {
  if (!early_.empty()) {
    BrokerEvent event = std::move(early_.front());
    early_.erase(early_.begin());
    return event;
  }
  const std::string text = BERM_TRY(read_frame(control_.get(), kPatience));
  const json message = json::parse(text, nullptr, false);
  const std::string kind = text_of(message, "kind");
  BrokerEvent event;
  if (!message.contains("report")) return failure(Errc::internal, "understand the broker");
  event.report = read_report(message["report"]);
  if (kind == "renewed") {
    event.value = BERM_TRY(read_secret_frame(control_.get(), kPatience));
  } else if (kind == "prolonged") {
    event.kind = BrokerEvent::Kind::prolonged;
  } else {
    event.kind = BrokerEvent::Kind::renewal_failed;
    if (message.contains("error")) event.error = read_error(message["error"]);
  }
  return event;
}

// The answer of that kind. A renewal may be on its way before it.
Result<std::string> Broker::await(std::string_view kind) {
  for (;;) {
    std::string text = BERM_TRY(read_frame(control_.get(), kEndPatience));
    const json message = json::parse(text, nullptr, false);
    if (text_of(message, "kind") == kind) return text;
    if (text_of(message, "kind") == "renewed") {
      Secret value = BERM_TRY(read_secret_frame(control_.get(), kPatience));
      early_.push_back({.report = read_report(message.value("report", json::object())),
                        .value = std::move(value)});
    }
  }
}

Result<std::vector<RevokeOutcome>> Broker::revoke_all() {
  BERM_TRY(write_frame(control_.get(), R"({"op":"end"})"));
  const std::string text = BERM_TRY(in_context("ending the run's credentials", await("ended")));
  const json message = json::parse(text, nullptr, false);
  std::vector<RevokeOutcome> outcomes;
  if (message.contains("outcomes")) {
    for (const json& one : message["outcomes"]) outcomes.push_back(read_outcome(one));
  }
  (void)wait_for_end(kDropPatience);
  return outcomes;
}

Result<void> Broker::disable_anthropic_key(const std::string& name, const std::string& key_id) {
  BERM_TRY(
      write_frame(control_.get(), dumped({{"op", "disable"}, {"name", name}, {"key_id", key_id}})));
  const std::string text = BERM_TRY(await("disabled"));
  const json message = json::parse(text, nullptr, false);
  if (message.contains("ok") && message["ok"] == true) return {};
  return tl::unexpected(read_error(message.value("error", json::object())));
}

bool Broker::wait_for_end(int milliseconds) {
  pollfd ended{pidfd_.get(), POLLIN, 0};
  int polled = 0;
  do {
    polled = ::poll(&ended, 1, milliseconds);
  } while (polled < 0 && errno == EINTR);
  if (polled != 1) return false;
  siginfo_t ignored{};
  ::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd_.get()), &ignored, WEXITED);
  pidfd_.reset();
  return true;
}

Result<std::vector<RecoveredLease>> recover_leases(const BrokerProgram& program,
                                                   const std::string& journal) {
  std::vector<RecoveredLease> out;
  std::vector<CredentialSource> sources;
  const std::vector<std::string> runs = journals_in(journal);
  if (runs.empty()) return out;
  for (const std::string& run : runs) {
    const Result<std::string> text =
        read_plain_file(fmt::format("{}/{}.json", journal, run), 1 << 20);
    const Result<JournalContent> content =
        text ? parse_journal(*text) : tl::unexpected(text.error());
    if (!content) continue;  // the broker says what is wrong with it
    for (const LeaseRecord& record : content->leases) sources.push_back(record.source);
  }
  Started started = BERM_TRY(spawn(program, sources));
  // Dropped, it is killed: recovery can be done again.
  const ChildProcess child = ChildProcess::with_pidfd(started.pid, std::move(started.pidfd));
  BERM_TRY(write_frame(started.control.get(), dumped({{"recover", journal}})));
  const std::string answer = BERM_TRY(in_context("ending the credentials of earlier runs",
                                                 read_frame(started.control.get(), kEndPatience)));
  const json message = json::parse(answer, nullptr, false);
  if (text_of(message, "kind") != "recovered")
    return tl::unexpected(refusal_of(failed_mint_of(message)));
  for (const json& lease : message.value("leases", json::array())) {
    out.push_back(read_recovered(lease));
  }
  return out;
}

}  // namespace berm
