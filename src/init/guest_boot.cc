// The first stage of a virtual machine: from the initial file system, which holds nothing but this
// program and modules of the kernel, to the root that the monitor serves (9p).
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "init/hook_wire.h"
#include "init/machine.h"
#include "init/machine_wire.h"

namespace berm::init {
namespace {

constexpr int kPatience = 1000;  // times 10 ms: a port appears when its driver has found it

// The kernel's console is a serial line that the monitor keeps the end of, to explain a failure.
int give_up(const char* what) {
  ::dprintf(2, "berm-init: %s: %s\n", what, ::strerror(errno));
  ::sync();
  ::reboot(RB_AUTOBOOT);  // the monitor ends instead (-no-reboot)
  return 125;
}

bool load(const char* name) {
  char path[256];
  ::snprintf(path, sizeof path, "/modules/%s", name);
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const long done = ::syscall(SYS_finit_module, fd, "", 0);
  const int error = errno;
  ::close(fd);
  errno = error;
  return done == 0 || error == EEXIST;
}

bool load_modules() {
  FILE* order = ::fopen("/modules/order", "re");
  if (order == nullptr) return false;
  char name[128];
  bool ok = true;
  while (ok && ::fgets(name, sizeof name, order) != nullptr) {
    name[::strcspn(name, "\n")] = '\0';
    ok = load(name);
    if (!ok) ::dprintf(2, "berm-init: module %s\n", name);
  }
  ::fclose(order);
  return ok;
}

bool is_named(const char* port, const char* wanted) {
  char path[512];
  ::snprintf(path, sizeof path, "/sys/class/virtio-ports/%s/name", port);
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  char name[64] = {};
  const ssize_t got = fd < 0 ? -1 : ::read(fd, name, sizeof name - 1);
  if (fd >= 0) ::close(fd);
  return got > 0 && ::strncmp(name, wanted, ::strlen(wanted)) == 0;
}

int find_port() {
  DIR* ports = ::opendir("/sys/class/virtio-ports");
  if (ports == nullptr) return -1;
  int fd = -1;
  while (const dirent* entry = ::readdir(ports)) {
    char path[512];
    ::snprintf(path, sizeof path, "/dev/%s", entry->d_name);
    if (is_named(entry->d_name, machine::kPortName)) fd = ::open(path, O_RDWR | O_CLOEXEC);
  }
  ::closedir(ports);
  return fd;
}

int await_port() {
  constexpr timespec kPause{0, 10'000'000};
  for (int i = 0; i < kPatience; ++i) {
    const int fd = find_port();
    if (fd >= 0) return fd;
    ::nanosleep(&kPause, nullptr);
  }
  errno = ETIMEDOUT;
  return -1;
}

bool is_probe() {
  char line[2048] = {};
  const int fd = ::open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
  const ssize_t got = fd < 0 ? -1 : ::read(fd, line, sizeof line - 1);
  if (fd >= 0) ::close(fd);
  return got > 0 && ::strstr(line, "berm.probe") != nullptr;
}

// The same root twice. What cannot be written is cached without asking: nobody changes it while the
// machine runs. What can be is not: with cache=loose the kernel opens each file that it makes a
// second time, for what it writes back, which the monitor (not root) may not where the file's own
// mode forbids it (git's objects are made 0444). No MS_NODEV: /dev/null is served, too.
bool mount_roots() {
  constexpr char kReadable[] = "trans=virtio,version=9p2000.L,msize=262144,cache=loose";
  constexpr char kWritable[] = "trans=virtio,version=9p2000.L,msize=262144,cache=mmap";
  if (::mount("berm-root", "/root", "9p", MS_NOSUID, kReadable) != 0 ||
      ::mount("berm-work", "/lay/work", "9p", MS_NOSUID | MS_NODEV, kWritable) != 0) {
    return false;
  }
  const int work = ::open("/lay/work", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return work >= 0 && ::dup2(work, machine::kWritableFd) >= 0;
}

// A socket of this kernel's over what the sandbox around us has at `at`. -1: it has nothing there.
int lay_socket(const char* at, const char* name) {
  struct stat status {};
  char path[256];
  ::snprintf(path, sizeof path, "/root%s", at);
  if (::stat(path, &status) != 0) return errno == ENOENT ? -1 : -2;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ::snprintf(address.sun_path, sizeof address.sun_path, "/lay/%s", name);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(fd, 64) != 0 || ::chmod(address.sun_path, 0666) != 0 ||
      ::mount(address.sun_path, path, nullptr, MS_BIND, nullptr) != 0) {
    return -2;
  }
  return fd;
}

bool lay_resolver() {
  const int fd = ::open("/lay/resolv.conf", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  constexpr char kResolver[] = "nameserver 10.0.2.3\n";
  const bool ok = fd >= 0 && ::write(fd, kResolver, sizeof kResolver - 1) == sizeof kResolver - 1;
  ::close(fd);
  return ok && ::mount("/lay/resolv.conf", "/root/etc/resolv.conf", nullptr, MS_BIND, nullptr) == 0;
}

}  // namespace

int boot_guest() {
  ::mkdir("/lay/work", 0755);
  ::mount("devtmpfs", "/dev", "devtmpfs", 0, nullptr);
  const int console = ::open("/dev/console", O_RDWR | O_CLOEXEC | O_NOCTTY);
  for (int fd = 0; fd <= 2 && console >= 0; ++fd) ::dup2(console, fd);
  if (::mount("proc", "/proc", "proc", 0, nullptr) != 0) return give_up("mount /proc");
  if (::mount("sysfs", "/sys", "sysfs", 0, nullptr) != 0) return give_up("mount /sys");
  if (!load_modules()) return give_up("load the modules");
  if (is_probe()) {
    ::dprintf(1, "berm-init: booted\n");
    ::reboot(RB_AUTOBOOT);
    return 125;
  }
  const int port = await_port();
  if (port < 0) return give_up("find the port to the monitor");
  if (!mount_roots()) return give_up("mount the root");
  const int hooks = lay_socket(wire::kToolSocket, "tool.sock");
  const int engine = lay_socket(machine::kEngineSocket, "engine.sock");
  if (hooks == -2 || engine == -2) return give_up("make the sockets");
  if (!lay_resolver()) return give_up("lay the resolver's address");
  if (::dup2(port, machine::kPortFd) < 0) return give_up("keep the port");
  if (hooks >= 0 && ::dup2(hooks, machine::kHookSocketFd) < 0) return give_up("keep the socket");
  if (engine >= 0 && ::dup2(engine, machine::kEngineSocketFd) < 0)
    return give_up("keep the socket");
  if (::chdir("/root") != 0 || ::mount(".", "/", nullptr, MS_MOVE, nullptr) != 0 ||
      ::chroot(".") != 0 || ::chdir("/") != 0) {
    return give_up("enter the root");
  }
  char name[] = "berm-init";
  char mode[] = "--guest";
  char* const argv[] = {name, mode, nullptr};
  char* const env[] = {nullptr};
  ::execve(machine::kInit, argv, env);
  return give_up("start the second stage");
}

}  // namespace berm::init
