#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>

#include "init/setup.h"

namespace berm::init {
namespace {

// PTRACE_TRACEME makes us, the parent, the tracer of who asks, and wait(2) then tells of its stops,
// asked for or not. It goes on as if it had none: with its signal, but for the SIGTRAP that
// execve(2) sends to a tracer alone.
void let_go(pid_t pid, int status) {
  const int signal = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
  ::ptrace(PTRACE_DETACH, pid, nullptr, reinterpret_cast<void*>(std::intptr_t{signal}));
}

// Reaps whoever is dead. Returns true and the wait status once the agent is among them.
bool reap_all(int agent_pid, int& agent_status) {
  bool agent_ended = false;
  for (;;) {
    int status = 0;
    const pid_t pid = ::waitpid(-1, &status, WNOHANG);
    if (pid <= 0) return agent_ended;
    if (WIFSTOPPED(status)) {
      let_go(pid, status);
      continue;
    }
    if (pid != agent_pid) continue;  // an orphan that came to us
    agent_status = status;
    agent_ended = true;
  }
}

}  // namespace

void reap_until_agent_ends(const Setup& setup, int agent_pid) {
  // Ending PID 1 makes the kernel kill every process that is left (pid_namespaces(7)). Where we are
  // not that, we do it.
  const auto leave = [&](int code) {
    if (!has_namespaces(setup)) end_processes(setup);
    ::_exit(code);
  };
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_BLOCK, &all, nullptr);
  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  const int signals = ::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals < 0) leave(125);
  int status = 0;
  // The agent may have ended before SIGCHLD was blocked: look once before waiting.
  while (!reap_all(agent_pid, status)) {
    pollfd waiting[2] = {{signals, POLLIN, 0}, {wire::kControlFd, POLLIN, 0}};
    if (::poll(waiting, 2, -1) < 0 && errno != EINTR) leave(125);
    signalfd_siginfo drained;
    while (::read(signals, &drained, sizeof drained) > 0) {
    }
    if ((waiting[1].revents & POLLIN) != 0) {
      wire::Message message{};
      if (receive_message(message) != 0) leave(125);
      if (message.kind == wire::MessageKind::signal) ::kill(-agent_pid, message.value);
    } else if ((waiting[1].revents & (POLLHUP | POLLERR)) != 0) {
      leave(125);  // the supervisor is gone; with us goes the whole tree
    }
  }
  // First the others: when the supervisor hears of the end, it is everybody's.
  if (!has_namespaces(setup)) end_processes(setup);
  send_message({wire::MessageKind::exited, wire::Step::exec, status, 0}, nullptr, 0);
  ::_exit(0);
}

}  // namespace berm::init
