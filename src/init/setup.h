// src/init/setup.h: the steps of berm-init. Each returns 0 or an errno; any doubt is fatal.
#pragma once

#include "init/program.h"

namespace berm::init {

/// What the steps share. One per process.
struct Setup {
  const ProgramView& program;
  int root_fd = -1;     ///< The new root (tmpfs), from build_root on.
  int proc_fd = -1;     ///< The fresh procfs, still writable, until limit_namespaces.
  int slave_fd = -1;    ///< The agent's terminal, if any.
  int failed_at = -1;   ///< Index of the instruction that failed.
  int watched[8] = {};  ///< Mounts that the supervisor will ask how full they are.
  int watched_count = 0;
  int tool_socket = -1;  ///< Hooks connect to it; handed out with the listeners.
  int unrouted = 0;      ///< Why an optional route could not be added (errno).
  int place_after = -1;  ///< A pipe: the overlay is attached when it says so.
};

// mounts.cc
int make_mounts_private(Setup&);
int build_root(Setup&);
int pivot_root(Setup&);

// network.cc
int raise_loopback(Setup&);
int route_networks(Setup&);
int open_listeners(Setup&);

// identity.cc
int await_id_maps(Setup&);
int take_identity(Setup&);
int hide_from_tracers(Setup&);
int die_with_supervisor(Setup&);
int limit_namespaces(Setup&);
int set_limits(Setup&);
int drop_capabilities(Setup&);
int set_no_new_privs(Setup&);

int await_workspace(Setup&);
int own_cgroup_namespace(Setup&);

// terminal.cc
int open_terminal(Setup&);
int new_session(Setup&);

// confine.cc
int restrict_with_landlock(Setup&);
int watch_connects(Setup&);
int install_agent_filter(Setup&);
int install_init_filter(Setup&);

// control.cc
/// Sends one message, with at most wire::kMostFds descriptors. Failure means the supervisor is
/// gone.
int send_message(const wire::Message& message, const int* fds, int fd_count);
/// Receives one message. Returns 0, an errno, or ECONNRESET at the end of the stream.
int receive_message(wire::Message& message);

// self_check.cc
/// Tries what must fail. Returns 0 if everything was refused; else EPERM with `step` set to the
/// act that worked.
int self_check(Setup&, wire::Step& step);

// reap.cc
/// PID 1's life: reaps everybody, forwards signals, ends with the agent. Does not return.
[[noreturn]] void reap_until_agent_ends(int agent_pid);

}  // namespace berm::init
