// tests/escape/probe_main.cc: runs probes in children of their own and prints "name errno" lines.
//   escape-probe inside      every probe; refuses to run anywhere but under berm-init
//   escape-probe outside     the controls that leave a host as it was
//   escape-probe namespaces  the controls that would not, in namespaces made for them
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probes.h"

namespace {

using berm::probe::Control;
using berm::probe::Probe;

// A probe may kill, confine or move its process: each gets one of its own.
int result_of(const Probe& probe) {
  int ends[2];
  if (::pipe(ends) != 0) return errno;
  const pid_t pid = ::fork();
  if (pid == 0) {
    const int error = probe.act();
    _exit(::write(ends[1], &error, sizeof error) == sizeof error ? 0 : 1);
  }
  ::close(ends[1]);
  int error = berm::probe::kKilled;
  const ssize_t got = ::read(ends[0], &error, sizeof error);
  ::close(ends[0]);
  ::waitpid(pid, nullptr, 0);
  return got == sizeof error ? error : berm::probe::kKilled;
}

int listen_on(const char* address, int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(static_cast<unsigned short>(port));
  ::inet_pton(AF_INET, address, &at.sin_addr);
  const bool ok =
      ::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0 && ::listen(fd, 4) == 0;
  return ok ? 0 : -1;
}

// lo of this new network namespace gets the addresses that the probes look for; nothing leaves it.
bool give_loopback(const char* alias, const char* address) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
  ifreq request{};
  ::strncpy(request.ifr_name, alias, IFNAMSIZ - 1);
  auto* at = reinterpret_cast<sockaddr_in*>(&request.ifr_addr);
  at->sin_family = AF_INET;
  ::inet_pton(AF_INET, address, &at->sin_addr);
  bool ok = ::ioctl(fd, SIOCSIFADDR, &request) == 0;
  ::strncpy(request.ifr_name, "lo", IFNAMSIZ - 1);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  ok = ok && ::ioctl(fd, SIOCSIFFLAGS, &request) == 0;
  ::close(fd);
  return ok;
}

int run_controls() {
  if (::unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWPID | CLONE_NEWIPC) != 0) {
    return 1;
  }
  const pid_t init =
      ::fork();  // PID 1 of the new PID namespace: the probes may trace and signal it
  if (init == 0) {
    ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    if (::mount("proc", "/proc", "proc", 0, nullptr) != 0) ::printf("proc-setup %d\n", errno);
    ::signal(SIGTERM, SIG_IGN);
    const bool net = give_loopback("lo:1", "169.254.169.254") &&
                     give_loopback("lo:2", "192.0.2.1") && give_loopback("lo:3", "192.0.2.53") &&
                     listen_on("169.254.169.254", 80) == 0 && listen_on("192.0.2.1", 443) == 0;
    if (!net) ::printf("network-setup %d\n", errno);
    for (const Probe& probe : berm::probe::probes()) {
      if (probe.control == Control::namespaces) {
        ::printf("%.*s %d\n", static_cast<int>(probe.name.size()), probe.name.data(),
                 result_of(probe));
      }
      ::fflush(stdout);
    }
    _exit(0);
  }
  ::waitpid(init, nullptr, 0);
  return 0;
}

}  // namespace

// PID 1 is berm-init: this is a sandbox, and not the machine of whoever typed the command.
bool is_inside() {
  char name[32] = {};
  const int fd = ::open("/proc/1/comm", O_RDONLY | O_CLOEXEC);
  const ssize_t got = ::read(fd, name, sizeof name - 1);
  ::close(fd);
  return got > 0 && (::strcmp(name, "berm-init\n") == 0 || ::strcmp(name, "5\n") == 0) &&
         ::getenv("BERM_RUN") != nullptr;
}

int main(int argc, char** argv) {
  const char* mode = argc == 2 ? argv[1] : "";
  if (::strcmp(mode, "namespaces") == 0) return run_controls();
  const bool inside = ::strcmp(mode, "inside") == 0;
  if ((inside && !is_inside()) || (!inside && ::strcmp(mode, "outside") != 0)) {
    ::fprintf(
        stderr,
        "escape-probe: 'inside' works under berm only; 'outside' and 'namespaces' are controls\n");
    return 2;
  }
  for (const Probe& probe : berm::probe::probes()) {
    // Mounts, interfaces, PID 1: these controls never touch the host.
    if (!inside && probe.control == Control::namespaces) continue;
    ::printf("%.*s %d\n", static_cast<int>(probe.name.size()), probe.name.data(), result_of(probe));
    ::fflush(stdout);
  }
  return 0;
}
