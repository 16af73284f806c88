#include "audit/ship/record_reader.h"

#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/wall_time.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr std::size_t kChunk = 256 << 10;

std::int64_t nanoseconds_of(const std::string& time) {
  const std::optional<WallTime> seconds = parse_wall_time(time);
  if (!seconds) return 0;
  std::int64_t fraction = 0;
  const std::size_t point = time.find('.');
  if (point != std::string::npos) {
    std::int64_t unit = 100'000'000;
    for (std::size_t i = point + 1; i < time.size() && time[i] >= '0' && time[i] <= '9'; ++i) {
      fraction += unit * (time[i] - '0');
      unit /= 10;
    }
  }
  return seconds->time_since_epoch().count() * 1'000'000'000 + fraction;
}

}  // namespace

ShippedEvent shipped_event(std::string line, std::uint64_t expected) {
  ShippedEvent event;
  event.sequence = expected;
  // "data" is the agent's and may hold anything; nothing behind it can hold this.
  const std::size_t at = line.rfind(",\"hash\":\"");
  json tail;
  if (at != std::string::npos) {
    tail = json::parse("{" + line.substr(at + 1), nullptr, false);
  }
  const bool ours = tail.is_object() && tail.contains("seq") && tail["seq"].is_number_unsigned() &&
                    tail.contains("type") && tail["type"].is_string() && tail.contains("time") &&
                    tail["time"].is_string();
  event.line = std::move(line);
  if (!ours) {
    event.document = event.line;
    event.is_json = false;
    event.type = "unknown";
    return event;
  }
  event.sequence = tail["seq"].get<std::uint64_t>();
  event.type = tail["type"].get<std::string>();
  event.time = tail["time"].get<std::string>();
  event.time_ns = nanoseconds_of(event.time);
  return event;
}

void RecordReader::go_to(const RecordPlace& place) {
  place_ = place;
  buffer_.clear();
  used_ = searched_ = 0;
}

void RecordReader::start_at(const RecordPlace& place) {
  go_to(place);
  if (place.offset == 0) return go_to({});
  char before = 0;
  const bool at_line =
      ::pread(fd_, &before, 1, static_cast<off_t>(place.offset - 1)) == 1 && before == '\n';
  if (!at_line) return go_to({});
  const std::optional<ShippedEvent> event = next();
  const bool same = !event || event->sequence == place.sequence;
  go_to(same ? place : RecordPlace{});
}

bool RecordReader::fill() {
  buffer_.erase(0, used_);
  used_ = 0;
  const std::size_t had = buffer_.size();
  buffer_.resize(had + kChunk);
  const ssize_t got =
      ::pread(fd_, buffer_.data() + had, kChunk, static_cast<off_t>(place_.offset + had));
  buffer_.resize(had + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return got > 0;
}

std::optional<ShippedEvent> RecordReader::next() {
  std::size_t end = buffer_.find('\n', used_ + searched_);
  while (end == std::string::npos) {
    searched_ = buffer_.size() - used_;
    if (!fill()) return std::nullopt;
    end = buffer_.find('\n', used_ + searched_);
  }
  ShippedEvent event = shipped_event(buffer_.substr(used_, end - used_), place_.sequence);
  place_.offset += end + 1 - used_;
  place_.sequence = event.sequence + 1;
  used_ = end + 1;
  searched_ = 0;
  return event;
}

std::uint64_t RecordReader::left() const {
  struct stat status {};
  if (::fstat(fd_, &status) != 0) return 0;
  const auto size = static_cast<std::uint64_t>(status.st_size);
  return size > place_.offset ? size - place_.offset : 0;
}

}  // namespace berm
