#include "supervise/borrowed.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "supervise/run_root.h"

namespace berm {

// A thread's table is its process', unless it has asked for one of its own (clone(2) without
// CLONE_FILES): then another of the run's own descriptors is taken, and no harm done.
UniqueFd borrow_descriptor(pid_t tid, int number) {
  const pid_t pid = SeenProcess(tid).numbers().pid;
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process) return {};
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), number, 0)));
}

}  // namespace berm
