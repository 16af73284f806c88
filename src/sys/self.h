// src/sys/self.h: processes of ours that are berm itself, started anew with nothing but what they
// need.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "sys/child.h"
#include "sys/fd.h"

namespace berm {

/// Executes this very program with `arguments` (after the name) and `environment` ("NAME=value").
/// It gets `in`, `out` and our stderr, a session of its own, default signals but for SIGPIPE, which
/// it ignores.
[[nodiscard]] Result<ChildProcess> start_self(std::vector<std::string> arguments,
                                              std::vector<std::string> environment, int in,
                                              int out);

/// The same where more is to be said.
struct SelfStart {
  int in = 0;
  int out = 1;
  int err = 2;
  std::string directory;          ///< "" = where we are
  bool ends_with_parent = false;  ///< SIGTERM when the thread that started it is gone
};
[[nodiscard]] Result<ChildProcess> start_self(std::vector<std::string> arguments,
                                              std::vector<std::string> environment,
                                              const SelfStart& how);

/// Two ends of a stream socket, close-on-exec.
struct SocketPair {
  UniqueFd ours;
  UniqueFd theirs;
};
[[nodiscard]] Result<SocketPair> make_socket_pair();

}  // namespace berm
