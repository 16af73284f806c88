// After set-up, try what must fail. A kernel, a container runtime or a bug may have made one of the
// layers a no-op (GHSA-72w7-mf9g-733p and kin: a restriction silently not applied).
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <unistd.h>

#include "init/setup.h"

namespace berm::init {
namespace {

bool can_read(const char* path) {
  if (*path == '\0') return false;
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}

bool can_create_in(const char* directory) {
  char path[4096];
  const int length = ::snprintf(path, sizeof path, "%s/.berm-self-check", directory);
  if (length < 0 || length >= static_cast<int>(sizeof path)) return false;
  const int fd = ::open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  ::close(fd);
  ::unlink(path);
  return true;
}

// A SYN that leaves counts as reached, so EINPROGRESS is a failure of the sandbox.
bool can_connect(const char* address, std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return false;
  sockaddr_in target{};
  target.sin_family = AF_INET;
  target.sin_port = htons(port);
  ::inet_pton(AF_INET, address, &target.sin_addr);
  const bool refused =
      ::connect(fd, reinterpret_cast<const sockaddr*>(&target), sizeof target) != 0 &&
      errno != EINPROGRESS;
  ::close(fd);
  return !refused;
}

bool is_routed(Setup& setup, std::uint32_t address) {
  for (const wire::Route& route : setup.program.slice<wire::Route>(setup.program.header().routes)) {
    const std::uint32_t mask = route.bits == 0 ? 0 : ~0U << (32 - route.bits);
    if ((address & mask) == (route.address & mask)) return true;
  }
  return false;
}

}  // namespace

int self_check(Setup& setup, wire::Step& step) {
  const wire::Program& program = setup.program.header();
  const auto worked = [&](wire::Step which, bool success) {
    if (success) step = which;
    return success;
  };
  using wire::Step;
  if (worked(Step::self_check_read, can_read(setup.program.string(program.forbidden_read)))) {
    return EPERM;
  }
  if (worked(Step::self_check_write,
             can_create_in(setup.program.string(program.forbidden_write)))) {
    return EPERM;
  }
  // The metadata service of every cloud, and a documentation address (RFC 5737) for "anywhere",
  // unless the policy grants just these.
  // Without namespaces it is Landlock that refuses; a kernel whose Landlock knows no TCP leaves it
  // to the supervisor, who is not watching yet.
  const bool refused_yet = has_namespaces(setup) || program.landlock_net != 0;
  const bool reached =
      refused_yet && ((!is_routed(setup, 0xa9fea9fe) && can_connect("169.254.169.254", 80)) ||
                      (!is_routed(setup, 0xc0000201) && can_connect("192.0.2.1", 443)));
  if (worked(Step::self_check_connect, reached)) return EPERM;
  // berm-init: PID 1 of the run's own namespace, where it has one.
  if (worked(Step::self_check_ptrace, ::ptrace(PTRACE_SEIZE, ::getppid(), nullptr, nullptr) == 0)) {
    return EPERM;
  }
  if (worked(Step::self_check_mount, ::mount("none", "/tmp", "tmpfs", 0, nullptr) == 0)) {
    return EPERM;
  }
  if (worked(Step::self_check_unshare, ::unshare(CLONE_NEWUSER) == 0)) return EPERM;
  return 0;
}

}  // namespace berm::init
