// src/supervise/exec_log.h: started programs on their way from the thread that sees them to the
// record, each with the digest of what was started.
#pragma once

#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "record/canonical.h"
#include "redact/redactor.h"
#include "rules/tools/decide.h"
#include "sys/fd.h"

namespace berm {

inline constexpr std::uint64_t kLargestDigested = 512ULL << 20;  ///< bytes

/// A file as it was at one moment. Another content has another of these, but for what a process
/// writes through a shared mapping before the kernel notes it (it does, at the latest, with the
/// next writeback).
struct ObjectId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t modified_ns = 0;
  std::int64_t changed_ns = 0;
  friend auto operator<=>(const ObjectId&, const ObjectId&) = default;
};
[[nodiscard]] ObjectId id_of(const struct stat& status);

/// What is known of an object's content.
struct ObjectContent {
  std::optional<std::string> interpreter;  ///< a script's first line after "#!"; "" = no script
  std::string sha256;                      ///< "" = not yet
};

/// One execve(2) that was looked at.
struct SeenExec {
  pid_t pid = 0;
  pid_t parent = 0;
  ExecCall call;
  bool last_cut = false;                  ///< the last of argv goes on
  std::vector<std::string> interpreters;  ///< of a script, resolved, in the order they are started
  ToolDecision decision;
  bool denied = false;
  UniqueFd object;  ///< O_PATH; none once the digest is known
  std::optional<ObjectId> id;
  bool remember = false;  ///< its content may be known by its id from now on
  std::string sha256;
  std::string undigested;  ///< why there is no digest
};

/// One of them for the record.
struct ExecEvent {
  std::string data;  ///< canonical JSON
  bool denied = false;
  std::string reason;
};

/// Puts the SHA-256 of what `seen.object` is now into `seen`, or why there is none: too large, not
/// readable, no program, or it changed since it was looked up. `give_up` is asked now and then.
void digest(SeenExec& seen, const std::function<bool()>& give_up);

/// A bounded queue: one thread adds, one digests, one takes out, in order. Nothing is lost: who
/// adds waits while it is full, so that a storm of programs slows itself.
class ExecLog {
 public:
  static constexpr std::size_t kMost = 4096;
  static constexpr std::size_t kMostOpen = 128;  ///< objects that wait for their digest

  ExecLog() = default;
  ExecLog(const ExecLog&) = delete;
  ExecLog& operator=(const ExecLog&) = delete;
  ~ExecLog();

  [[nodiscard]] Result<void> start(const KnownSecrets* known);

  // For the thread that sees.
  /// Waits until one more can be added; false after close().
  [[nodiscard]] bool await_room();
  void add(SeenExec seen);
  /// Makes fd() readable: there is something else to be seen.
  void wake();
  [[nodiscard]] std::optional<ObjectContent> content(const ObjectId& id);
  void note_interpreter(const ObjectId& id, const std::string& line);

  // For the supervisor's loop.
  [[nodiscard]] int fd() const { return ready_.get(); }  ///< readable: take() has something
  [[nodiscard]] std::vector<ExecEvent> take();
  /// While it holds, there is room for nobody.
  void hold(bool holds);
  /// Lets whoever waits for room go; nothing may be added but what was seen already.
  void close();
  /// Nobody adds any more. What is not digested within `grace` stays without.
  void end(std::chrono::milliseconds grace);
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  void work();
  void tell();
  [[nodiscard]] std::string event_of(const SeenExec& seen) const;
  void write_argv(CanonicalWriter& writer, const SeenExec& seen) const;
  [[nodiscard]] bool too_late() const;

  std::mutex mutex_;
  std::condition_variable room_;
  std::condition_variable undigested_;
  std::deque<SeenExec> queue_;
  std::size_t digested_ = 0;  ///< of the front
  std::size_t open_ = 0;
  std::map<ObjectId, ObjectContent> contents_;
  std::atomic<std::int64_t> give_up_at_{INT64_MAX};  ///< steady clock
  bool held_ = false;
  bool closed_ = false;
  bool ended_ = false;
  bool told_ = false;
  std::uint64_t count_ = 0;
  const KnownSecrets* known_ = nullptr;
  UniqueFd ready_;
  std::thread worker_;
};

}  // namespace berm
