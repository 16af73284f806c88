#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "drill/acts/act.h"
#include "drill/acts/calls.h"

namespace berm::drill {
namespace {

using enum Control;

// The request as the kernel gets it: the C library would cut its high bits off.
int type_by(unsigned long request) {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (master < 0) return errno;
  const long result = ::syscall(SYS_ioctl, master, request, "x");
  // EIO: refused by the kernel's own switch, past our filter.
  const int error = result == 0 || errno == EIO ? 0 : errno;
  ::close(master);
  return error;
}
int type_into_terminal() { return type_by(TIOCSTI); }
int type_with_high_bits() { return type_by(0x100005412UL); }
int paste_into_console() {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  char subcode = 6;
  const int result = ::ioctl(master, TIOCLINUX, &subcode);
  const int error = result == 0 || errno == ENOTTY || errno == EINVAL ? 0 : errno;
  ::close(master);
  return error;
}
int line_discipline() {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  int discipline = 0;
  const int error = done(::ioctl(master, TIOCSETD, &discipline));
  ::close(master);
  return error;
}

// clang-format off
constexpr Act kTerminal[] = {
    {"type_into_terminal", "syscalls", EPERM, outside, type_into_terminal},
    {"type_with_high_bits", "syscalls", EPERM, outside, type_with_high_bits},
    {"paste_into_console", "syscalls", EPERM, outside, paste_into_console},
    {"load_line_discipline", "syscalls", EPERM, outside, line_discipline},
};
// clang-format on

}  // namespace

std::span<const Act> terminal_acts() { return kTerminal; }

}  // namespace berm::drill
