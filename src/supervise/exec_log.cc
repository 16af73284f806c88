#include "supervise/exec_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/eventfd.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/text.h"
#include "record/sha256.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr std::size_t kShownArguments = 32;
constexpr std::size_t kShownBytes = 256;  // of each
constexpr std::size_t kMostContents = 8192;
constexpr std::size_t kHashPart = 256 << 10;

std::int64_t steady_now() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
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

bool ExecLog::await_room() {
  std::unique_lock lock(mutex_);
  room_.wait(lock, [this] { return closed_ || (queue_.size() < kMost && open_ < kMostOpen); });
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
        digest(seen);
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
void ExecLog::digest(SeenExec& seen) {
  if (seen.id->size > kLargest) {
    seen.undigested = "larger than 512 MiB";
    return;
  }
  const std::string path = fmt::format("/proc/self/fd/{}", seen.object.get());
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) {
    seen.undigested = "it may be executed, but not read";
    return;
  }
  // The kernel starts nothing else: a sparse giant must not cost us half a second each time.
  char head[4] = {};
  const bool program = ::pread(file.get(), head, sizeof head, 0) >= 2 &&
                       (std::memcmp(head, "#!", 2) == 0 || std::memcmp(head,
                                                                       "\x7f"
                                                                       "ELF",
                                                                       4) == 0);
  if (!program) {
    seen.undigested = "no program and no script";
    return;
  }
  Sha256 hash;
  std::string part(kHashPart, '\0');
  for (std::uint64_t all = 0;;) {
    const ssize_t got = ::read(file.get(), part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      seen.undigested = "it cannot be read";
      return;
    }
    if (got == 0) break;
    all += static_cast<std::uint64_t>(got);
    if (all > kLargest || too_late()) {
      seen.undigested = all > kLargest ? "larger than 512 MiB" : "the run ended first";
      return;
    }
    hash.update(std::string_view(part).substr(0, static_cast<std::size_t>(got)));
  }
  seen.sha256 = hash.hex();
}

std::vector<json> ExecLog::take() {
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
  std::vector<json> out;
  out.reserve(ready.size());
  for (const SeenExec& seen : ready) out.push_back(event_of(seen));
  return out;
}

json ExecLog::event_of(const SeenExec& seen) const {
  json argv = json::array();
  const std::vector<std::string>& all = seen.call.argv;
  std::size_t shown = std::min(all.size(), kShownArguments);
  // Half of a secret is not found any more: what was cut while reading is shown only if what is
  // shown ends far from the cut, and what is cut here is searched before.
  if (seen.last_cut && shown == all.size() && all.back().size() < 2 * kShownBytes) --shown;
  for (std::size_t i = 0; i < shown; ++i) {
    const bool whole = all[i].size() <= kShownBytes;  // what is not cut, the record redacts
    std::string text = whole || known_ == nullptr ? all[i] : redact(all[i], *known_);
    const bool cut = text.size() > kShownBytes;
    if (cut) text.resize(kShownBytes);
    argv.push_back(printable(text) + (cut ? "…" : ""));
  }
  json event = {{"pid", seen.pid},
                {"ppid", seen.parent},
                {"executable", printable(seen.call.executable)},
                {"object", nullptr},
                {"argv", std::move(argv)},
                {"argv_left_out", all.size() - shown},
                {"cwd", printable(seen.call.cwd)},
                {"decision", seen.denied ? "deny" : "allow"},
                {"rule", seen.decision.rule},
                {"reason", seen.decision.reason}};
  if (!seen.whole) event["argv_more"] = true;  // than the 64 arguments or 8 KiB that are read
  if (!seen.interpreters.empty()) {
    event["interpreters"] = json::array();
    for (const std::string& path : seen.interpreters) {
      event["interpreters"].push_back(printable(path));
    }
  }
  if (!seen.decision.reported.empty()) event["reported"] = seen.decision.reported;
  if (seen.id) {
    event["object"] = {{"device", fmt::format("{}:{}", gnu_dev_major(seen.id->device),
                                              gnu_dev_minor(seen.id->device))},
                       {"inode", seen.id->inode},
                       {"size", seen.id->size},
                       {"sha256", seen.sha256.empty() ? json() : json(seen.sha256)}};
    if (!seen.undigested.empty()) event["object"]["undigested"] = seen.undigested;
  }
  return event;
}

}  // namespace berm
