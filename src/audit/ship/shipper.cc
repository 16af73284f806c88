#include "audit/ship/shipper.h"

#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <algorithm>

namespace berm {
namespace {

constexpr std::size_t kMostBytes = 1 << 20;  // of a batch; one event may be more
// Of a stretch that ends with a checkpoint, which comes after 256 events at the latest.
constexpr std::size_t kMostStretch = 32 << 20;
constexpr std::size_t kMostOfStretch = 1 << 20;
constexpr Milliseconds kLook{200};  // for new events: watching every write would slow them
constexpr Milliseconds kFirstBackoff{250};
constexpr Milliseconds kLongestBackoff{30'000};
constexpr Milliseconds kLongestHurry{1000};

bool matches(std::string_view pattern, std::string_view text) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == text;
  if (!text.starts_with(pattern.substr(0, star))) return false;
  const std::string_view rest = pattern.substr(star + 1);
  for (std::size_t at = star; at <= text.size(); ++at) {
    if (matches(rest, text.substr(at))) return true;
  }
  return false;
}

}  // namespace

bool passes(const std::vector<std::string>& filter, std::string_view type) {
  if (filter.empty() || type == "checkpoint" || type == "record.key") return true;
  return std::ranges::any_of(filter,
                             [&](const std::string& pattern) { return matches(pattern, type); });
}

Milliseconds backoff(int failures, std::uint32_t random) {
  const Milliseconds most =
      std::min(kLongestBackoff, kFirstBackoff * (1 << std::clamp(failures - 1, 0, 10)));
  return Milliseconds(
      static_cast<std::int64_t>(random % (static_cast<std::uint32_t>(most.count()) + 1)));
}

Shipper::Shipper(SinkGrant grant, std::string run, int record, ProgressFile progress,
                 std::unique_ptr<Receiver> receiver, std::function<void()> changed)
    : grant_(std::move(grant)),
      record_(record),
      format_(event_format_of(grant_.format).value_or(EventFormat::native)),
      reader_(record),
      progress_(std::move(progress)),
      receiver_(std::move(receiver)),
      changed_(std::move(changed)),
      most_events_(receiver_->waits_for_end() ? kMostOfStretch : grant_.batch_events),
      most_bytes_(receiver_->waits_for_end() ? kMostStretch : kMostBytes),
      limit_(most_events_),
      state_(progress_.state()) {
  batch_.run = std::move(run);
  reader_.start_at(state_.acknowledged);
  acknowledged_ = reader_.place();
  report_.acknowledged = acknowledged_.sequence;
  report_.offset = acknowledged_.offset;
  report_.refused = state_.refused;
}

void Shipper::start_from_zero() {
  reader_.start_at({});
  acknowledged_ = {};
  report_.acknowledged = 0;
  report_.offset = 0;
  report_.refused = 0;
  state_ = {};
}

void Shipper::run() {
  while (!stop_) {
    // Before the record is read: what is written later is not what was asked for.
    const std::uint64_t flush = flushes_;
    const bool finishing = finish_;
    apply_renewals();
    settle(false);
    fill();
    if (!batch_.events.empty()) {
      if (is_due()) {
        send();
      } else {
        (void)wait(kLook);
      }
      continue;
    }
    if (!sent_.empty() && (flush != flushed_ || finishing)) settle(true);
    if (sent_.empty() && finishing) break;
    if (sent_.empty()) flushed_ = flush;
    if (!finish_) (void)wait(kLook);
  }
  changed_();  // the supervisor need not wait for the disk
  progress_.flush();
  done_ = true;
  changed_();
}

void Shipper::fill() {
  while (!full_ && batch_.events.size() < limit_ && bytes_ < most_bytes_) {
    std::optional<ShippedEvent> event = reader_.next();
    if (!event) break;
    if (!passes(grant_.filter, event->type)) continue;
    if (format_ != EventFormat::native && event->document.empty()) {
      event->document = formatted(format_, event->line);
      event->is_json = format_ != EventFormat::cef;
    }
    if (batch_.events.empty()) first_at_ = Clock::now();
    bytes_ += event->text().size();
    full_ = receiver_->ends_batch(*event);
    batch_.events.push_back(*std::move(event));
    places_.push_back(reader_.place());
  }
  // What the filter took behind the last that was sent is not missing anywhere.
  if (batch_.events.empty() && sent_.empty()) acknowledge(reader_.place());
}

bool Shipper::is_due() const {
  if (full_ || finish_ || batch_.events.size() >= limit_ || bytes_ >= most_bytes_) return true;
  // The supervisor signs before it asks for haste: what is behind the checkpoint comes with the
  // next.
  if (receiver_->waits_for_end()) return false;
  return flushes_ != flushed_ || Clock::now() - first_at_ >= grant_.batch_time;
}

void Shipper::send() {
  const SinkStep step = receiver_->deliver(
      batch_, [this](Milliseconds time) { return time == Milliseconds(0) ? !stop_ : wait(time); });
  switch (step.kind) {
    case SinkStep::Kind::accepted:
      return on_accepted(step);
    case SinkStep::Kind::too_large:
      return on_too_large(step);
    default:
      return on_failure(step);
  }
}

void Shipper::on_accepted(const SinkStep& step) {
  const std::size_t count = std::min(step.count, batch_.events.size());
  if (count == 0) return on_failure(step);
  failures_ = 0;
  for (const auto& [index, why] : step.refused) on_refused(batch_, index, why);
  const RecordPlace place = places_[count - 1];
  const auto taken = static_cast<std::ptrdiff_t>(count);
  batch_.events.erase(batch_.events.begin(), batch_.events.begin() + taken);
  places_.erase(places_.begin(), places_.begin() + taken);
  bytes_ = 0;
  for (const ShippedEvent& event : batch_.events) bytes_ += event.text().size();
  if (batch_.events.empty()) full_ = false;
  limit_ = std::min(most_events_, limit_ * 2);
  if (receiver_->settles_after() == Milliseconds(0)) return acknowledge(place);
  sent_.push_back({Clock::now(), place});
}

// Never dropped in silence: it is named in the state, and in the run's record.
void Shipper::on_refused(const SinkBatch& batch, std::size_t index, const std::string& why) {
  ++state_.refused;
  refused_why_ = fmt::format("it refused event {}: {}", batch.events[index].sequence, why);
  state_.gaps.push_back(fmt::format("{}: {}", batch.events[index].sequence, why));
}

void Shipper::on_too_large(const SinkStep& step) {
  if (batch_.events.size() == 1) {
    SinkStep gone{.kind = SinkStep::Kind::accepted, .count = 1, .why = {}, .refused = {}};
    gone.refused.emplace_back(0, step.why);
    return on_accepted(gone);
  }
  limit_ = batch_.events.size() / 2;
  batch_.events.resize(limit_);
  places_.resize(limit_);
  full_ = true;  // half a batch is one
  reader_.go_to(places_.back());
}

void Shipper::on_failure(const SinkStep& step) {
  ++failures_;
  {
    const std::lock_guard lock(mutex_);
    report_.failing = true;
    report_.why = step.why;
  }
  changed_();
  // The same again, not more: an object that is written once has one content.
  full_ = !batch_.events.empty();
  // What a broken connection took goes again from where it is certain.
  if (receiver_->settles_after() > Milliseconds(0)) drop_batch();
  std::uint32_t random = 0;
  [[maybe_unused]] const ssize_t got = ::getrandom(&random, sizeof random, 0);
  pause(std::max(step.after, backoff(failures_, random)));
}

// At the end of the record somebody waits for us: then no pause is long, whatever the receiver
// asks for. finish() may come at any moment of one.
void Shipper::pause(Milliseconds time) {
  const Clock::time_point began = Clock::now();
  std::unique_lock lock(mutex_);
  while (!stop_) {
    const Clock::time_point until = began + (finish_ ? std::min(time, kLongestHurry) : time);
    if (Clock::now() >= until) return;
    const bool finishing = finish_;
    wakeup_.wait_until(lock, until, [&] { return stop_ || finish_ != finishing; });
  }
}

void Shipper::drop_batch() {
  sent_.clear();
  batch_.events.clear();
  places_.clear();
  bytes_ = 0;
  full_ = false;
  reader_.go_to(acknowledged_);
}

// Streams without answers: what lived on for a while counts; at the end the connection is ended so
// that the other side must have read it all.
void Shipper::settle(bool now) {
  if (sent_.empty()) return;
  if (now) {
    const RecordPlace last = sent_.back().place;
    if (!receiver_->settle()) return on_failure({.why = "it broke the connection at its end"});
    sent_.clear();
    return acknowledge(last);
  }
  if (!receiver_->is_alive()) return on_failure({.why = "it closed the connection"});
  const Clock::time_point before = Clock::now() - receiver_->settles_after();
  while (!sent_.empty() && sent_.front().at <= before) {
    const RecordPlace place = sent_.front().place;
    sent_.pop_front();
    acknowledge(place);
  }
}

void Shipper::acknowledge(const RecordPlace& place) {
  const bool moved = !(place == acknowledged_);
  state_.acknowledged = place;
  std::string why = refused_why_;
  if (moved) {
    if (const Result<void> kept = progress_.save(state_); !kept) why = sentence(kept.error());
  }
  {
    const std::lock_guard lock(mutex_);
    if (!moved) return;
    acknowledged_ = place;
    report_.acknowledged = place.sequence;
    report_.offset = place.offset;
    report_.failing = false;
    report_.refused = state_.refused;
    report_.why = why;
  }
  changed_();
}

void Shipper::apply_renewals() {
  std::map<std::string, Secret> renewed;
  {
    const std::lock_guard lock(mutex_);
    renewed.swap(renewals_);
  }
  if (!renewed.empty()) receiver_->renew(std::move(renewed));
}

bool Shipper::wait(Milliseconds time) {
  std::unique_lock lock(mutex_);
  const std::uint64_t flush = flushes_;
  const bool finishing = finish_;
  // Each apart: the end of a record comes after a flush that may still last.
  wakeup_.wait_for(lock, time, [&] { return stop_ || flushes_ != flush || finish_ != finishing; });
  return !stop_;
}

void Shipper::flush() {
  {
    const std::lock_guard lock(mutex_);
    ++flushes_;
  }
  wakeup_.notify_all();
}

void Shipper::finish() {
  {
    const std::lock_guard lock(mutex_);
    finish_ = true;
  }
  wakeup_.notify_all();
}

void Shipper::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wakeup_.notify_all();
}

void Shipper::renew(const std::string& key, Secret secret) {
  const std::lock_guard lock(mutex_);
  renewals_[key] = std::move(secret);
}

SinkReport Shipper::report() const {
  const std::lock_guard lock(mutex_);
  return report_;
}

std::uint64_t Shipper::bytes_behind() const {
  struct stat status {};
  if (::fstat(record_, &status) != 0) return 0;
  const std::lock_guard lock(mutex_);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  return size - std::min(size, acknowledged_.offset);
}

}  // namespace berm
