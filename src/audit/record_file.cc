#include "audit/record_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "record/canonical.h"
#include "record/chain.h"

namespace berm {

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
                           .monotonic_ns = monotonic_ns(),
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
