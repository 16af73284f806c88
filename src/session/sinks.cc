#include "session/sinks.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "audit/record_file.h"
#include "audit/ship/progress_file.h"
#include "base/text.h"
#include "plan/sinks.h"
#include "record/chain.h"
#include "session/static_secret.h"

namespace berm {
namespace {

using nlohmann::json;

Result<std::shared_ptr<const Secret>> read_secret(const SinkGrant& sink, const std::string& from,
                                                  const CredentialValue& of_run) {
  const std::string credential = credential_of_token(from);
  if (!credential.empty()) {
    std::shared_ptr<const Secret> value = of_run ? of_run(credential) : nullptr;
    if (value != nullptr) return value;
    return failure(Errc::unsupported,
                   fmt::format("use credential '{}' outside of a run", printable(credential)),
                   "give the sink a token of its own: env:, file: or command:");
  }
  return std::make_shared<const Secret>(BERM_TRY(read_static_secret(sink.name, from)));
}

// What ships for a run that was killed goes on for a while.
Result<void> await_other_ship(const std::string& directory, const std::vector<SinkGrant>& sinks,
                              Milliseconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  for (const SinkGrant& sink : sinks) {
    const UniqueFd file(
        ::open(progress_path(directory, sink.name).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!file) continue;
    while (::flock(file.get(), LOCK_SH | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return os_error("see whether somebody ships already");
      if (std::chrono::steady_clock::now() >= until) {
        return failure(Errc::usage,
                       fmt::format("ship to sink '{}': another process does it", sink.name),
                       "wait for its end");
      }
      std::this_thread::sleep_for(Milliseconds(50));
    }
  }
  return {};
}

std::string random_hex() {
  unsigned char bytes[4] = {};
  [[maybe_unused]] const ssize_t got = ::getrandom(bytes, sizeof bytes, 0);
  return to_hex(bytes);
}

}  // namespace

Result<SinkSecrets> read_sink_secrets(const std::vector<SinkGrant>& sinks,
                                      const CredentialValue& of_run) {
  SinkSecrets out;
  for (const SinkGrant& sink : sinks) {
    for (const auto& [key, from] : sink.secret) {
      out[sink.name + "/" + key] =
          BERM_TRY(in_context(fmt::format("reading '{}' of sink '{}'", key, sink.name),
                              read_secret(sink, from, of_run)));
    }
  }
  return out;
}

Result<void> RunSinks::launch(const Plan& plan, CredentialValue of_run, RecordFile& record,
                              const OnSecret& on_secret) {
  sinks_ = plan.audit.sinks;
  if (sinks_.empty()) return {};
  of_run_ = std::move(of_run);
  record_ = &record;
  secrets_ = BERM_TRY(read_sink_secrets(sinks_, of_run_));
  for (const auto& [name, value] : secrets_) {
    on_secret("sink " + name, *value);
    // Of user:password and id:key, the part that is secret may be met alone.
    const std::string_view whole = value->reveal();
    const std::size_t colon = whole.find(':');
    if (colon != std::string_view::npos)
      on_secret("sink " + name, Secret(std::string(whole.substr(colon + 1))));
  }
  BERM_TRY(await_other_ship(plan.run_directory.str(), sinks_, plan.audit.grace));
  ShipProcess ship =
      BERM_TRY(start_ship({.run = plan.run_id,
                           .directory = plan.run_directory.str(),
                           .uid = plan.identity.from_root ? plan.identity.host_uid : 0,
                           .from_zero = false,
                           .sinks = sinks_},
                          secrets_));
  UniqueFd file = BERM_TRY(
      open_file((plan.run_directory / "record.jsonl").str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  watch_.emplace(std::move(ship), record, std::move(file), plan.audit);
  return {};
}

void RunSinks::renew() {
  for (const SinkGrant& sink : sinks_) {
    for (const auto& [key, from] : sink.secret) {
      const std::string credential = credential_of_token(from);
      const std::shared_ptr<const Secret> value =
          credential.empty() ? nullptr : of_run_(credential);
      std::shared_ptr<const Secret>& known = secrets_[sink.name + "/" + key];
      if (value == nullptr || value == known || !watch_) continue;
      known = value;
      (void)renew_secret(watch_->ship(), sink.name, key, *value);
    }
  }
}

std::string RunSinks::settle() {
  if (!watch_) return "";
  record_->sign();  // an object of s3 ends with a signature
  const std::uint64_t count = record_->count();
  const std::string missing = missing_text(watch_->settle(), count);
  if (!missing.empty()) {
    record_->append("supervisor", "sink.behind", {{"what", missing}, {"events", count}});
  }
  return missing;
}

std::string RunSinks::finish(Milliseconds patience) {
  if (!watch_) return "";
  return missing_text(watch_->finish(record_->count(), patience), record_->count());
}

json RunSinks::reached() const {
  json out = json::object();
  for (const SinkProgress& sink : watch_ ? watch_->sinks() : std::vector<SinkProgress>()) {
    out[sink.name] = {{"acknowledged", sink.acknowledged}, {"refused", sink.refused}};
  }
  return out;
}

Result<std::uint64_t> events_of_record(const std::string& directory) {
  constexpr std::size_t kLargest = 4ULL << 30;
  const std::string text = BERM_TRY(read_plain_file(directory + "/record.jsonl", kLargest));
  return static_cast<std::uint64_t>(std::ranges::count(text, '\n'));
}

bool ResendReport::complete() const {
  return std::ranges::all_of(sinks, [&](const SinkProgress& sink) {
    return sink.acknowledged >= events && sink.refused == 0;
  });
}

Result<ResendReport> resend(const ResendRequest& request) {
  BERM_TRY(await_other_ship(request.directory, request.sinks, request.patience));
  const SinkSecrets secrets = BERM_TRY(read_sink_secrets(request.sinks, {}));
  ResendReport report{.events = BERM_TRY(events_of_record(request.directory)), .sinks = {}};
  AuditPolicy policy;
  policy.sinks = request.sinks;
  policy.grace = request.patience;
  ShipProcess ship = BERM_TRY(start_ship({.run = request.run,
                                          .directory = request.directory,
                                          .uid = 0,
                                          .from_zero = request.from_zero,
                                          .sinks = request.sinks},
                                         secrets));
  SinkWatch watch(std::move(ship), policy);
  (void)watch.finish(report.events, request.patience);
  report.sinks = watch.sinks();
  return report;
}

Result<ResendReport> test_sinks(const std::string& state, const std::vector<SinkGrant>& sinks,
                                Milliseconds patience) {
  const std::string run = "t-" + random_hex();
  const std::string directory = fmt::format("{}/tests/{}", state, run);
  BERM_TRY(make_directories(directory, 0700));
  Result<ResendReport> report = [&]() -> Result<ResendReport> {
    RecordFile record = BERM_TRY(RecordFile::create(directory + "/record.jsonl", run));
    record.append("supervisor", "audit.test",
                  {{"note", "berm audit test: no run, only whether this arrives"}});
    // A filter would take the only event.
    std::vector<SinkGrant> all = sinks;
    for (SinkGrant& sink : all) sink.filter.clear();
    return resend({.run = run,
                   .directory = directory,
                   .sinks = std::move(all),
                   .from_zero = false,
                   .patience = patience});
  }();
  BERM_TRY(remove_tree(directory));
  return report;
}

}  // namespace berm
