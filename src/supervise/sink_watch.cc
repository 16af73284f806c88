#include "supervise/sink_watch.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "sys/frames.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds kFrame{5};
constexpr std::size_t kLongestReason = 512;
constexpr std::uint64_t kMostTold = 1000;

std::string text_in(const json& message, const char* key) {
  const auto found = message.find(key);
  if (found == message.end() || !found->is_string()) return "";
  return found->get<std::string>().substr(0, kLongestReason);
}

std::uint64_t number_in(const json& message, const char* key) {
  const auto found = message.find(key);
  return found != message.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

}  // namespace

SinkWatch::SinkWatch(ShipProcess ship, RecordFile& record, UniqueFd file, const AuditPolicy& policy)
    : SinkWatch(std::move(ship), policy) {
  record_ = &record;
  file_ = std::move(file);
  closed_ = false;
}

SinkWatch::SinkWatch(ShipProcess ship, const AuditPolicy& policy)
    : ship_(std::move(ship)), policy_(policy), closed_(true) {
  for (const SinkGrant& sink : policy.sinks) {
    SinkProgress progress;
    progress.name = sink.name;
    sinks_.push_back(std::move(progress));
  }
}

void SinkWatch::hear() {
  if (!ship_.control) return;
  const Result<std::string> frame = read_frame(ship_.control.get(), kFrame);
  if (!frame) return on_gone();
  const json message = json::parse(*frame, nullptr, false);
  if (message.is_object()) take(message);
}

// Nobody ships any more: for every sink that is the same as a receiver that is away.
void SinkWatch::on_gone() {
  ship_.control.reset();
  for (SinkProgress& sink : sinks_) {
    if (sink.state == "lost") continue;
    sink.state = "lost";
    sink.why = "the process that ships the record ended";
    failures_[sink.name].since = Clock::now();
    tell(sink);
  }
}

void SinkWatch::take(const json& message) {
  const auto sink = std::ranges::find(sinks_, text_in(message, "sink"), &SinkProgress::name);
  if (sink == sinks_.end()) return;
  const std::string before = sink->state;
  const std::uint64_t refused_before = sink->refused;
  sink->acknowledged = std::max(sink->acknowledged, number_in(message, "acknowledged"));
  sink->offset = std::max(sink->offset, number_in(message, "offset"));
  sink->unshipped = number_in(message, "bytes");
  sink->refused = number_in(message, "refused");
  sink->state = text_in(message, "state");
  sink->why = text_in(message, "why");
  Failure& failing = failures_[sink->name];
  if (sink->state != "failing") failing.since.reset();
  if (sink->state == "failing" && !failing.since) failing.since = Clock::now();
  if (sink->state != before || sink->refused != refused_before) tell(*sink);
}

void SinkWatch::tell(const SinkProgress& sink) {
  // One that comes and goes must not fill the record.
  if (closed_ || ++failures_[sink.name].told > kMostTold) return;
  const std::uint64_t count = record_->count();
  record_->append("supervisor", "sink.state",
                  {{"sink", sink.name},
                   {"state", sink.state},
                   {"acknowledged", sink.acknowledged},
                   {"lag_events", count - std::min(count, sink.acknowledged)},
                   {"lag_bytes", sink.unshipped},
                   {"refused", sink.refused},
                   {"why", printable(sink.why)}});
}

// What ships tells of a lag now and then; a run that writes fast is ahead of that.
std::uint64_t SinkWatch::unshipped(const SinkProgress& sink) const {
  struct stat status {};
  if (!file_ || ::fstat(file_.get(), &status) != 0) return sink.unshipped;
  const auto size = static_cast<std::uint64_t>(status.st_size);
  return size - std::min(size, sink.offset);
}

bool SinkWatch::blocks() {
  if (policy_.overflow != OverflowAction::block || closed_) return false;
  const auto last = std::ranges::max_element(
      sinks_, {}, [this](const SinkProgress& sink) { return unshipped(sink); });
  if (last == sinks_.end()) return false;
  const std::uint64_t behind = unshipped(*last);
  if (!blocked_since_ && behind > policy_.spool.count) {
    blocked_since_ = Clock::now();
    record_->append("supervisor", "sink.blocked",
                    {{"sink", last->name},
                     {"lag_bytes", behind},
                     {"spool", policy_.spool.count},
                     {"why", printable(last->why)}});
    // Nothing waits for company now; what ends with a signature has one.
    record_->sign();
    if (ship_.control) (void)write_frame(ship_.control.get(), R"({"flush":true})");
  } else if (behind <= policy_.spool.count / 2) {
    tell_release();
  }
  return blocked_since_.has_value();
}

