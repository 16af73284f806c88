#include <errno.h>

#include <algorithm>
#include <optional>

#include "drill/host/drill.h"

namespace berm::drill {
namespace {

struct Exception {
  std::string_view tier;
  std::string_view act;
  Expected expected;
};

constexpr std::string_view kNames =
    "without namespaces, names of files and processes are visible; what is in them is not";

// Where another layer than the namespace tier's stops the act, or none does.
// clang-format off
constexpr Exception kExceptions[] = {
    {"container", "see_cgroupfs", {"filesystem", 0, "the engine mounts the container's own cgroups, read-only"}},
    {"container", "write_oom_score",   {"filesystem", EACCES}},
    {"container", "become_root",       {"privileges", EPERM}},
    {"container", "give_file_to_root", {"privileges", EPERM}},

    // The machine's kernel asks Landlock first; the mounts that are read-only lie around it.
    {"microvm", "chmod_usr",           {"filesystem", EPERM}},
    {"microvm", "chown_usr",           {"filesystem", EPERM}},
    {"microvm", "write_oom_score",     {"filesystem", EROFS}},
    {"microvm", "open_by_file_handle", {"filesystem", EOPNOTSUPP}},
    {"microvm", "become_root",         {"privileges", EPERM}},
    {"microvm", "give_file_to_root",   {"privileges", EPERM}},

    {"process", "see_etc_shadow",     {"filesystem", 0, kNames}},
    {"process", "see_root_home",      {"filesystem", 0, kNames}},
    {"process", "see_var_log",        {"filesystem", 0, kNames}},
    {"process", "see_var_lib",        {"filesystem", 0, kNames}},
    {"process", "see_sysfs",          {"filesystem", 0, kNames}},
    {"process", "see_cgroupfs",       {"filesystem", 0, kNames}},
    {"process", "see_host_file",      {"filesystem", 0, kNames}},
    {"process", "see_console_device", {"filesystem", 0, kNames}},
    {"process", "see_host_process",   {"processes",  0, kNames}},
    // What the clone of the repository does not have is not there, by any errno.
    {"process", "read_hidden_env",    {"filesystem", ENOENT}},
    {"process", "read_hidden_key",    {"filesystem", ENOENT}},
    // No user namespace: the ids are the host's, and what needs a capability of it is refused.
    {"process", "chown_usr",           {"privileges", EPERM}},
    {"process", "become_root",         {"privileges", EPERM}},
    {"process", "give_file_to_root",   {"privileges", EPERM}},
    // No namespace of processes: the host's are there, and Landlock's scopes keep them out of reach.
    {"process", "signal_host_process", {"processes",  EPERM}},
    {"process", "trace_host_process",  {"processes",  EPERM}},
    {"process", "reach_abstract_socket", {"network",  EPERM}},
    // No namespace of the network: the filter of system calls knows no socket but TCP's.
    {"process", "open_raw_socket",     {"syscalls",   ENOSYS}},
    {"process", "configure_interface", {"syscalls",   ENOSYS}},
    {"process", "query_dns",           {"syscalls",   ENOSYS}},
    {"process", "set_trusted_xattr",   {"syscalls",   EOPNOTSUPP}},
    {"process", "set_file_capability", {"syscalls",   EOPNOTSUPP}},
    {"process", "type_into_terminal",  {"filesystem", EACCES}},
    {"process", "type_with_high_bits", {"filesystem", EACCES}},
};
// clang-format on

// Landlock lets names be resolved and refuses to open: where the namespace tier has no such file or
// a read-only mount, the process tier has EACCES.
bool is_landlocks(const Act& act, std::string_view tier) {
  if (act.layer != "filesystem") return false;
  return (tier == "process" && (act.denied_with == ENOENT || act.denied_with == EROFS)) ||
         (tier == "microvm" && act.denied_with == EROFS);
}

// What older kernels stop by other means than Landlock, or not at all.
std::optional<Expected> without_landlock(const Act& act, int abi) {
  constexpr int kFirst = 1;
  constexpr int kSignalScope = 6;  // Linux 6.12
  if (act.name == "make_block_device" && abi < kFirst) return Expected{"privileges", EPERM};
  if (act.name != "signal_init" || abi >= kSignalScope) return std::nullopt;
  // pid_namespaces(7): no signal from inside that PID 1 has no handler for. That it lived on is in
  // the answers of the acts that follow.
  return Expected{"processes", 0, "before Linux 6.12 the call is answered, and has no effect"};
}

}  // namespace

Expected expected_of(const Act& act, std::string_view tier, int landlock_abi) {
  if (const auto older = without_landlock(act, landlock_abi)) return *older;
  const auto* const one = std::ranges::find_if(kExceptions, [&](const Exception& exception) {
    return exception.tier == tier && exception.act == act.name;
  });
  if (one != std::end(kExceptions)) return one->expected;
  return {.layer = act.layer, .denied_with = is_landlocks(act, tier) ? EACCES : act.denied_with};
}

}  // namespace berm::drill
