// src/tiers/namespace/seccomp/generate.cc: build-time program. Compiles the profile with libseccomp
// for both architectures and prints it as constant arrays, so that berm itself neither links
// libseccomp nor pays for compiling a filter at each start.
#include <fcntl.h>
#include <linux/filter.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "tiers/namespace/seccomp/profile.h"

namespace {

void check(int status, const char* what) {
  if (status >= 0) return;
  std::fprintf(stderr, "generate seccomp: %s: %d\n", what, status);
  std::exit(1);
}

// The system call's number, or a negative value where this architecture has none of that name.
int number_of(std::string_view name) {
  return seccomp_syscall_resolve_name(std::string(name).c_str());
}

void add(scmp_filter_ctx filter, std::uint32_t action, std::string_view name) {
  const int number = number_of(name);
  if (number == __NR_SCMP_ERROR) {
    std::fprintf(stderr, "generate seccomp: unknown system call '%.*s'\n",
                 static_cast<int>(name.size()), name.data());
    std::exit(1);
  }
  if (number < 0) return;  // pseudo number: not on this architecture
  check(seccomp_rule_add(filter, action, number, 0), "rule");
}

// clone(2) without any namespace flag. clone3 passes its flags in memory, where BPF cannot look:
// ENOSYS makes libc fall back to clone.
void add_clone(scmp_filter_ctx filter) {
  constexpr std::uint64_t kNamespaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |
                                        CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP |
                                        0x80 /* CLONE_NEWTIME */;
  check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, number_of("clone"), 1,
                         SCMP_CMP(0, SCMP_CMP_MASKED_EQ, kNamespaces, 0)),
        "clone");
}

constexpr std::uint32_t kRefusedIoctls[] = {0x5412 /* TIOCSTI */, 0x541c /* TIOCLINUX */,
                                            0x5423 /* TIOCSETD */};

// Allows every ioctl request whose first `bits` bits are those of `prefix`, except the refused
// ones: splits the range until it holds none. Masks, because the kernel reads only 32 bits of the
// request and a 64-bit comparison could be talked around with a high bit (CVE-2019-10063).
void add_ioctl_range(scmp_filter_ctx filter, std::uint32_t prefix, int bits) {
  const std::uint32_t mask = bits == 0 ? 0 : ~0U << (32 - bits);
  bool holds_refused = false;
  for (const std::uint32_t request : kRefusedIoctls) {
    holds_refused = holds_refused || (request & mask) == prefix;
  }
  if (!holds_refused) {
    check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, number_of("ioctl"), 1,
                           SCMP_CMP(1, SCMP_CMP_MASKED_EQ, mask, prefix)),
          "ioctl range");
  } else if (bits < 32) {
    add_ioctl_range(filter, prefix, bits + 1);
    add_ioctl_range(filter, prefix | (1U << (31 - bits)), bits + 1);
  }
}

// TIOCSTI types into a terminal (CVE-2017-5226), TIOCLINUX pastes (CVE-2023-1523), TIOCSETD loads
// line disciplines.
void add_ioctl(scmp_filter_ctx filter) {
  for (const std::uint32_t request : kRefusedIoctls) {
    check(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), number_of("ioctl"), 1,
                           SCMP_CMP(1, SCMP_CMP_MASKED_EQ, 0xffffffffULL, request)),
          "ioctl");
  }
  add_ioctl_range(filter, 0, 0);
}

void add_socket(scmp_filter_ctx filter) {
  const int socket = number_of("socket");
  for (const int family : berm::seccomp::kFamilies) {
    check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, socket, 1,
                           SCMP_A0_32(SCMP_CMP_EQ, static_cast<std::uint32_t>(family))),
          "socket");
  }
  check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, socket, 2,
                         SCMP_A0_32(SCMP_CMP_EQ, 16U /* AF_NETLINK */),
                         SCMP_A2_32(SCMP_CMP_EQ, 0U /* NETLINK_ROUTE */)),
        "netlink");
}

