// src/supervise/sink_watch.h: what the process that ships the record tells the supervisor.
#pragma once

#include <chrono>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "audit/record_file.h"
#include "policy/audit_policy.h"
#include "sys/child.h"

namespace berm {

/// It reads the record where it lies and sends it on; we read how far it got.
struct ShipProcess {
  ChildProcess process;
  UniqueFd control;  ///< frames of JSON, see audit/ship/messages.h
};

/// How far one sink is.
struct SinkProgress {
  std::string name;
  std::uint64_t acknowledged = 0;  ///< every event before this one is at the sink
  std::uint64_t offset = 0;        ///< in the record, of that event
  std::uint64_t unshipped = 0;     ///< bytes of the record behind it, when it was told
  std::string state = "starting";  ///< "ok", "failing", "lost"
  std::string why;                 ///< the last error
  std::uint64_t refused = 0;       ///< events that the sink will never take: named in its state
};

/// Puts changes of sinks on the record, and knows when the run must not go on without them.
class SinkWatch {
 public:
  using Clock = std::chrono::steady_clock;

  /// @param record  gets the changes; must outlive this
  /// @param file    the same, to see how long it is
  SinkWatch(ShipProcess ship, RecordFile& record, UniqueFd file, const AuditPolicy& policy);
  /// Of a record that is complete already.
  SinkWatch(ShipProcess ship, const AuditPolicy& policy);
  SinkWatch(const SinkWatch&) = delete;
  SinkWatch& operator=(const SinkWatch&) = delete;
  /// Where every sink has it all, that is on the disk by then too.
  ~SinkWatch();

  /// To poll(2); -1 when the process is gone.
  [[nodiscard]] int fd() const { return ship_.control.get(); }
  /// Reads what it says.
  void hear();
  /// Why the run must end now: a sink that the policy demands is away for longer than the grace, or
  /// more is unshipped than the spool may hold.
  [[nodiscard]] std::optional<std::string> lost() const;
  /// overflow = "block": whether the run must wait, because a sink has more than the spool to get.
  /// It may go on when no sink has more than half of that. Both moments go on the record. To be
  /// asked each time that something may have been recorded or shipped.
  [[nodiscard]] bool blocks();

  /// Has everything shipped that is on the record by now; at most the policy's grace.
  /// @return the sinks that do not have it all.
  [[nodiscard]] std::vector<SinkProgress> settle();
  /// The same for a record that is complete: nothing is put on it any more, and the process ends.
  /// @param count  events of the record
  [[nodiscard]] std::vector<SinkProgress> finish(std::uint64_t count, Milliseconds patience);

  [[nodiscard]] const std::vector<SinkProgress>& sinks() const { return sinks_; }
  [[nodiscard]] const ShipProcess& ship() const { return ship_; }

 private:
  struct Failure {
    std::optional<Clock::time_point> since;
    std::uint64_t told = 0;
  };
  [[nodiscard]] std::vector<SinkProgress> await(std::uint64_t count, Milliseconds patience);
  [[nodiscard]] std::vector<SinkProgress> behind(std::uint64_t count) const;
  void take(const nlohmann::json& message);
  void on_gone();
  void tell(const SinkProgress& sink);
  void tell_release();  ///< if the run was held
  [[nodiscard]] std::uint64_t unshipped(const SinkProgress& sink) const;

  ShipProcess ship_;
  RecordFile* record_ = nullptr;
  UniqueFd file_;
  const AuditPolicy& policy_;
  std::vector<SinkProgress> sinks_;
  std::map<std::string, Failure> failures_;
  std::optional<Clock::time_point> blocked_since_;
  bool closed_;           ///< the record is: no event may follow
  bool shipped_ = false;  ///< all of it, to all sinks
};

/// "siem lacks 14 events (connection refused)".
[[nodiscard]] std::string missing_text(const std::vector<SinkProgress>& behind,
                                       std::uint64_t count);

}  // namespace berm
