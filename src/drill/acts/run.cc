#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/landlock_uapi.h"
#include "drill/acts/act.h"
#include "drill/acts/calls.h"

namespace berm::drill {
namespace {

constexpr std::size_t kLongestPath = 4096;

int read_canary(const char* path) {
  char full[kLongestPath];
  ::snprintf(full, sizeof full, "%s/%s", target("BERM_DRILL_ROOT"), path);
  return open_for(full, O_RDONLY);
}

// A workspace may lie elsewhere than on the host: what is in the repository is where we are.
void place_of(const char* path, char (&full)[kLongestPath]) {
  constexpr char kRepository[] = "repo/";
  if (path[0] == '/') {
    ::snprintf(full, sizeof full, "%s%s", path, target("BERM_DRILL_TOKEN"));
  } else if (::strncmp(path, kRepository, sizeof kRepository - 1) == 0) {
    ::snprintf(full, sizeof full, "./%s", path + sizeof kRepository - 1);
  } else {
    ::snprintf(full, sizeof full, "%s/%s", target("BERM_DRILL_ROOT"), path);
  }
}

int plant(const char* path) {
  char full[kLongestPath];
  place_of(path, full);
  for (char* at = full + 1; *at != '\0'; ++at) {
    if (*at != '/') continue;
    *at = '\0';
    ::mkdir(full, 0755);
    *at = '/';
  }
  const int fd = ::open(full, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0644);
  if (fd < 0) return errno;
  const char* token = target("BERM_DRILL_TOKEN");
  const int error = done(::write(fd, token, ::strlen(token)));
  ::close(fd);
  return error;
}

int tried(const Act& act) {
  if (act.act != nullptr) return act.act();
  return act.control == Control::aftermath ? plant(act.path) : read_canary(act.path);
}

// An act may kill, confine or move its process: each gets one of its own.
int result_of(const Act& act) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno;
  const pid_t pid = ::fork();
  if (pid == 0) {
    const int error = tried(act);
    ::_exit(::write(ends[1], &error, sizeof error) == sizeof error ? 0 : 1);
  }
  ::close(ends[1]);
  int error = kKilled;
  const ssize_t got = pid > 0 ? ::read(ends[0], &error, sizeof error) : 0;
  ::close(ends[0]);
  if (pid > 0) ::waitpid(pid, nullptr, 0);
  return got == sizeof error ? error : kKilled;
}

void try_all(bool (*wanted)(Control)) {
  for (const Group& group : groups()) {
    for (const Act& act : group.acts) {
      if (!wanted(act.control)) continue;
      ::printf("drill %.*s %d\n", static_cast<int>(act.name.size()), act.name.data(),
               result_of(act));
      ::fflush(stdout);
    }
  }
}

// The kernel's that the acts meet, which need not be the host's.
int landlock_abi() {
  const long abi =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, landlock::kCreateRulesetVersion);
  return abi > 0 ? static_cast<int>(abi) : 0;
}

bool listen_on(const char* address, int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(static_cast<unsigned short>(port));
  ::inet_pton(AF_INET, address, &at.sin_addr);
  return ::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0 && ::listen(fd, 4) == 0;
}

// lo of this new network namespace gets the addresses that the acts look for; nothing leaves it.
bool give_loopback(const char* alias, const char* address) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
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

bool write_text(const char* path, const char* text) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool ok = ::write(fd, text, ::strlen(text)) == static_cast<ssize_t>(::strlen(text));
  ::close(fd);
  return ok;
}

// A user has all capabilities in a user namespace of his own, if the host lets him make one.
bool own_namespaces() {
  constexpr int kAll = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWPID | CLONE_NEWIPC;
  const uid_t uid = ::geteuid();
  const gid_t gid = ::getegid();
  if (uid == 0) return ::unshare(kAll) == 0;
  if (::unshare(kAll | CLONE_NEWUSER) != 0) return false;
  char map[64];
  ::snprintf(map, sizeof map, "0 %u 1", uid);
  if (!write_text("/proc/self/setgroups", "deny") || !write_text("/proc/self/uid_map", map)) {
    return false;
  }
  ::snprintf(map, sizeof map, "0 %u 1", gid);
  return write_text("/proc/self/gid_map", map);
}

// PID 1 of the new PID namespace: the acts may trace and signal it.
[[noreturn]] void be_init_of_controls() {
  ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  const bool own_proc = ::mount("proc", "/proc", "proc", 0, nullptr) == 0;
  ::signal(SIGTERM, SIG_IGN);
  const bool net = give_loopback("lo:1", "169.254.169.254") && give_loopback("lo:2", "192.0.2.1") &&
                   give_loopback("lo:3", "192.0.2.53") && listen_on("169.254.169.254", 80) &&
                   listen_on("192.0.2.1", 443) && listen_on("192.0.2.53", 53) &&
                   listen_on("192.0.2.53", 853);
  // Without a /proc of their own some acts would meet the host's PID 1.
  if (own_proc && net) {
    try_all([](Control control) {
      return control == Control::namespaces || control == Control::exhausting;
    });
  }
  ::_exit(own_proc && net ? 0 : 1);
}

int run_controls() {
  if (!own_namespaces()) return 1;
  const pid_t init = ::fork();
  if (init < 0) return 1;
  if (init == 0) be_init_of_controls();
  int status = 0;
  ::waitpid(init, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

// A sandbox of berm's in every tier: no new privileges, a filter, no capability. Anywhere else the
// acts would unmount and kill what belongs to whoever typed the command.
bool is_confined() {
  char text[4096] = {};
  const int fd = ::open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const ssize_t got = ::read(fd, text, sizeof text - 1);
  ::close(fd);
  return got > 0 && ::strstr(text, "\nNoNewPrivs:\t1\n") != nullptr &&
         ::strstr(text, "\nSeccomp:\t2\n") != nullptr &&
         ::strstr(text, "\nCapEff:\t0000000000000000\n") != nullptr;
}

int refuse(const char* why) {
  ::fprintf(stderr, "berm-init drill: %s; 'berm drill' starts it\n", why);
  return 2;
}

}  // namespace

int run_acts(int argc, char** argv) {
  const char* mode = argc == 1 ? argv[0] : "";
  if (*target("BERM_DRILL_ROOT") == '\0' || *target("BERM_DRILL_TOKEN") == '\0') {
    return refuse("nothing says where the drill's directory is");
  }
  if (::strcmp(mode, "namespaces") == 0) return run_controls();
  const bool exhausting = ::strcmp(mode, "exhausting") == 0;
  if (exhausting || ::strcmp(mode, "inside") == 0) {
    if (!is_confined()) return refuse("'inside' works in a sandbox only");
    ::printf("drill landlock_abi %d\n", landlock_abi());
    if (exhausting) ::setenv("BERM_DRILL_PATIENCE", "5", 1);
    exhausting ? try_all([](Control control) { return control == Control::exhausting; })
               : try_all([](Control control) { return control != Control::exhausting; });
    return 0;
  }
  if (::strcmp(mode, "outside") != 0) return refuse("inside, exhausting, outside or namespaces");
  // Mounts, interfaces, PID 1: the other controls never touch the host.
  try_all(
      [](Control control) { return control == Control::outside || control == Control::aftermath; });
  return 0;
}

}  // namespace berm::drill
