#include "supervise/exec_log.h"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/eventfd.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/text.h"
#include "record/sha256.h"

namespace berm {
namespace {

constexpr std::size_t kShownArguments = 32;
constexpr std::size_t kShownBytes = 2048;  // of each: a script behind -c is worth reading
constexpr std::size_t kShownInAll = 4096;
constexpr std::size_t kMostContents = 8192;
constexpr std::size_t kHashPart = 256 << 10;
constexpr const char* kChanged = "it changed before it could be read";

std::int64_t steady_now() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// What a kernel without extra formats (binfmt_misc) starts; nothing else is worth half a second of
// reading, and a sparse giant costs that.
bool is_program(int file) {
  char head[SELFMAG] = {};
  const ssize_t got = ::pread(file, head, sizeof head, 0);
  return (got >= 2 && std::memcmp(head, "#!", 2) == 0) ||
         (got == SELFMAG && std::memcmp(head, ELFMAG, SELFMAG) == 0);
}

bool is_unchanged(int file, const ObjectId& id) {
  struct stat status {};
  return ::fstat(file, &status) == 0 && id_of(status) == id;
}

void write_paths(CanonicalWriter& writer, const std::vector<std::string>& paths) {
  writer.open_array();
  for (const std::string& path : paths) writer.text(printable(path));
  writer.close_array();
}

void write_object(CanonicalWriter& writer, const SeenExec& seen) {
  if (!seen.id) return writer.null();
  writer.open_object();
  writer.key("device");
  writer.text(fmt::format("{}:{}", gnu_dev_major(seen.id->device), gnu_dev_minor(seen.id->device)));
  writer.key("inode");
  writer.number(seen.id->inode);
  writer.key("sha256");
  seen.sha256.empty() ? writer.null() : writer.text(seen.sha256);
  writer.key("size");
  writer.number(seen.id->size);
  if (!seen.undigested.empty()) {
    writer.key("undigested");
    writer.text(seen.undigested);
  }
  writer.close_object();
}

}  // namespace

ObjectId id_of(const struct stat& status) {
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .size = static_cast<std::uint64_t>(status.st_size),
          .modified_ns = nanoseconds(status.st_mtim),
          .changed_ns = nanoseconds(status.st_ctim)};
}

Result<void> ExecLog::start(const KnownSecrets* known) {
  known_ = known;
  ready_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!ready_) return os_error("watch started programs");
  try {
    worker_ = std::thread([this] { work(); });
  } catch (const std::system_error& error) {
    return os_error("start the thread that digests programs", error.code().value());
  }
  return {};
}

ExecLog::~ExecLog() { end(std::chrono::milliseconds(0)); }

void ExecLog::end(std::chrono::milliseconds grace) {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    give_up_at_ = (std::chrono::steady_clock::now() + grace).time_since_epoch().count();
  }
  undigested_.notify_all();
  if (worker_.joinable()) worker_.join();
}

void ExecLog::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  room_.notify_all();
}

void ExecLog::hold(bool holds) {
  {
    const std::lock_guard lock(mutex_);
    held_ = holds;
  }
  room_.notify_all();
}

bool ExecLog::await_room() {
  std::unique_lock lock(mutex_);
  room_.wait(lock,
             [this] { return closed_ || (!held_ && queue_.size() < kMost && open_ < kMostOpen); });
  return !closed_;
}

// With the lock held. Once until take(): a loop that knows already needs no second word.
void ExecLog::tell() {
  if (told_) return;
  told_ = true;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t wrote = ::write(ready_.get(), &one, sizeof one);
}

void ExecLog::add(SeenExec seen) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (seen.object) ++open_;
    wake = static_cast<bool>(seen.object);
    // Behind one that waits for its digest this one waits too: the record keeps the order.
    const bool ready = !wake && digested_ == queue_.size();
    queue_.push_back(std::move(seen));
    if (ready) ++digested_;
    if (ready) tell();
  }
  if (wake) undigested_.notify_one();
}

void ExecLog::wake() {
  const std::lock_guard lock(mutex_);
  tell();
}

std::optional<ObjectContent> ExecLog::content(const ObjectId& id) {
  const std::lock_guard lock(mutex_);
  const auto found = contents_.find(id);
  return found == contents_.end() ? std::nullopt : std::optional(found->second);
}

void ExecLog::note_interpreter(const ObjectId& id, const std::string& line) {
  const std::lock_guard lock(mutex_);
  if (contents_.size() >= kMostContents) contents_.clear();
  contents_[id].interpreter = line;
}

