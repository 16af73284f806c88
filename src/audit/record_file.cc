#include "audit/record_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "record/canonical.h"
#include "record/chain.h"
#include "record/verify.h"

namespace berm {
namespace {
constexpr std::size_t kLargestResumed = 1ULL << 30;
}

std::string wall_time() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  tm utc{};
  ::gmtime_r(&now.tv_sec, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, now.tv_nsec);
}

std::int64_t monotonic_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1000000000 + now.tv_nsec;
}

Result<RecordFile> RecordFile::create(const std::string& path, std::string run) {
  RecordFile record;
  record.fd_ = BERM_TRY(open_file(path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  record.run_ = std::move(run);
  record.previous_ = genesis_hash();
  record.signed_at_ = monotonic_ns();
  return record;
}

Result<RecordFile> RecordFile::resume(const std::string& path, std::string run, RunKey key) {
  RecordFile record;
  record.fd_ = BERM_TRY(open_file(path, O_RDWR | O_APPEND | O_NOFOLLOW));
  std::string text = BERM_TRY(read_all(record.fd_.get(), kLargestResumed));
  text.resize(text.rfind('\n') + 1);  // npos + 1 == 0
  if (::ftruncate(record.fd_.get(), static_cast<off_t>(text.size())) != 0) {
    return os_error(fmt::format("cut what is torn off '{}'", path));
  }
  const RecordCheck check = check_record(text);
  if (!check.intact() || check.run != run || check.key != key.key.public_key()) {
    return failure(
        Errc::denied,
        fmt::format("go on with the record: {}",
                    check.intact() ? "it is another run's" : check.problems.front().what),
        "berm verify shows what is wrong with it");
  }
  if (check.complete) return failure(Errc::usage, "this run has ended");
  const std::string_view last =
      std::string_view(text).substr(text.rfind('\n', text.size() - 2) + 1);
  const std::optional<SealedLine> sealed = parse_sealed(last.substr(0, last.size() - 1));
  record.clock_ahead_ = std::max<std::int64_t>(0, sealed->monotonic_ns - monotonic_ns());
  for (const Digest& leaf : check.leaves) record.tree_.append(leaf);
  record.run_ = std::move(run);
  record.previous_ = check.head;
  record.sequence_ = check.events;
  record.note_ = check.checkpoint;
  record.key_ = std::move(key);
  record.unsigned_ = check.events - check.signed_events;
  record.signed_at_ = monotonic_ns();
  return record;
}

void RecordFile::sign_with(RunKey key) {
  key_ = std::move(key);
  append("supervisor", "record.key", to_json(*key_));
}

void RecordFile::make_key() {
  if (key_ || failed_) return;
  Result<RunKey> key = make_run_key(run_, std::nullopt);
  if (key) {
    sign_with(*std::move(key));
  } else {
    failed_ = true;  // a record that nobody signed is no evidence
  }
}

void RecordFile::append(std::string_view source, std::string_view type,
                        const nlohmann::json& data) {
  std::string lines;
  seal(source, type, canonical(data), lines);
  write(lines);
  if (unsigned_ >= kEvery) checkpoint();
}

void RecordFile::append_all(std::string_view source, std::string_view type,
                            const std::vector<std::string>& events) {
  std::string lines;
  for (const std::string& data : events) seal(source, type, data, lines);
  write(lines);
  if (unsigned_ >= kEvery) checkpoint();
}

void RecordFile::seal(std::string_view source, std::string_view type, std::string data,
                      std::string& lines) {
  if (failed_) return;
  if (known_ != nullptr && !is_clean_json(data, *known_)) {
    data = canonical(redact_json(nlohmann::json::parse(data), *known_));
  }
  const EventHeader header{.run = run_,
                           .sequence = sequence_++,
                           .time = wall_time(),
                           .monotonic_ns = monotonic_ns() + clock_ahead_,
                           .source = std::string(source),
                           .type = std::string(type)};
  SealedEvent event = seal_event(header, data, previous_);
  lines += event.line;
  lines += '\n';
  previous_ = std::move(event.hash);
  tree_.append(leaf_hash(bytes_of(event.digest)));
  ++unsigned_;
}

// One write: a crash leaves whole lines or, at the very end, a torn one that shows as such; a short
// write (a full disk) is a failure.
void RecordFile::write(std::string_view lines) {
  if (failed_ || lines.empty()) return;
  failed_ = ::write(fd_.get(), lines.data(), lines.size()) != static_cast<ssize_t>(lines.size());
  if (sync_ == RecordSync::event) sync_now();
}

void RecordFile::checkpoint() {
  make_key();
  if (failed_) return;
  const Checkpoint signed_now{.run = run_,
                              .size = tree_.size(),
                              .root = tree_.root(),
                              .head = previous_,
                              .time = wall_time()};
  const std::string text = to_text(signed_now);
  const std::string signature = key_->key.sign(text);
  failed_ = signature.empty();
  note_ = signed_note(text, run_signer(run_), key_->key.public_key(), signature);
  std::string lines;
  seal("supervisor", "checkpoint",
       canonical({{"note", note_}, {"root", to_hex(signed_now.root)}, {"size", signed_now.size}}),
       lines);
  write(lines);
  unsigned_ = 0;
  signed_at_ = monotonic_ns();
  if (sync_ == RecordSync::checkpoint && signed_at_ - synced_at_ >= kRest) sync_now();
}

void RecordFile::sync_now() {
  if (::fdatasync(fd_.get()) != 0) failed_ = true;
  synced_at_ = monotonic_ns();
}

void RecordFile::tick() {
  if (failed_) return;
  const std::int64_t since = monotonic_ns() - signed_at_;
  if (since >= (unsigned_ > 0 ? kRest : kHeartbeat)) checkpoint();
}

void RecordFile::sign() {
  if (!failed_ && unsigned_ > 0) checkpoint();
}

void RecordFile::end() {
  make_key();  // a run that never started has none yet
  append("supervisor", "run.end", {{"events", sequence_ + 1}});
  checkpoint();
  if (sync_ != RecordSync::never) sync_now();
}

}  // namespace berm