// Sockets of the process tier. No namespace stands around them, so only those exist whose every way
// out is a connect(2), bind(2) or listen(2), which the supervisor makes: streams. A datagram, and
// SCTP, would leave with sendmsg(2), whose address lies in memory; TCP's fast open connects while
// it sends, past connect(2) and Landlock. AF_NETLINK stays (getifaddrs): it reads.
void add_stream_sockets(scmp_filter_ctx filter) {
  constexpr std::uint64_t kKind = 0xf;
  constexpr std::uint64_t kStream = 1;
  constexpr std::uint64_t kSeqpacket = 5;
  for (const std::uint32_t family : {2U /* AF_INET */, 10U /* AF_INET6 */}) {
    for (const std::uint32_t protocol : {0U, 6U /* TCP */}) {
      check(seccomp_rule_add(
                filter, SCMP_ACT_ALLOW, number_of("socket"), 3, SCMP_A0_32(SCMP_CMP_EQ, family),
                SCMP_A1(SCMP_CMP_MASKED_EQ, kKind, kStream), SCMP_A2_32(SCMP_CMP_EQ, protocol)),
            "stream socket");
    }
  }
  for (const std::uint64_t kind : {kStream, kSeqpacket}) {
    for (const char* call : {"socket", "socketpair"}) {
      check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, number_of(call), 2,
                             SCMP_A0_32(SCMP_CMP_EQ, 1U /* AF_UNIX */),
                             SCMP_A1(SCMP_CMP_MASKED_EQ, kKind, kind)),
            "local socket");
    }
  }
  check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, number_of("socket"), 2,
                         SCMP_A0_32(SCMP_CMP_EQ, 16U /* AF_NETLINK */),
                         SCMP_A2_32(SCMP_CMP_EQ, 0U /* NETLINK_ROUTE */)),
        "netlink");
  constexpr std::uint64_t kFastOpen = 0x20000000;  // MSG_FASTOPEN
  check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, number_of("sendto"), 1,
                         SCMP_A3(SCMP_CMP_MASKED_EQ, kFastOpen, 0)),
        "sendto");
  check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, number_of("sendmsg"), 1,
                         SCMP_A2(SCMP_CMP_MASKED_EQ, kFastOpen, 0)),
        "sendmsg");
  check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, number_of("sendmmsg"), 1,
                         SCMP_A3(SCMP_CMP_MASKED_EQ, kFastOpen, 0)),
        "sendmmsg");
}

// The user's other files and processes are there, behind no namespace.
void add_own_processes_and_files(scmp_filter_ctx filter) {
  for (const std::string_view name : berm::seccomp::kOwners) {
    add(filter, SCMP_ACT_ERRNO(EPERM), name);
  }
  for (const std::string_view name : berm::seccomp::kAttributes) {
    add(filter, SCMP_ACT_ERRNO(EOPNOTSUPP), name);
  }
  for (const std::string_view name : berm::seccomp::kOfOneself) {
    check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, number_of(name), 1, SCMP_A0_32(SCMP_CMP_EQ, 0U)),
          "of oneself");
    check(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), number_of(name), 1,
                           SCMP_A0_32(SCMP_CMP_NE, 0U)),
          "of others");
  }
  for (const auto& [name, process] : {std::pair{"setpriority", 0U}, {"ioprio_set", 1U}}) {
    check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, number_of(name), 2,
                           SCMP_A0_32(SCMP_CMP_EQ, process), SCMP_A1_32(SCMP_CMP_EQ, 0U)),
          "priority of oneself");
  }
}

// Only PER_LINUX and the query: other personalities switch off address randomisation.
void add_personality(scmp_filter_ctx filter) {
  for (const std::uint32_t value : {0x0U, 0x8U, 0x20000U, 0x20008U, 0xffffffffU}) {
    check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, number_of("personality"), 1,
                           SCMP_A0_32(SCMP_CMP_EQ, value)),
          "personality");
  }
}

scmp_filter_ctx new_filter(std::uint32_t action, std::uint32_t arch) {
  scmp_filter_ctx filter = seccomp_init(action);
  if (filter == nullptr) std::exit(1);
  if (arch != seccomp_arch_native()) {
    check(seccomp_arch_add(filter, arch), "add arch");
    check(seccomp_arch_remove(filter, seccomp_arch_native()), "remove arch");
  }
  check(seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), "bad arch");
  check(seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2), "binary tree");
  return filter;
}

void print(scmp_filter_ctx filter, const char* name) {
  const int fd = memfd_create("bpf", 0);
  check(seccomp_export_bpf(filter, fd), "export");
  const off_t size = lseek(fd, 0, SEEK_END);
  std::vector<sock_filter> code(static_cast<std::size_t>(size) / sizeof(sock_filter));
  if (pread(fd, code.data(), static_cast<std::size_t>(size), 0) != size) std::exit(1);
  close(fd);
  std::printf("inline constexpr std::array<sock_filter, %zu> %s = {{\n", code.size(), name);
  for (const sock_filter& op : code) {
    std::printf("    {0x%04x, %u, %u, 0x%08x},\n", op.code, op.jt, op.jf, op.k);
  }
  std::printf("}};\n\n");
  seccomp_release(filter);
}

// Memory that never executes; and abort(3), but no signal that would stop or end another process of
// the same user.
void add_plain_memory(scmp_filter_ctx filter) {
  constexpr std::uint64_t kExec = PROT_EXEC;
  for (const char* name : {"mmap", "mprotect"}) {
    check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, number_of(name), 1,
                           SCMP_A2(SCMP_CMP_MASKED_EQ, kExec, 0)),
          "memory");
  }
  check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, number_of("tgkill"), 1,
                         SCMP_A2_32(SCMP_CMP_EQ, 6U /* SIGABRT */)),
        "tgkill");
}

