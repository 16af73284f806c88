#include "sys/borrow.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace berm {

UniqueFd borrow_descriptor(pid_t pid, int number) {
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process) return {};
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), number, 0)));
}

int borrowing_error() {
  const UniqueFd own(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!own) return errno;
  return borrow_descriptor(::getpid(), own.get()) ? 0 : errno;
}

}  // namespace berm
