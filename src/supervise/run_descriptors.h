// src/supervise/run_descriptors.h: the descriptors of a run's processes, as ours.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <map>

#include "sys/fd.h"

struct seccomp_notif;

namespace berm {

/// Takes them with pidfd_getfd(2). Where that is refused (the default profiles of container
/// engines), every socket of the run is made here instead and kept until it is connected or
/// listens: it is the same socket, whatever has been set on it or waits for it (epoll(7)) since.
class RunDescriptors {
 public:
  RunDescriptors();

  /// socket(2), once the filter has let its arguments through.
  struct Made {
    int error = 0;  ///< what the caller gets; 0 = see `by_caller`
    bool by_caller =
        true;  ///< the kernel goes on with the call; false: the caller has been answered
  };
  /// @param listener  where the notification came from
  [[nodiscard]] Made make_socket(const seccomp_notif& notification, int listener);

  /// @return empty, with errno: EBADF if there is none, EISCONN if it is no socket that waits to be
  ///         connected or to listen.
  [[nodiscard]] UniqueFd socket(pid_t tid, int number) const;
  /// An inotify(7) instance. Empty, with errno; ENOSYS where nothing can be borrowed.
  [[nodiscard]] UniqueFd watcher(pid_t tid, int number) const;
  /// O_PATH: the object, not the open file.
  [[nodiscard]] static UniqueFd object(pid_t tid, int number);

  /// Nothing more will be asked of it here. Kept, its peer would never see it close.
  void forget(const UniqueFd& socket);
  /// Lets go of what no process of the run has open any more: a port that it was bound to is free.
  void drop_closed();

 private:
  bool borrows_;
  std::map<ino_t, UniqueFd> made_;
};

}  // namespace berm
