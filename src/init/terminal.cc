#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "init/setup.h"

namespace berm::init {

int open_terminal(Setup& setup) {
  if ((setup.program.header().flags & wire::kTerminal) == 0) return 0;
  // On the sandbox's own devpts: the agent sees /dev/pts/0, never a terminal of the host, so
  // TIOCSTI (CVE-2017-5226) has nobody to type at.
  // Without namespaces it is the host's, whose ptmx is beside it.
  const char* ptmx = has_namespaces(setup) ? "/dev/pts/ptmx" : "/dev/ptmx";
  const int master = ::open(ptmx, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (master < 0) return errno;
  int unlock = 0;
  int error = ::ioctl(master, TIOCSPTLCK, &unlock) == 0 ? 0 : errno;
  if (error == 0) {
    setup.slave_fd = ::ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (setup.slave_fd < 0) error = errno;
  }
  if (error == 0) {
    error =
        send_message({wire::MessageKind::terminal, wire::Step::open_terminal, 0, 0}, &master, 1);
  }
  ::close(master);
  return error;
}

int new_session(Setup& setup) {
  // No controlling terminal of the caller, no job-control signals from outside.
  if (::setsid() < 0) return errno;
  if (setup.slave_fd < 0) return 0;
  if (::ioctl(setup.slave_fd, TIOCSCTTY, 0) != 0) return errno;
  for (int fd = 0; fd <= 2; ++fd) {
    if (::dup2(setup.slave_fd, fd) < 0) return errno;
  }
  return 0;
}

}  // namespace berm::init
