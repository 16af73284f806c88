#include "credentials/broker_child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <thread>

#include "credentials/issuer.h"
#include "credentials/keeper.h"
#include "credentials/protocol.h"
#include "credentials/recover.h"
#include "sys/frames.h"
#include "sys/locked_memory.h"

namespace berm {
namespace {

using nlohmann::json;
using std::chrono::seconds;

constexpr int kControlFd = 0;
constexpr seconds kPatience{10};      // for the rest of a message that has begun
constexpr seconds kLongestSleep{30};  // a machine that slept finds its clock moved
constexpr int kLastTries = 3;

Result<void> harden() {
  // First of all: from here on nobody of the same user may read this memory (ptrace,
  // /proc/PID/mem).
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return os_error("make the broker undumpable");
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0) return os_error("forbid core dumps");
  lock_secrets();
  // Ctrl-C is the run's: the supervisor decides what it means, and then tells us.
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT, SIGTSTP}) {
    if (::signal(signal, SIG_IGN) == SIG_ERR) return os_error("ignore a signal");
  }
  ::setsid();  // fails if we lead a session already, which is as good
  if (::chdir("/") != 0) return os_error("leave the directory");
  return {};
}

Result<void> send_value(const json& message, const Secret& value) {
  BERM_TRY(write_frame(kControlFd, dumped(message)));
  return write_frame(kControlFd, value.reveal());
}

Result<std::map<std::string, Secret>> receive_descriptors(const json& start) {
  std::map<std::string, Secret> out;
  if (!start.contains("descriptors") || !start["descriptors"].is_array()) return out;
  for (const json& name : start["descriptors"]) {
    Secret value = BERM_TRY(read_secret_frame(kControlFd, kPatience));
    if (name.is_string()) out.emplace(name.get_ref<const std::string&>(), std::move(value));
  }
  return out;
}

Result<std::vector<CredentialSource>> read_sources(const json& start) {
  std::vector<CredentialSource> out;
  if (!start.contains("sources") || !start["sources"].is_array()) return out;
  for (const json& source : start["sources"]) out.push_back(BERM_TRY(read_source(source)));
  return out;
}

Result<void> send_refusal(const FailedMint& failed) {
  return write_frame(kControlFd, dumped({{"kind", "refused"}, {"failed", to_json(failed)}}));
}

Result<void> send_minted(const Keeper& keeper) {
  const std::vector<const Lease*> leases = keeper.leases();
  json reports = json::array();
  for (const Lease* lease : leases) reports.push_back(to_json(lease->report));
  const std::string memory = locked_memory_note();
  BERM_TRY(write_frame(kControlFd,
                       dumped({{"kind", "minted"}, {"leases", reports}, {"memory", memory}})));
  for (const Lease* lease : leases) {
    BERM_TRY(write_frame(kControlFd, lease->value.reveal()));
  }
  return {};
}

void tell_renewal(const Renewal& renewal) {
  json message = {{"kind", renewal.error          ? "renewal-failed"
                           : renewal.is_new_value ? "renewed"
                                                  : "prolonged"},
                  {"report", to_json(renewal.lease->report)}};
  if (renewal.error) message["error"] = to_json(*renewal.error);
  // A supervisor that is gone is noticed where the control socket is read.
  if (!renewal.error && renewal.is_new_value) {
    (void)send_value(message, renewal.lease->value);
  } else {
    (void)write_frame(kControlFd, dumped(message));
  }
}

// Waits for a command until something is to be renewed. "": nothing came.
Result<std::string> next_command(const Keeper& keeper) {
  const std::optional<WallTime> due = keeper.next_due();
  seconds wait = kLongestSleep;
  if (due) wait = std::clamp(*due - wall_now(), seconds(0), kLongestSleep);
  pollfd ready{kControlFd, POLLIN, 0};
  const int polled = ::poll(&ready, 1, static_cast<int>(wait.count() * 1000));
  if (polled < 0 && errno != EINTR) return os_error("wait for the supervisor");
  if (polled <= 0) return std::string();
  return read_frame(kControlFd, kPatience);
}

