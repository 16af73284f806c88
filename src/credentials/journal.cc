#include "credentials/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "credentials/issuer.h"
#include "credentials/protocol.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;
constexpr std::size_t kLongest = 1 << 20;

// Field 22 of /proc/PID/stat; the name before it may hold anything, so it is looked for behind it.
std::optional<std::uint64_t> start_of(pid_t pid) {
  const Result<std::string> text = read_file(fmt::format("/proc/{}/stat", pid), 4096);
  if (!text) return std::nullopt;
  const std::size_t end = text->rfind(')');
  if (end == std::string::npos || end + 2 >= text->size()) return std::nullopt;
  const std::vector<std::string_view> fields = split(std::string_view(*text).substr(end + 2), ' ');
  constexpr std::size_t kStart = 22 - 3;  // the first of `fields` is field 3
  std::uint64_t start = 0;
  // A zombie does nothing any more; it only waits for its parent.
  if (fields.size() <= kStart || fields[0] == "Z" || fields[0] == "X") return std::nullopt;
  const std::string_view field = fields[kStart];
  const auto parsed = std::from_chars(field.data(), field.data() + field.size(), start);
  if (parsed.ec != std::errc()) return std::nullopt;
  return start;
}

std::string boot_id() {
  return std::string(trim(read_file("/proc/sys/kernel/random/boot_id", 100).value_or("")));
}

bool is_file_name(std::string_view run) {
  return !run.empty() && run.size() <= 200 && run.front() != '.' &&
         std::ranges::all_of(run, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '_' || c == '-';
         });
}

Result<LeaseRecord> read_record(const json& value) {
  LeaseRecord record{.id = text_of(value, "id"), .live = text_of(value, "state") == "live"};
  const auto refused = failure(Errc::unsupported, "understand a lease in a journal");
  if (record.id.empty() || !value.contains("source") || !value.contains("handle")) return refused;
  if (!record.live && text_of(value, "state") != "minting") return refused;
  record.source = BERM_TRY(read_source(value["source"]));
  record.handle = read_handle(value["handle"]);
  const std::optional<WallTime> since = read_time(value, "since");
  if (!since) return refused;
  record.since = *since;
  record.expires = read_time(value, "expires");
  return record;
}

json to_json(const LeaseRecord& record) {
  return {{"id", record.id},
          {"state", record.live ? "live" : "minting"},
          {"source", berm::to_json(record.source)},
          {"handle", berm::to_json(record.handle)},
          {"since", berm::to_json(std::optional(record.since))},
          {"expires", berm::to_json(record.expires)}};
}

