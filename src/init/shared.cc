// The process tier: berm-init in the caller's own namespaces. What a PID namespace would do by
// itself is done here: nobody inside signals anybody outside, and nobody outlives the run.
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/landlock_uapi.h"
#include "init/setup.h"

namespace berm::init {
namespace {

bool scopes_signals(const Setup& setup) {
  return (setup.program.header().landlock_scoped & landlock::kScopeSignal) != 0;
}

// kill(-1) reaches whom it may signal, and only those of the run: by the scope, or because the uid
// is the run's alone (started by root). Without either it would end everything its user has.
bool may_signal_all(const Setup& setup) {
  return scopes_signals(setup) || (setup.program.header().flags & wire::kDropGroups) != 0;
}

// The keeper lives as long as berm-init. Whoever kills berm-init from outside, or both of us, does
// not free what runs inside: the kernel closes our end of the pipe, and the keeper does our work.
[[noreturn]] void keep(Setup& setup, int alive) {
  const int null_fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd <= 2 && null_fd >= 0; ++fd) ::dup3(null_fd, fd, O_CLOEXEC);
  ::setsid();
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_BLOCK, &all, nullptr);
  ::close(wire::kControlFd);
  if (install_init_filter(setup) != 0) ::_exit(125);
  char nothing = 0;
  while (::read(alive, &nothing, 1) < 0 && errno == EINTR) {
  }
  // Twice: a process that was just being forked is there the second time.
  ::kill(-1, SIGKILL);
  ::kill(-1, SIGKILL);
  ::_exit(0);
}

}  // namespace

namespace {

// As far as it goes: only with CAP_SETPCAP, which no uid but root's keeps.
void drop_bounding_set() {
  for (int cap = 0; cap < 64; ++cap) ::prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

}  // namespace

int become_run_user(Setup& setup) {
  const wire::Program& program = setup.program.header();
  drop_bounding_set();
  if ((program.flags & wire::kDropGroups) != 0) {
    if (::setgroups(0, nullptr) != 0) return errno;
    if (::setresgid(program.gid, program.gid, program.gid) != 0) return errno;
    if (::setresuid(program.uid, program.uid, program.uid) != 0) return errno;
  }
  ::syscall(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, nullptr);
  ::umask(022);
  return 0;
}

// A domain for the whole run, berm-init included; the agent's own is nested in it. From the inner
// one nobody can signal us, we can signal everybody in both, and nobody else.
int scope_signals(Setup& setup) {
  if (!scopes_signals(setup)) return 0;
  const landlock::RulesetAttr attributes{0, 0, landlock::kScopeSignal};
  const int ruleset =
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0));
  if (ruleset < 0) return errno;
  const int error = ::syscall(SYS_landlock_restrict_self, ruleset, 0) == 0 ? 0 : errno;
  ::close(ruleset);
  return error;
}

int adopt_orphans(Setup&) {
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) return errno;
  // Our supervisor may be gone already; its end of the socket then is closed.
  pollfd control{wire::kControlFd, POLLIN, 0};
  if (::poll(&control, 1, 0) < 0) return errno;
  return (control.revents & (POLLHUP | POLLERR)) != 0 ? ECONNRESET : 0;
}

int start_keeper(Setup& setup) {
  if (!may_signal_all(setup)) return 0;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno;
  const pid_t keeper = ::fork();
  if (keeper < 0) return errno;
  if (keeper == 0) {
    ::close(ends[1]);
    keep(setup, ends[0]);
  }
  ::close(ends[0]);  // the other one stays with us, to the end
  return 0;
}

// The socket of the hooks, where the plan wants it. Everything else of the plan's files was written
// by the supervisor.
int make_tool_socket(Setup& setup) {
  setup.root_fd = ::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (setup.root_fd < 0) return errno;
  int error = 0;
  for (const wire::Instruction& op :
       setup.program.slice<wire::Instruction>(setup.program.header().instructions)) {
    if (op.op == wire::Op::socket) error = make_socket(setup, setup.program.string(op.target));
    if (error != 0) break;
  }
  ::close(setup.root_fd);
  setup.root_fd = -1;
  return error != 0 || ::chdir("/") == 0 ? error : errno;
}

// What can be dropped without CAP_SETPCAP; with no_new_privs nothing can come back by execve(2).
int drop_own_capabilities(Setup&) {
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return errno;
  drop_bounding_set();
  return clear_capabilities();
}

void end_processes(const Setup& setup) {
  if (!may_signal_all(setup)) return;
  for (;;) {
    ::kill(-1, SIGKILL);
    if (::waitpid(-1, nullptr, 0) < 0 && errno == ECHILD) return;
  }
}

}  // namespace berm::init
