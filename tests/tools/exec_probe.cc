// tests/tools/exec_probe.cc: starts programs in every odd way. Static, so that it runs in any root.
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

char* const kNoEnv[] = {nullptr};

int copy_to(int to, const char* from) {
  const int in = ::open(from, O_RDONLY | O_CLOEXEC);
  char part[65536];
  for (ssize_t got = 0; (got = ::read(in, part, sizeof part)) > 0;) {
    if (::write(to, part, static_cast<std::size_t>(got)) != got) return -1;
  }
  ::close(in);
  return 0;
}

int memory_copy(const char* from) {
  const int fd = static_cast<int>(::syscall(SYS_memfd_create, "copied", MFD_CLOEXEC));
  return fd < 0 || copy_to(fd, from) != 0 ? -1 : fd;
}

// Runs `start` in a child; prints "<name> <errno>" if it came back, "<name> ran <code>" if not.
template <class F>
void attempt(const char* name, F start) {
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0) std::exit(9);
  const pid_t pid = ::fork();
  if (pid == 0) {
    start();
    const int error = errno;
    [[maybe_unused]] const ssize_t told = ::write(pipe[1], &error, sizeof error);
    ::_exit(0);
  }
  ::close(pipe[1]);
  int error = 0;
  const bool came_back = ::read(pipe[0], &error, sizeof error) == sizeof error;
  ::close(pipe[0]);
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (came_back) {
    std::printf("%s %s\n", name, ::strerrorname_np(error));
  } else {
    std::printf("%s ran %d\n", name, WIFEXITED(status) ? WEXITSTATUS(status) : 128);
  }
  std::fflush(stdout);
}