// Sockets of the internet and nothing else, threads but no processes, memory that never executes,
// and a descriptor table for each worker.
void add_egress(scmp_filter_ctx filter) {
  for (const std::string_view name : berm::seccomp::kEgress) add(filter, SCMP_ACT_ALLOW, name);
  for (const std::uint32_t family : {2U /* AF_INET */, 10U /* AF_INET6 */}) {
    for (const std::uint64_t type : {1U /* SOCK_STREAM */, 2U /* SOCK_DGRAM */}) {
      check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, number_of("socket"), 2,
                             SCMP_A0_32(SCMP_CMP_EQ, family),
                             SCMP_A1(SCMP_CMP_MASKED_EQ, 0xfULL, type)),
            "egress socket");
    }
  }
  add_plain_memory(filter);
  check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, number_of("clone"), 1,
                         SCMP_A0(SCMP_CMP_MASKED_EQ, std::uint64_t{CLONE_THREAD}, CLONE_THREAD)),
        "egress clone");
  // glibc falls back to clone(2), whose flags can be looked at.
  check(seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), number_of("clone3"), 0), "egress clone3");
  check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, number_of("unshare"), 1,
                         SCMP_A0(SCMP_CMP_EQ, std::uint64_t{CLONE_FILES})),
        "egress unshare");
  for (const std::uint32_t command :
       {1U, 2U, 3U, 4U /* F_GETFD … F_SETFL */, 1030U /* F_DUPFD_CLOEXEC */,
        1031U /* F_SETPIPE_SZ */, 1032U /* F_GETPIPE_SZ */}) {
    check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, number_of("fcntl"), 1,
                           SCMP_A1_32(SCMP_CMP_EQ, command)),
          "egress fcntl");
  }
}

bool is_one_of(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

scmp_filter_ctx agent_filter(std::uint32_t arch, std::span<const std::string_view> without) {
  scmp_filter_ctx agent = new_filter(SCMP_ACT_ERRNO(ENOSYS), arch);
  for (const std::string_view name : berm::seccomp::kAllowed) {
    if (!is_one_of(without, name)) add(agent, SCMP_ACT_ALLOW, name);
  }
  for (const std::string_view name : berm::seccomp::kRefused) {
    add(agent, SCMP_ACT_ERRNO(EPERM), name);
  }
  add_clone(agent);
  add_ioctl(agent);
  add_personality(agent);
  return agent;
}

void print_arch(std::uint32_t arch, const std::string& suffix) {
  scmp_filter_ctx agent = agent_filter(arch, {});
  add_socket(agent);
  print(agent, ("kAgent" + suffix).c_str());
  scmp_filter_ctx process = agent_filter(arch, berm::seccomp::kNotWithoutNamespaces);
  add_stream_sockets(process);
  add_own_processes_and_files(process);
  print(process, ("kProcess" + suffix).c_str());
  scmp_filter_ctx init = new_filter(SCMP_ACT_KILL_PROCESS, arch);
  for (const std::string_view name : berm::seccomp::kInit) add(init, SCMP_ACT_ALLOW, name);
  // A child that asked to be traced by its parent is let go (reap.cc).
  check(seccomp_rule_add(init, SCMP_ACT_ALLOW, number_of("ptrace"), 1,
                         SCMP_A0(SCMP_CMP_EQ, 17U /* PTRACE_DETACH */)),
        "init ptrace");
  print(init, ("kInit" + suffix).c_str());
  scmp_filter_ctx egress = new_filter(SCMP_ACT_ERRNO(EPERM), arch);
  add_egress(egress);
  print(egress, ("kEgress" + suffix).c_str());
  scmp_filter_ctx ship = new_filter(SCMP_ACT_ERRNO(EPERM), arch);
  add_egress(ship);
  for (const std::string_view name : berm::seccomp::kShip) add(ship, SCMP_ACT_ALLOW, name);
  print(ship, ("kShip" + suffix).c_str());
  scmp_filter_ctx judge = new_filter(SCMP_ACT_ERRNO(EPERM), arch);
  for (const std::string_view name : berm::seccomp::kJudge) add(judge, SCMP_ACT_ALLOW, name);
  add_plain_memory(judge);
  print(judge, ("kJudge" + suffix).c_str());
}

}  // namespace

int main() {
  std::printf(
      "// Made from profile.h by generate.cc at build time.\n#pragma once\n\n#include "
      "<linux/filter.h>\n\n"
      "#include <array>\n\nnamespace berm::seccomp {\n\n");
  print_arch(SCMP_ARCH_X86_64, "X86_64");
  print_arch(SCMP_ARCH_AARCH64, "Aarch64");
  std::printf("}  // namespace berm::seccomp\n");
  return 0;
}