std::optional<std::string> SinkWatch::lost() const {
  const Clock::time_point now = Clock::now();
  if (blocked_since_ && !ship_.control) {
    return "the run waits for its sinks, and the process that ships the record ended";
  }
  for (const SinkProgress& sink : sinks_) {
    const std::uint64_t behind = unshipped(sink);
    if (policy_.overflow == OverflowAction::end && behind > policy_.spool.count) {
      return fmt::format("sink '{}' is {} behind, more than audit.spool ({})", sink.name,
                         to_text(Bytes{behind}), to_text(policy_.spool));
    }
    const auto failing = failures_.find(sink.name);
    if (!policy_.require_sink || failing == failures_.end() || !failing->second.since) continue;
    if (now - *failing->second.since < policy_.grace) continue;
    return fmt::format(
        "sink '{}', which audit.require_sink demands, is away for longer than {}: "
        "{}",
        sink.name, to_text(policy_.grace), printable(sink.why));
  }
  return std::nullopt;
}

std::vector<SinkProgress> SinkWatch::behind(std::uint64_t count) const {
  std::vector<SinkProgress> out;
  for (const SinkProgress& sink : sinks_) {
    if (sink.acknowledged < count || sink.refused > 0) out.push_back(sink);
  }
  return out;
}

// Events that tell of sinks while we wait do not move the mark: there would be no end.
std::vector<SinkProgress> SinkWatch::await(std::uint64_t count, Milliseconds patience) {
  const Clock::time_point until = Clock::now() + patience;
  const auto waits = [&](const SinkProgress& sink) { return sink.acknowledged < count; };
  while (ship_.control && std::ranges::any_of(sinks_, waits)) {
    const auto left = std::chrono::ceil<Milliseconds>(until - Clock::now()).count();
    if (left <= 0) break;
    pollfd fd{ship_.control.get(), POLLIN, 0};
    const int ready = ::poll(&fd, 1, static_cast<int>(std::min<std::int64_t>(left, 1000)));
    if (ready > 0) hear();
  }
  return behind(count);
}

void SinkWatch::tell_release() {
  if (!blocked_since_) return;
  const auto time = std::chrono::ceil<Milliseconds>(Clock::now() - *blocked_since_);
  blocked_since_.reset();
  record_->append("supervisor", "sink.unblocked", {{"blocked_ms", time.count()}});
}

std::vector<SinkProgress> SinkWatch::settle() {
  tell_release();  // what ran when it was held may have come to its end
  if (ship_.control) (void)write_frame(ship_.control.get(), R"({"flush":true})");
  return await(record_->count(), policy_.grace);
}

std::vector<SinkProgress> SinkWatch::finish(std::uint64_t count, Milliseconds patience) {
  closed_ = true;
  if (ship_.control) (void)write_frame(ship_.control.get(), R"({"end":true})");
  std::vector<SinkProgress> missing = await(count, patience);
  shipped_ = missing.empty();
  return missing;
}

// It ends by itself once what the sinks have is noted on the disk, a moment after they have it. To
// let go of it means to kill it.
SinkWatch::~SinkWatch() {
  constexpr int kDiskMs = 2000;
  pollfd end{ship_.process.pidfd(), POLLIN, 0};
  if (shipped_ && end.fd >= 0) (void)::poll(&end, 1, kDiskMs);
}

std::string missing_text(const std::vector<SinkProgress>& behind, std::uint64_t count) {
  std::string out;
  for (const SinkProgress& sink : behind) {
    const std::uint64_t missing = count - std::min(count, sink.acknowledged) + sink.refused;
    out += fmt::format("{}sink '{}' lacks {} of {} events", out.empty() ? "" : "; ", sink.name,
                       missing, count);
    if (!sink.why.empty()) out += fmt::format(" ({})", printable(sink.why));
  }
  return out;
}

}  // namespace berm
