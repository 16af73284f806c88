#include "audit/record_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

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
  return record;
}

void RecordFile::append(std::string_view source, std::string_view type,
                        const nlohmann::json& data) {
  std::string lines;
  seal(source, type, canonical(data), lines);
  write(lines);
}

void RecordFile::append_all(std::string_view source, std::string_view type,
                            const std::vector<std::string>& events) {
  std::string lines;
  for (const std::string& data : events) seal(source, type, data, lines);
  write(lines);
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
}

// One write: a crash leaves whole lines or, at the very end, a torn one that shows as such; a short
// write (a full disk) is a failure.
void RecordFile::write(std::string_view lines) {
  if (failed_ || lines.empty()) return;
  failed_ = ::write(fd_.get(), lines.data(), lines.size()) != static_cast<ssize_t>(lines.size());
}

void RecordFile::flush() {
  if (::fdatasync(fd_.get()) != 0) failed_ = true;
}

}  // namespace berm
