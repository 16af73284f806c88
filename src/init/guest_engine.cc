// A container engine in a virtual machine, for workspaces that need containers of their own
// ([microvm] containers). It is root of the machine, in a mount namespace of its own over a root
// that may be written in memory; the agent stays what it is in every machine and has its socket.
// Whoever has that socket can become root of the machine: its kernel, not its layers, then holds.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/landlock_uapi.h"
#include "init/machine.h"
#include "init/machine_wire.h"

namespace berm::init {
namespace {

constexpr unsigned long kPlain = MS_NOSUID | MS_NODEV | MS_NOEXEC;

bool put_file(const char* path, const char* text) {
  const int fd = ::open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  const auto size = static_cast<ssize_t>(::strlen(text));
  const bool ok = fd >= 0 && ::write(fd, text, static_cast<std::size_t>(size)) == size;
  ::close(fd);
  return ok;
}

bool make_mount(const char* type, const char* at, unsigned long flags, const char* options) {
  ::mkdir(at, 0755);
  return ::mount(type, at, type, flags, options) == 0;
}

// Below /proc, which is mounted over again: there is no other place to build a root in.
bool build_engine_root() {
  if (::mount("tmpfs", "/proc", "tmpfs", 0, "mode=0755") != 0) return false;
  for (const char* directory : {"/proc/up", "/proc/work", "/proc/root"}) ::mkdir(directory, 0755);
  if (::mount("overlay", "/proc/root", "overlay", 0,
              "lowerdir=/,upperdir=/proc/up,workdir=/proc/work") != 0) {
    return false;
  }
  return ::chdir("/proc/root") == 0;
}

bool fill_engine_root() {
  for (const char* directory : {"var", "var/lib", "etc", "etc/containers"})
    ::mkdir(directory, 0755);
  return make_mount("proc", "proc", kPlain, nullptr) &&
         make_mount("sysfs", "sys", kPlain, nullptr) &&
         make_mount("cgroup2", "sys/fs/cgroup", kPlain, nullptr) &&
         make_mount("devtmpfs", "dev", MS_NOSUID, nullptr) &&
         make_mount("devpts", "dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666") &&
         make_mount("tmpfs", "dev/shm", MS_NOSUID | MS_NODEV, "mode=1777") &&
         make_mount("tmpfs", "run", MS_NOSUID | MS_NODEV, "mode=0755") &&
         make_mount("tmpfs", "var/tmp", MS_NOSUID | MS_NODEV, "mode=1777") &&
         make_mount("tmpfs", "var/lib/containers", MS_NODEV, "mode=0755") &&
         // The machine's kernel has no bridges: containers share its network, which is the plan's.
         put_file("etc/containers/containers.conf",
                  "[containers]\nnetns = \"host\"\ncgroupns = \"host\"\ndefault_sysctls = []\n"
                  "[engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n") &&
         put_file("etc/containers/storage.conf",
                  "[storage]\ndriver = \"overlay\"\ngraphroot = \"/var/lib/containers/storage\"\n"
                  "runroot = \"/run/containers\"\n") &&
         put_file("etc/containers/policy.json",
                  "{\"default\": [{\"type\": \"insecureAcceptAnything\"}]}\n");
}

// Last: a workspace may lie below what was just mounted over.
bool lay_workspace(const ProgramView& program) {
  for (const wire::PathRule& rule : program.slice<wire::PathRule>(program.header().path_rules)) {
    const char* path = program.string(rule.path);
    if ((rule.access & landlock::kWriteFile) == 0 || ::strncmp(path, "/dev", 4) == 0) continue;
    char at[4200];
    ::snprintf(at, sizeof at, "%s", path + 1);
    for (char* slash = ::strchr(at, '/'); slash != nullptr; slash = ::strchr(slash + 1, '/')) {
      *slash = '\0';
      ::mkdir(at, 0755);
      *slash = '/';
    }
    ::mkdir(at, 0755);
    if (::mount(path, at, nullptr, MS_BIND | MS_REC, nullptr) != 0 && errno != ENOENT) return false;
  }
  return true;
}

bool enter_engine_root() {
  return ::mount(".", "/", nullptr, MS_MOVE, nullptr) == 0 && ::chroot(".") == 0 &&
         ::chdir("/") == 0;
}

// sd_listen_fds(3): the socket is there before the engine is, and its queue waits.
void pass_socket(int socket) {
  ::dup2(socket, 3);
  ::close_range(4, ~0U, 0);
  char pid[16];
  ::snprintf(pid, sizeof pid, "%d", ::getpid());
  ::setenv("LISTEN_PID", pid, 1);
  ::setenv("LISTEN_FDS", "1", 1);
}

void take_environment(const ProgramView& program) {
  ::clearenv();
  for (const std::uint32_t one : program.slice<std::uint32_t>(program.header().env)) {
    const char* variable = program.string(one);
    if (::strstr(variable, "proxy=") != nullptr || ::strstr(variable, "PROXY=") != nullptr) {
      ::putenv(const_cast<char*>(variable));
    }
  }
  ::setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
  ::setenv("HOME", "/root", 1);
}

[[noreturn]] void become_engine(const ProgramView& program, int socket) {
  const auto fail = [](const char* what) {
    ::dprintf(2, "berm-init: engine: %s: %s\n", what, ::strerror(errno));
    ::_exit(1);
  };
  if (::unshare(CLONE_NEWNS) != 0 ||
      ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    fail("unshare");
  }
  if (!build_engine_root()) fail("build the root");
  if (!fill_engine_root()) fail("fill the root");
  if (!lay_workspace(program)) fail("lay the workspace");
  if (!enter_engine_root()) fail("enter the root");
  take_environment(program);
  ::setsid();
  pass_socket(socket);
  ::execl("/usr/bin/podman", "podman", "system", "service", "--time=0", nullptr);
  fail("start podman");
  ::_exit(1);
}

}  // namespace

int start_engine(const ProgramView& program) {
  const pid_t pid = ::fork();
  if (pid < 0) return errno;
  if (pid == 0) become_engine(program, machine::kEngineSocketFd);
  ::close(machine::kEngineSocketFd);
  return 0;
}

}  // namespace berm::init