Result<UniqueFd> lock(const std::string& path) {
  UniqueFd fd = BERM_TRY(open_file(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return os_error(fmt::format("lock '{}'", path));
  return fd;
}

}  // namespace

ProcessId own_process_id() {
  const pid_t pid = ::getpid();
  return {.pid = pid, .start = start_of(pid).value_or(0), .boot = boot_id()};
}

bool is_running(const ProcessId& process) {
  if (process.pid <= 0 || process.boot != boot_id()) return false;
  const std::optional<std::uint64_t> start = start_of(process.pid);
  return start && *start == process.start;
}

std::string to_json_text(const JournalContent& content) {
  json leases = json::array();
  for (const LeaseRecord& record : content.leases) leases.push_back(to_json(record));
  return dumped({{"version", kVersion},
                 {"run", content.run},
                 {"keeper",
                  {{"pid", content.keeper.pid},
                   {"start", content.keeper.start},
                   {"boot", content.keeper.boot}}},
                 {"leases", leases}});
}

Result<JournalContent> parse_journal(std::string_view text) {
  const auto refused = failure(Errc::unsupported, "understand a journal of credentials");
  const json value = json::parse(text, nullptr, false);
  if (!value.is_object() || !value.contains("version") || value["version"] != kVersion) {
    return refused;
  }
  JournalContent content{.run = text_of(value, "run")};
  if (!is_file_name(content.run) || !value.contains("keeper") || !value["keeper"].is_object() ||
      !value.contains("leases") || !value["leases"].is_array()) {
    return refused;
  }
  const json& keeper = value["keeper"];
  content.keeper.boot = text_of(keeper, "boot");
  if (keeper.contains("pid") && keeper["pid"].is_number_integer()) {
    content.keeper.pid = keeper["pid"].get<pid_t>();
  }
  if (keeper.contains("start") && keeper["start"].is_number_unsigned()) {
    content.keeper.start = keeper["start"].get<std::uint64_t>();
  }
  for (const json& lease : value["leases"]) {
    content.leases.push_back(BERM_TRY(read_record(lease)));
  }
  return content;
}

Journal::Journal(std::string directory, std::string run, UniqueFd lock)
    : directory_(std::move(directory)),
      path_(fmt::format("{}/{}.json", directory_, run)),
      lock_path_(fmt::format("{}/{}.lock", directory_, run)),
      lock_(std::move(lock)) {
  content_.run = std::move(run);
  content_.keeper = own_process_id();
}

Result<std::unique_ptr<Journal>> Journal::create(const std::string& directory,
                                                 const std::string& run) {
  if (!is_file_name(run)) {
    return failure(Errc::usage, fmt::format("keep a journal of run '{}'", printable(run)));
  }
  BERM_TRY(make_directories(directory));
  UniqueFd held = BERM_TRY(lock(fmt::format("{}/{}.lock", directory, run)));
  return std::unique_ptr<Journal>(new Journal(directory, run, std::move(held)));
}

Result<std::unique_ptr<Journal>> Journal::take_over(const std::string& directory,
                                                    const std::string& run) {
  Result<UniqueFd> held = lock(fmt::format("{}/{}.lock", directory, run));
  if (!held && held.error().os_errno == EWOULDBLOCK) return nullptr;
  if (!held) return tl::unexpected(held.error());
  std::unique_ptr<Journal> journal(new Journal(directory, run, std::move(*held)));
  // The file is read after the lock: whoever held it may have finished meanwhile.
  if (!exists(journal->path_)) {
    journal->close();
    return nullptr;
  }
  const std::string text = BERM_TRY(read_plain_file(journal->path_, kLongest));
  JournalContent content =
      BERM_TRY(in_context(fmt::format("reading '{}'", journal->path_), parse_journal(text)));
  if (content.run != run) {
    return failure(Errc::unsupported,
                   fmt::format("understand '{}': it is of another run", journal->path_));
  }
  // A lock can be lost (a file system without them); a process that runs keeps its leases.
  if (is_running(content.keeper)) return nullptr;
  journal->content_.leases = std::move(content.leases);
  return journal;
}

Result<void> Journal::put(const std::vector<LeaseRecord>& records) {
  const std::lock_guard lock(mutex_);
  for (const LeaseRecord& record : records) {
    const auto found = std::ranges::find(content_.leases, record.id, &LeaseRecord::id);
    if (found == content_.leases.end()) {
      content_.leases.push_back(record);
    } else {
      *found = record;
    }
  }
  return write();
}

Result<void> Journal::set_handle(const std::string& id, const LeaseHandle& handle) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(content_.leases, id, &LeaseRecord::id);
  if (found == content_.leases.end()) return {};
  found->handle = handle;
  return write();
}

Result<void> Journal::remove(const std::string& id) {
  const std::lock_guard lock(mutex_);
  std::erase_if(content_.leases, [&](const LeaseRecord& record) { return record.id == id; });
  return write();
}

std::vector<LeaseRecord> Journal::records() {
  const std::lock_guard lock(mutex_);
  return content_.leases;
}

void Journal::close() {
  const std::lock_guard lock(mutex_);
  if (content_.leases.empty()) {
    ::unlink(path_.c_str());
    // While we hold it: whoever waits for this lock finds no journal beside it.
    ::unlink(lock_path_.c_str());
  }
  lock_.reset();
}

Result<void> Journal::write() {
  BERM_TRY(replace_file(path_, to_json_text(content_)));
  // The name must survive a power cut too.
  const UniqueFd directory = BERM_TRY(open_file(directory_, O_RDONLY | O_DIRECTORY));
  if (::fsync(directory.get()) != 0) return os_error(fmt::format("flush '{}'", directory_));
  return {};
}

std::vector<std::string> journals_in(const std::string& directory) {
  std::vector<std::string> runs;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(".json")) continue;
    std::string run = name.substr(0, name.size() - 5);
    if (is_file_name(run)) runs.push_back(std::move(run));
  }
  std::ranges::sort(runs);
  return runs;
}

}  // namespace berm