std::vector<RevokeOutcome> end_all(Keeper& keeper, bool and_forget) {
  std::vector<RevokeOutcome> outcomes = keeper.revoke_all(and_forget);
  const auto failed = [](const RevokeOutcome& outcome) { return outcome.end == LeaseEnd::failed; };
  for (int tries = 1; tries < kLastTries && std::ranges::any_of(outcomes, failed); ++tries) {
    std::this_thread::sleep_for(seconds(tries));
    std::erase_if(outcomes, failed);
    std::ranges::move(keeper.revoke_all(and_forget), std::back_inserter(outcomes));
  }
  return outcomes;
}

int code_of(const std::vector<RevokeOutcome>& outcomes) {
  return std::ranges::all_of(
             outcomes, [](const RevokeOutcome& outcome) { return outcome.end != LeaseEnd::failed; })
             ? 0
             : 1;
}

// Until the supervisor says that the run is over, or is gone.
int keep(Keeper& keeper) {
  for (;;) {
    const Result<std::string> text = next_command(keeper);
    // Nobody is left to tell how long the others live: the journal keeps them for the next berm.
    if (!text) return code_of(end_all(keeper, false));
    const json command = json::parse(*text, nullptr, false);
    const std::string op = text_of(command, "op");
    if (op == "end") {
      const std::vector<RevokeOutcome> outcomes = end_all(keeper, true);
      json list = json::array();
      for (const RevokeOutcome& outcome : outcomes) list.push_back(to_json(outcome));
      (void)write_frame(kControlFd, dumped({{"kind", "ended"}, {"outcomes", list}}));
      return code_of(outcomes);
    }
    if (op == "disable") {
      const Result<void> done =
          keeper.disable_key(text_of(command, "name"), text_of(command, "key_id"));
      json answer = {{"kind", "disabled"}, {"ok", done.has_value()}};
      if (!done) answer["error"] = to_json(done.error());
      (void)write_frame(kControlFd, dumped(answer));
    }
    keeper.renew_due(tell_renewal);
  }
}

Result<int> serve_run(const json& start) {
  std::vector<CredentialSource> sources = BERM_TRY(read_sources(start));
  std::map<std::string, Secret> descriptors = BERM_TRY(receive_descriptors(start));
  std::unique_ptr<Journal> journal;
  const bool issues = std::ranges::any_of(sources, [](const CredentialSource& source) {
    const Result<SourceAddress> address = parse_source(source.from);
    return address && !is_static(address->scheme);
  });
  const std::string run = text_of(start, "run");
  if (issues) journal = BERM_TRY(Journal::create(text_of(start, "journal"), run));
  HttpsClient https;
  Keeper keeper(https, run, std::move(descriptors), std::move(journal));
  if (const std::optional<FailedMint> failed = keeper.mint_all(std::move(sources))) {
    BERM_TRY(send_refusal(*failed));
    return 1;
  }
  // A supervisor that died meanwhile is noticed in keep().
  (void)send_minted(keeper);
  return keep(keeper);
}

Result<int> serve_recovery(const json& start) {
  HttpsClient https;
  json list = json::array();
  for (const RecoveredLease& lease : recover_in(text_of(start, "recover"), https)) {
    list.push_back(to_json(lease));
  }
  BERM_TRY(write_frame(kControlFd, dumped({{"kind", "recovered"}, {"leases", list}})));
  return 0;
}

Result<int> serve() {
  BERM_TRY(harden());
  const std::string text = BERM_TRY(read_frame(kControlFd, kPatience));
  const json start = json::parse(text, nullptr, false);
  if (!start.is_object()) return failure(Errc::internal, "understand the supervisor");
  if (start.contains("recover")) return serve_recovery(start);
  return serve_run(start);
}

}  // namespace

int serve_broker() {
  const Result<int> code = serve();
  if (code) return *code;
  (void)send_refusal({.refused = {{.name = "", .error = code.error()}}, .minted = {}, .ended = {}});
  return 1;
}

}  // namespace berm
