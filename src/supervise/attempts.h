// src/supervise/attempts.h: who inside tried to reach which address (seccomp_unotify(2)).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "sys/fd.h"

namespace berm {

/// Hears of every connect(2), sendto(2) and sendmsg(2) of the run, and lets the kernel go on with
/// each: it observes, the network namespace decides. A thread of its own, because a process inside
/// waits for it; what it saw goes through a pipe, and is dropped where nobody reads: nothing inside
/// can stop the supervisor by trying much.
class AttemptWatch {
 public:
  AttemptWatch() = default;
  AttemptWatch(const AttemptWatch&) = delete;
  AttemptWatch& operator=(const AttemptWatch&) = delete;
  ~AttemptWatch();

  /// @param notifications  the descriptor that berm-init sent
  [[nodiscard]] Result<void> start(UniqueFd notifications);
  /// To poll(2) for reading; -1 before start().
  [[nodiscard]] int fd() const { return read_.get(); }
  /// What was tried since the last call: {address, call, pid, executable}, each
  /// (executable, address) once in a run, at most 512 in all.
  [[nodiscard]] std::vector<nlohmann::json> take();

 private:
  void work();

  std::set<std::string> told_;
  UniqueFd notifications_;
  UniqueFd read_;
  UniqueFd write_;
  UniqueFd stop_;
  std::thread thread_;
};

}  // namespace berm
