// src/supervise/run_root.h: paths as a process of the run sees them, resolved from outside.
#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>

#include "sys/fd.h"

namespace berm {

/// A process of the run, by the number that we see (of any of its threads).
class SeenProcess {
 public:
  explicit SeenProcess(pid_t tid) : tid_(tid) {}
  [[nodiscard]] pid_t tid() const { return tid_; }
  /// Its working directory as text; "" if it is gone.
  [[nodiscard]] std::string cwd() const;
  /// The process' number (of its first thread) and its parent's; 0 = unknown. 3 µs, 10 before
  /// Linux 6.13.
  struct Numbers {
    pid_t pid = 0;
    pid_t parent = 0;
  };
  [[nodiscard]] Numbers numbers() const;

  /// "/proc/TID/NAME". The number may be another's by the time it is used: who looks makes sure
  /// afterwards that the process still waits.
  [[nodiscard]] std::string proc(std::string_view name) const;

 private:
  pid_t tid_;
};

/// The root that all processes of a run share: nobody inside may chroot(2) or mount(2).
class RunRoot {
 public:
  /// @param init  PID 1 of the run, after its pivot_root(2)
  [[nodiscard]] static Result<RunRoot> open(pid_t init);

  /// What execveat(2) would run. `base` is AT_FDCWD or a descriptor of `process`; an empty `path`
  /// is the descriptor itself (AT_EMPTY_PATH).
  /// @param object  an O_PATH descriptor
  /// @return 0, or the errno that the kernel would give.
  [[nodiscard]] int resolve(const SeenProcess& process, int base, const std::string& path,
                            UniqueFd& object) const;

 private:
  int walk(const SeenProcess& process, UniqueFd from, std::string rest, UniqueFd& object) const;
  bool is_root(int fd) const;
  UniqueFd fd_;
  struct stat status_ {};
};

/// Where the object lies, as the run sees it: "/usr/bin/dash", "/memfd:x (deleted)".
[[nodiscard]] std::string path_of(int fd);

}  // namespace berm
