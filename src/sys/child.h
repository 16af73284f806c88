// src/sys/child.h: processes with an owner.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "sys/fd.h"

namespace berm {

/// A child process we are responsible for. Dropping it kills and reaps it, so no early return can
/// leave an agent running. A pidfd, because a plain pid may already name somebody else.
class ChildProcess {
 public:
  ChildProcess() = default;
  /// Takes over `pid`, which must be an unreaped child of this process.
  [[nodiscard]] static Result<ChildProcess> adopt(pid_t pid);
  /// The same with a pidfd that clone3(CLONE_PIDFD) gave.
  [[nodiscard]] static ChildProcess with_pidfd(pid_t pid, UniqueFd pidfd);

  ChildProcess(ChildProcess&&) noexcept = default;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ~ChildProcess();

  [[nodiscard]] int pidfd() const noexcept { return pidfd_.get(); }
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  explicit operator bool() const noexcept { return static_cast<bool>(pidfd_); }

  void kill() noexcept;  ///< SIGKILL; does not wait

  /// How a child ended: what waitid(2) says.
  struct Ended {
    bool signaled = false;
    int code = 0;  ///< exit code or signal number
    rusage usage{};
  };
  /// Waits for the end and gives up ownership.
  [[nodiscard]] Result<Ended> wait();

 private:
  ChildProcess(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  pid_t pid_ = -1;
  UniqueFd pidfd_;
};

/// A program to run outside the sandbox (git). Everything is given; nothing is inherited.
struct Command {
  std::vector<std::string> argv;  ///< argv[0] is looked up on our own PATH
  std::vector<std::string> env;   ///< "NAME=value"
  std::string directory;          ///< "" = where we are
  std::string input;              ///< stdin
  std::size_t output_limit = 64 << 20;
  std::optional<std::chrono::milliseconds> deadline = {};  ///< then it is killed: an Error
};
struct CommandResult {
  int code = 0;  ///< 128 + signal if it was killed
  std::string output;
  std::string errors;
};
/// Runs to the end and collects the output. A non-zero code is a result, not an Error.
[[nodiscard]] Result<CommandResult> run_command(const Command& command);

}  // namespace berm
