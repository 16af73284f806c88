// src/supervise/notifications.h: what the run's processes ask the kernel for, seen before it does
// it (seccomp_unotify(2)): connections, which are observed, and programs, which may be refused.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "rules/tools/decide.h"
#include "supervise/attempts.h"
#include "supervise/connection_broker.h"
#include "supervise/exec_log.h"
#include "supervise/path_broker.h"
#include "supervise/run_root.h"
#include "sys/fd.h"

struct seccomp_notif;

namespace berm {

/// Serves the notifications of a run in a thread of its own, because a process inside waits for
/// each. Connections go on; a program is looked up, judged and recorded.
///
/// How far it holds. What cannot be looked up does not run: the call fails with the error that the
/// lookup met. What is refused does not run. What is allowed goes on, and the kernel then reads
/// path and arguments again, from memory that another thread or another process of the run may have
/// changed since, through links that may lead elsewhere by now: then something else runs than was
/// judged and recorded. That is the kernel's limit of this interface; it is help against an agent
/// that errs, not the boundary (the namespaces, Landlock and the filter hold in any case).
class NotificationWatch {
 public:
  using Decide = std::function<ToolDecision(const ExecCall&)>;

  /// The process tier: the run has no namespaces of its own.
  struct Shared {
    BrokeredPlaces places;
    std::shared_ptr<const Secret> token;
    /// Whom the thread becomes: what berm looks at as root, without CAP_SYS_PTRACE, only the run's
    /// own uid may look at. nullopt = it stays who it is.
    std::optional<std::pair<uid_t, gid_t>> identity;
  };

  NotificationWatch() = default;
  NotificationWatch(const NotificationWatch&) = delete;
  NotificationWatch& operator=(const NotificationWatch&) = delete;
  ~NotificationWatch();

  /// @param notifications  the descriptor that berm-init sent
  /// @param init  PID 1 of the run
  /// @param decide  asked for every program, in the thread; empty = all are allowed
  /// @param known  hidden before arguments are cut; outlives the watch
  [[nodiscard]] Result<void> start(UniqueFd notifications, pid_t init, Decide decide,
                                   const KnownSecrets* known, std::optional<Shared> shared);
  /// While it holds, every program and connection that begins waits.
  void hold(bool holds) { execs_.hold(holds); }
  /// Ends the thread: what still waits fails with ENOSYS. Digests go on for at most `grace`.
  void stop(std::chrono::milliseconds grace);
  /// The thread is gone while it should serve: programs and connections fail from now on.
  [[nodiscard]] bool lost() const { return lost_; }

  [[nodiscard]] int attempts_fd() const { return attempts_.fd(); }
  [[nodiscard]] std::vector<nlohmann::json> take_attempts();
  [[nodiscard]] int execs_fd() const { return execs_.fd(); }
  [[nodiscard]] std::vector<ExecEvent> take_execs() { return execs_.take(); }
  [[nodiscard]] std::uint64_t exec_count() const { return execs_.count(); }

 private:
  void work();
  [[nodiscard]] bool serve();
  void on_connect(const seccomp_notif& notification);
  void on_socket(const seccomp_notif& notification);
  void on_socket_call(const seccomp_notif& notification);
  void on_path_call(const seccomp_notif& notification);
  [[nodiscard]] bool still_waits(const seccomp_notif& notification) const;
  bool give(const seccomp_notif& notification, int error, long value) const;
  [[nodiscard]] bool take_identity() const;
  void on_exec(const seccomp_notif& notification);
  [[nodiscard]] int look(const seccomp_notif& notification, const SeenProcess& process,
                         SeenExec& seen);
  [[nodiscard]] int judge(const SeenProcess& process, SeenExec& seen);
  [[nodiscard]] int interpreter_of(const UniqueFd& object, const std::optional<ObjectId>& id,
                                   std::string& line);
  bool answer(const seccomp_notif& notification, int error) const;

  AttemptLog attempts_;
  ExecLog execs_;
  RunRoot root_;
  Decide decide_;
  std::optional<Shared> shared_;
  std::optional<RunDescriptors> descriptors_;
  std::optional<ConnectionBroker> connections_;
  std::optional<PathBroker> paths_;
  UniqueFd notifications_;
  UniqueFd stop_;
  std::atomic<bool> lost_ = false;
  std::thread thread_;
};

}  // namespace berm
