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

// shared.cc: where there are no namespaces
int become_run_user(Setup&);
int scope_signals(Setup&);
int adopt_orphans(Setup&);
int start_keeper(Setup&);
int make_tool_socket(Setup&);
int drop_own_capabilities(Setup&);
/// SIGKILL for everybody inside but us, until nobody is left.
void end_processes(const Setup&);

// mounts.cc
int make_socket(Setup&, const char* target);
int make_mounts_private(Setup&);
int build_root(Setup&);
int pivot_root(Setup&);

/// In a container: fills the root that the engine made with what only the agent's uid can put
/// there.
int populate_root(Setup&);

// contained.cc
/// Finds the supervisor of a container and puts what it hands over at the fixed numbers. Returns
/// the descriptor of the tool socket, 0 without one, -1 on any doubt.
int join_supervisor();
int find_supervisor_alive(Setup&);
int verify_identity(Setup&);
int verify_no_capability(Setup&);

// guest_identity.cc: in a virtual machine, where root is the machine's own
int mount_own_proc(Setup&);
int limit_guest_namespaces(Setup&);
int take_guest_identity(Setup&);

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
/// Empties every set of the calling process. Returns EPERM if one is left.
int clear_capabilities();

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
[[noreturn]] void reap_until_agent_ends(const Setup&, int agent_pid);

inline bool is_guest(const Setup& setup) {
  return (setup.program.header().flags & wire::kGuest) != 0;
}
inline bool has_namespaces(const Setup& setup) {
  return (setup.program.header().flags & wire::kSharedNamespaces) == 0;
}

}  // namespace berm::init
