#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "drill/acts/act.h"
#include "drill/acts/calls.h"

namespace berm::drill {
namespace {

using enum Control;

int raise_priority() { return done(::setpriority(PRIO_PROCESS, 0, -10)); }
int realtime() {
  const sched_param param{1};
  const int error = done(::sched_setscheduler(0, SCHED_FIFO, &param));
  const sched_param normal{0};
  ::sched_setscheduler(0, SCHED_OTHER, &normal);
  return error;
}
int dump_core() {
  rlimit limit{};
  ::getrlimit(RLIMIT_CORE, &limit);
  return limit.rlim_max > 0 ? 0 : EPERM;
}
// One more than the run may have; none of them outlives the act. Who counts them by looking needs
// a moment to see it.
int exceed_process_limit() {
  const int most = number("BERM_DRILL_PROCESSES");
  if (most <= 0 || most > 20000) return ERANGE;
  const pid_t first = ::fork();
  if (first == 0) {
    ::setpgid(0, 0);
    int error = 0;
    for (int i = 0; i <= most && error == 0; ++i) {
      const pid_t pid = ::fork();
      if (pid == 0) {
        ::alarm(30);
        for (;;) ::pause();
      }
      if (pid < 0) error = errno;
    }
    if (error == 0) ::sleep(static_cast<unsigned>(number("BERM_DRILL_PATIENCE")));
    ::signal(SIGTERM, SIG_IGN);
    ::kill(0, SIGTERM);
    ::_exit(error);
  }
  if (first < 0) return errno;
  int status = 0;
  ::waitpid(first, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : kKilled;
}
int lock_memory() {
  constexpr std::size_t kMuch = 256U << 20U;
  void* at = ::mmap(nullptr, kMuch, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return errno;
  const int error = done(::mlock(at, kMuch));
  ::munmap(at, kMuch);
  return error;
}

// clang-format off
constexpr Act kResources[] = {
    {"raise_priority",       "privileges", EACCES, outside,    raise_priority},
    {"become_realtime",      "privileges", EPERM,  outside,    realtime},
    {"dump_core",            "resources",  EPERM,  namespaces, dump_core},
    {"lock_much_memory",     "resources",  ENOMEM, outside,    lock_memory},
    {"exceed_process_limit", "resources",  EAGAIN, exhausting, exceed_process_limit},
};
// clang-format on

}  // namespace

std::span<const Act> resource_acts() { return kResources; }

}  // namespace berm::drill
