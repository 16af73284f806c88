#include "audit/record_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

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
  if (failed_) return;
  const EventHeader header{.run = run_,
                           .sequence = sequence_,
                           .time = wall_time(),
                           .monotonic_ns = monotonic_ns(),
                           .source = std::string(source),
                           .type = std::string(type)};
  SealedEvent event =
      seal_event(header, known_ != nullptr ? redact_json(data, *known_) : data, previous_);
  event.line += '\n';
  // One write: a crash leaves a whole line or none (a short write on a full disk is a failure).
  if (::write(fd_.get(), event.line.data(), event.line.size()) !=
      static_cast<ssize_t>(event.line.size())) {
    failed_ = true;
    return;
  }
  previous_ = std::move(event.hash);
  ++sequence_;
}

void RecordFile::flush() {
  if (::fdatasync(fd_.get()) != 0) failed_ = true;
}

}  // namespace berm
