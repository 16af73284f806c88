#include "session/record_stream.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/text.h"
#include "report/record_reader.h"
#include "sys/beneath.h"

namespace berm {
namespace {

// No event of ours is near: the largest holds the changes of a run.
constexpr std::size_t kMostOfALine = 64 << 20;

// Cuts what is read into lines; one that is too long is left out and said.
class Lines {
 public:
  explicit Lines(report::RecordReader& reader) : reader_(reader) {}
  void add(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::size_t end = bytes.find('\n');
      const std::string_view part = bytes.substr(0, end);
      too_long_ = too_long_ || rest_.size() + part.size() > kMostOfALine;
      if (!too_long_) rest_ += part;
      if (end == std::string_view::npos) return;
      finish();
      bytes.remove_prefix(end + 1);
    }
  }
  void end() {
    if (!rest_.empty() || too_long_) reader_.broken("the last line has no end");
  }

 private:
  void finish() {
    if (too_long_) {
      reader_.broken(fmt::format("a line of more than {} bytes", kMostOfALine));
    } else {
      reader_.line(rest_);
    }
    rest_.clear();
    too_long_ = false;
  }
  report::RecordReader& reader_;
  std::string rest_;
  bool too_long_ = false;
};

// A directory of records may come from anybody: no link, no fifo that never ends.
Result<UniqueFd> open_record(const std::string& path) {
  UniqueFd fd = BERM_TRY(open_file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return os_error(fmt::format("look at '{}'", path));
  if (!S_ISREG(status.st_mode)) {
    return failure(Errc::unsupported, fmt::format("read '{}': not a regular file", path));
  }
  return fd;
}

bool is_directory(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool is_older(const report::RecordReader& reader, std::optional<WallTime> since) {
  if (!since || reader.started().empty()) return false;
  const std::optional<WallTime> started = parse_wall_time(reader.started());
  return started && *started < *since;
}

// Runs and lone records of a directory.
Result<std::vector<std::string>> records_in(const std::string& directory) {
  const UniqueFd fd = BERM_TRY(open_file(directory, O_RDONLY | O_DIRECTORY));
  std::vector<std::string> out;
  for (const Entry& entry : BERM_TRY(list_directory(fd.get()))) {
    const std::string path = directory + "/" + entry.name;
    if (entry.name.ends_with(".jsonl")) {
      out.push_back(path);
    } else if (exists(path + "/record.jsonl")) {
      out.push_back(path + "/record.jsonl");
    }
  }
  std::ranges::sort(out);
  return out;
}

}  // namespace

Result<std::optional<report::RunFacts>> read_facts(const std::string& path,
                                                   std::optional<WallTime> since) {
  const UniqueFd fd = BERM_TRY(open_record(path));
  report::RecordReader reader;
  Lines lines(reader);
  std::vector<char> buffer(1 << 18);
  while (true) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return os_error(fmt::format("read '{}'", path));
    if (got == 0) break;
    lines.add({buffer.data(), static_cast<std::size_t>(got)});
    if (is_older(reader, since)) return std::optional<report::RunFacts>();
  }
  lines.end();
  return std::optional(reader.take());
}

Result<std::vector<std::string>> find_records(const std::string& place) {
  if (!is_directory(place)) {
    if (!exists(place)) {
      return failure(Errc::usage, fmt::format("there is no '{}'", printable(place)));
    }
    return std::vector{place};
  }
  if (is_directory(place + "/runs")) return records_in(place + "/runs");
  std::vector<std::string> out = BERM_TRY(records_in(place));
  if (out.empty()) {
    return failure(Errc::usage, fmt::format("there is no record in '{}'", printable(place)),
                   "name a record.jsonl, a run's directory, or a directory of runs");
  }
  return out;
}

}  // namespace berm
