// src/init/machine.h: berm-init around and inside a virtual machine.
#pragma once

#include "init/program.h"

namespace berm::init {

/// `berm-init --vmm DEADLINE MONITOR ARGUMENT…`, the agent of the sandbox around the machine:
/// starts the monitor and stands for the agent inside: its streams, its terminal, its signals, its
/// hooks, its end. DEADLINE: seconds that a boot may take; a boot that hangs is tried once more.
/// Does not return.
[[noreturn]] void run_monitor(int argc, char** argv);

/// /init of the initial file system: loads the modules, mounts the root that the monitor serves,
/// and becomes the berm-init that lies there. Returns only on failure.
int boot_guest();

/// `berm-init --guest`, PID 1 of the machine: network, streams and hooks of the agent, which runs
/// in namespaces of its own. Does not return.
[[noreturn]] void run_guest();

/// In run_guest()'s child: the steps that confine the agent. Does not return.
[[noreturn]] void run_in_guest();

/// The engine of [microvm] containers, which accepts on machine::kEngineSocketFd. Returns 0 or an
/// errno; what goes wrong later is on the console, and the socket refuses.
int start_engine(const ProgramView& program);

/// eth0, lo and the plan's routes: nothing else has a way out of the machine, let alone of the
/// sandbox around it. For each TCP port of the plan on 127.0.0.1 a relay to the monitor's. Returns
/// 0 or an errno.
int set_up_guest_network(const ProgramView& program);

}  // namespace berm::init
