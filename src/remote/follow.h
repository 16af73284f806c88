// src/remote/follow.h: what a run in a pod says while it runs, in the order in which it comes.
#pragma once

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "remote/channel.h"

namespace berm {

/// Follows record, stdout and stderr, each on a thread of its own and into a pipe of its own, and
/// goes on where a connection broke off: nothing is lost and nothing comes twice. A pipe ends when
/// what is followed has ended; a reader that is slow slows the pod's files on their way, no more.
class RunFollower {
 public:
  struct Pipes {
    UniqueFd record;
    UniqueFd out;
    UniqueFd err;
  };
  /// @return the ends to read from
  [[nodiscard]] Result<Pipes> start(PodChannel& channel);

  RunFollower() = default;
  ~RunFollower();  ///< whoever reads has closed the pipes by then
  RunFollower(const RunFollower&) = delete;
  RunFollower& operator=(const RunFollower&) = delete;

 private:
  [[nodiscard]] Result<UniqueFd> begin(PodChannel& channel, std::string what);
  std::atomic<bool> stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace berm