int all_ways(const char* target) {
  char* const argv[] = {const_cast<char*>("way"), const_cast<char*>("one"), nullptr};
  attempt("execve", [&] { ::execve(target, argv, kNoEnv); });
  attempt("relative", [&] {
    if (::chdir("/usr") == 0) ::execve((std::string("..") + target).c_str(), argv, kNoEnv);
  });
  attempt("symlink", [&] {
    if (::symlink(target, "link-to-it") == 0) ::execve("./link-to-it", argv, kNoEnv);
  });
  attempt("proc-root",
          [&] { ::execve((std::string("/proc/self/root") + target).c_str(), argv, kNoEnv); });
  attempt("thread-self", [&] {
    ::execve((std::string("/proc/thread-self/root") + target).c_str(), argv, kNoEnv);
  });
  attempt("empty-path", [&] {
    const int fd = ::open(target, O_PATH | O_CLOEXEC);
    ::syscall(SYS_execveat, fd, "", argv, kNoEnv, AT_EMPTY_PATH);
  });
  attempt("fexecve", [&] { ::fexecve(::open(target, O_RDONLY | O_CLOEXEC), argv, kNoEnv); });
  attempt("proc-fd", [&] {
    const int fd = ::open(target, O_RDONLY);
    ::execve(("/proc/self/fd/" + std::to_string(fd)).c_str(), argv, kNoEnv);
  });
  attempt("dev-fd", [&] {
    const int fd = ::open(target, O_RDONLY);
    ::execve(("/dev/fd/" + std::to_string(fd)).c_str(), argv, kNoEnv);
  });
  attempt("at-directory", [&] {
    const int fd = ::open("/", O_PATH | O_DIRECTORY);
    ::syscall(SYS_execveat, fd, target + 1, argv, kNoEnv, 0);
  });
  attempt("vfork", [&] {
    const pid_t pid = ::vfork();
    if (pid == 0) {
      ::execve(target, argv, kNoEnv);
      ::_exit(errno == EPERM ? 77 : 78);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    if (WEXITSTATUS(status) != 77) ::_exit(WEXITSTATUS(status));
    errno = EPERM;
  });
  attempt("thread", [&] {
    pthread_t thread;
    struct Call {
      const char* target;
      char* const* argv;
    } call{target, argv};
    ::pthread_create(
        &thread, nullptr,
        [](void* data) -> void* {
          const Call* that = static_cast<Call*>(data);
          ::execve(that->target, that->argv, kNoEnv);
          return reinterpret_cast<void*>(static_cast<intptr_t>(errno));
        },
        &call);
    void* error = nullptr;
    ::pthread_join(thread, &error);
    errno = static_cast<int>(reinterpret_cast<intptr_t>(error));
  });
  attempt("script", [&] {
    const int fd = ::open("script", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    ::dprintf(fd, "#! %s  \n", target);
    ::close(fd);
    ::execve("./script", argv, kNoEnv);
  });
  return 0;
}

// What the kernel refuses, and what it takes though it is odd.
int odd_calls() {
  char* const argv[] = {const_cast<char*>("odd"), nullptr};
  char* const bad = reinterpret_cast<char*>(1);
  auto** const no_page = reinterpret_cast<char**>(1);
  attempt("null-path", [] { ::syscall(SYS_execve, nullptr, nullptr, nullptr); });
  attempt("bad-path", [&] { ::syscall(SYS_execve, bad, argv, kNoEnv); });
  attempt("bad-argv", [&] { ::syscall(SYS_execve, "/usr/bin/true", no_page, kNoEnv); });
  attempt("bad-argument", [&] {
    char* const with[] = {const_cast<char*>("odd"), bad, nullptr};
    ::syscall(SYS_execve, "/usr/bin/true", with, kNoEnv);
  });
  attempt("null-argv", [] { ::syscall(SYS_execve, "/usr/bin/true", nullptr, nullptr); });
  attempt("empty", [&] { ::execve("", argv, kNoEnv); });
  attempt("long-path", [&] { ::execve(std::string(5000, 'a').c_str(), argv, kNoEnv); });
  attempt("missing", [&] { ::execve("/usr/bin/no-such-program", argv, kNoEnv); });
  attempt("directory", [&] { ::execve("/usr", argv, kNoEnv); });
  attempt("through-file", [&] { ::execve("/usr/bin/true/x", argv, kNoEnv); });
  attempt("bad-directory", [&] { ::syscall(SYS_execveat, 999, "true", argv, kNoEnv, 0); });
  attempt("fifo", [&] {
    if (::mkfifo("fifo", 0777) == 0) ::execve("./fifo", argv, kNoEnv);
  });
  attempt("path-at-page-end", [&] {
    char* two = static_cast<char*>(
        ::mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ::munmap(two + 4096, 4096);
    char* path = two + 4096 - sizeof "/usr/bin/true";
    std::strcpy(path, "/usr/bin/true");
    ::execve(path, argv, kNoEnv);
  });
  attempt("argv-2MiB", [&] {
    std::vector<std::string> text(20, std::string(100'000, 'x'));
    std::vector<char*> all;
    for (std::string& one : text) all.push_back(one.data());
    all.push_back(nullptr);
    ::execve("/usr/bin/true", all.data(), kNoEnv);
  });
  attempt("many-arguments", [&] {
    std::vector<char*> all(20'000, const_cast<char*>("y"));
    all.push_back(nullptr);
    ::execve("/usr/bin/true", all.data(), kNoEnv);
  });
  return 0;
}

// A path in memory that no other process can read: what cannot be looked up must not run.
int hidden_path(const char* target) {
  const int fd = static_cast<int>(::syscall(SYS_memfd_secret, 0));
  if (fd < 0 || ::ftruncate(fd, 4096) != 0) return std::puts("secret unsupported") < 0;
  void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (page == MAP_FAILED) return std::puts("secret unsupported") < 0;
  std::strcpy(static_cast<char*>(page), target);
  attempt("secret", [&] {
    char* const argv[] = {const_cast<char*>("way"), nullptr};
    ::execve(static_cast<char*>(page), argv, kNoEnv);
  });
  return 0;
}

// One thread changes path and argument while others start programs.
int race(int rounds) {
  static char path[64] = "/usr/bin/true";
  static char argument[64] = "argument";
  pthread_t thread;
  ::pthread_create(
      &thread, nullptr,
      [](void*) -> void* {
        for (unsigned i = 0;; ++i) {
          path[9] = static_cast<char>(i % 3 == 0 ? 'X' : 't');
          std::memset(argument, 'a' + static_cast<int>(i % 26), i % 60);
        }
      },
      nullptr);
  int ran = 0;
  for (int i = 0; i < rounds; ++i) {
    const pid_t pid = ::vfork();  // shares the memory that changes
    if (pid == 0) {
      char* const argv[] = {path, argument, nullptr};
      ::execve(path, argv, kNoEnv);
      ::_exit(1);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    ran += WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 1 : 0;
  }
  std::printf("raced %d\n", ran > 0 ? 1 : 0);
  std::fflush(stdout);
  ::_exit(0);
}

int storm(int count, const char* target) {
  for (int i = 0; i < count; ++i) {
    if (::fork() != 0) continue;
    const std::string number = std::to_string(i);
    ::execl(target, "storm", number.c_str(), nullptr);
    ::_exit(1);
  }
  int ran = 0;
  int status = 0;
  while (::wait(&status) > 0) ran += WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 1 : 0;
  std::printf("stormed %d\n", ran);
  return 0;
}

int start_and_wait(const char* target) {
  const pid_t pid = ::vfork();
  if (pid == 0) {
    char* const argv[] = {const_cast<char*>(target), const_cast<char*>("exit"), nullptr};
    ::execve(target, argv, kNoEnv);
    ::_exit(1);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return status;
}

// Microseconds of each vfork + execve + wait.
int clock_execs(int count, const char* target) {
  for (int i = 0; i < count; ++i) {
    timespec begin{};
    timespec end{};
    ::clock_gettime(CLOCK_MONOTONIC, &begin);
    start_and_wait(target);
    ::clock_gettime(CLOCK_MONOTONIC, &end);
    std::printf("%.1f\n", static_cast<double>(end.tv_sec - begin.tv_sec) * 1e6 +
                              static_cast<double>(end.tv_nsec - begin.tv_nsec) / 1e3);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string act = argc > 1 ? argv[1] : "";
  if (act == "exit") return 0;
  if (act == "ways" && argc == 3) return all_ways(argv[2]);
  if (act == "odd") return odd_calls();
  if (act == "hidden" && argc == 3) return hidden_path(argv[2]);
  if (act == "race" && argc == 3) return race(std::atoi(argv[2]));
  if (act == "storm" && argc == 4) return storm(std::atoi(argv[2]), argv[3]);
  if (act == "clock" && argc == 4) return clock_execs(std::atoi(argv[2]), argv[3]);
  if (act == "memory" && argc == 3) {
    attempt("memory", [&] {
      char* const words[] = {const_cast<char*>("from-memory"), nullptr};
      ::syscall(SYS_execveat, memory_copy(argv[2]), "", words, kNoEnv, AT_EMPTY_PATH);
    });
    return 0;
  }
  return 0;
}
