// src/supervise/path_broker.h: what Landlock does not look at (landlock(7), "Current limitations"):
// modes, times and watches of files. Where no mount namespace hides the user's own files, these
// calls wait, and are made here, on the very object, if it is the run's.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "supervise/run_descriptors.h"
#include "supervise/run_root.h"

struct seccomp_notif;

namespace berm {

/// Answers for one run; on the thread of the notifications.
class PathBroker {
 public:
  /// @param directories  what lies below them is the run's to change
  /// @param descriptors  outlives it
  PathBroker(std::vector<std::string> directories, const RunDescriptors& descriptors)
      : directories_(std::move(directories)), descriptors_(descriptors) {}

  /// True for the calls that serve() answers.
  [[nodiscard]] static bool handles(int number);

  struct Answer {
    int error = 0;   ///< errno; 0 = it was made
    long value = 0;  ///< what the call returns then
  };
  /// @param still_waits  asked when everything was read of the caller and nothing was done
  [[nodiscard]] Answer serve(const seccomp_notif& notification, const RunRoot& root,
                             const std::function<bool()>& still_waits) const;

 private:
  [[nodiscard]] bool is_own(int fd) const;
  std::vector<std::string> directories_;
  const RunDescriptors& descriptors_;
};

}  // namespace berm