void ExecLog::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    undigested_.wait(lock, [this] { return ended_ || digested_ < queue_.size(); });
    if (digested_ == queue_.size()) return;  // only at the end
    SeenExec& seen = queue_[digested_];      // references stay: only the digested front is taken
    if (seen.object) {
      const auto known = contents_.find(*seen.id);
      if (seen.remember && known != contents_.end() && !known->second.sha256.empty()) {
        seen.sha256 = known->second.sha256;
      } else {
        lock.unlock();
        digest(seen, [this] { return too_late(); });
        lock.lock();
        if (seen.remember && !seen.sha256.empty()) contents_[*seen.id].sha256 = seen.sha256;
      }
      seen.object.reset();
      --open_;
      room_.notify_one();
    }
    ++digested_;
    tell();
  }
}

bool ExecLog::too_late() const { return steady_now() > give_up_at_; }

// The object itself, by the descriptor that was looked up, whatever its name leads to by now.
void digest(SeenExec& seen, const std::function<bool()>& give_up) {
  if (seen.id->size > kLargestDigested) {
    seen.undigested = "larger than 512 MiB";
    return;
  }
  const std::string path = fmt::format("/proc/self/fd/{}", seen.object.get());
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file || !is_program(file.get())) {
    seen.undigested = file ? "no program and no script" : "it may be executed, but not read";
    return;
  }
  Sha256 hash;
  thread_local std::string part(kHashPart, '\0');
  for (std::uint64_t all = 0;;) {
    const ssize_t got = ::read(file.get(), part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      seen.undigested = "it cannot be read";
      return;
    }
    if (got == 0) break;
    all += static_cast<std::uint64_t>(got);
    if (all > seen.id->size || give_up()) {
      seen.undigested = all > seen.id->size ? kChanged : "the run ended first";
      return;
    }
    hash.update(std::string_view(part).substr(0, static_cast<std::size_t>(got)));
  }
  // A digest of what came after is worse than none: it would vouch for the wrong program.
  if (!is_unchanged(file.get(), *seen.id)) {
    seen.undigested = kChanged;
    return;
  }
  seen.sha256 = hash.hex();
}

std::vector<ExecEvent> ExecLog::take() {
  std::deque<SeenExec> ready;
  {
    const std::lock_guard lock(mutex_);
    std::uint64_t drained = 0;
    [[maybe_unused]] const ssize_t got = ::read(ready_.get(), &drained, sizeof drained);
    told_ = false;
    for (; digested_ > 0; --digested_) {
      ready.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
    count_ += ready.size();
  }
  room_.notify_one();
  std::vector<ExecEvent> out;
  out.reserve(ready.size());
  for (SeenExec& seen : ready) {
    out.push_back({event_of(seen), seen.denied, std::move(seen.decision.reason)});
  }
  return out;
}

void ExecLog::write_argv(CanonicalWriter& writer, const SeenExec& seen) const {
  const std::vector<std::string>& all = seen.call.argv;
  std::size_t shown = std::min(all.size(), kShownArguments);
  // Half of a secret is not found any more: what was cut while reading is shown only if what is
  // shown ends far from the cut, and what is cut here is searched before.
  if (seen.last_cut && shown == all.size() && all.back().size() < 2 * kShownBytes) --shown;
  writer.key("argv");
  writer.open_array();
  std::size_t room = kShownInAll;
  std::size_t i = 0;
  for (; i < shown && (room > 0 || all[i].empty()); ++i) {
    const std::size_t most = std::min(room, kShownBytes);
    const bool whole = all[i].size() <= most;  // what is not cut, the record redacts
    std::string text = whole || known_ == nullptr ? all[i] : redact(all[i], *known_);
    const bool cut = text.size() > most;
    if (cut) text.resize(most);
    room -= text.size();
    writer.text(printable(text) + (cut ? "…" : ""));
  }
  writer.close_array();
  writer.key("argv_left_out");
  writer.number(all.size() - i);
  if (seen.call.complete) return;
  writer.key("argv_more");  // than was read: read_program_call()'s limits
  writer.boolean(true);
}

// Written at once, without a tree: a build starts ten thousand programs.
std::string ExecLog::event_of(const SeenExec& seen) const {
  std::string event;
  event.reserve(1024);
  CanonicalWriter writer(event);
  const auto text = [&](std::string_view name, std::string_view value) {
    writer.key(name);
    writer.text(value);
  };
  writer.open_object();
  write_argv(writer, seen);
  text("cwd", printable(seen.call.cwd));
  text("decision", seen.denied ? "deny" : "allow");
  text("executable", printable(seen.call.executable));
  if (!seen.interpreters.empty()) {
    writer.key("interpreters");
    write_paths(writer, seen.interpreters);
  }
  writer.key("object");
  write_object(writer, seen);
  writer.key("pid");
  writer.number(seen.pid);
  writer.key("ppid");
  writer.number(seen.parent);
  text("reason", seen.decision.reason);
  if (!seen.decision.reported.empty()) {
    writer.key("reported");
    writer.open_array();
    for (const std::string& rule : seen.decision.reported) writer.text(rule);
    writer.close_array();
  }
  text("rule", seen.decision.rule);
  writer.close_object();
  return event;
}

}  // namespace berm
