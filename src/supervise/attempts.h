// src/supervise/attempts.h: who inside tried to reach which address.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <vector>

#include "sys/fd.h"

struct seccomp_notif;

namespace berm {

/// One connect(2), sendto(2) or sendmsg(2) to an address. Goes through a pipe whole or not at all.
struct Attempt {
  pid_t pid = 0;
  int call = 0;
  std::uint16_t port = 0;
  bool v6 = false;
  std::array<std::uint8_t, 16> address{};
  char executable[240] = {};
};
static_assert(sizeof(Attempt) < 4096);  // PIPE_BUF

/// Reads what the notification is about; false if it is no attempt to reach anybody outside.
[[nodiscard]] bool read_attempt(const seccomp_notif& notification, Attempt& attempt);

/// Attempts on their way to the record. It observes, the network namespace decides: what nobody
/// reads in time is dropped, so that nothing inside can stop the supervisor by trying much.
class AttemptLog {
 public:
  [[nodiscard]] Result<void> start();
  void add(const Attempt& attempt);
  /// To poll(2) for reading; -1 before start().
  [[nodiscard]] int fd() const { return read_.get(); }
  /// What was tried since the last call: {address, call, pid, executable}, each
  /// (executable, address) once in a run, at most 512 in all.
  [[nodiscard]] std::vector<nlohmann::json> take();

 private:
  std::set<std::string> told_;
  UniqueFd read_;
  UniqueFd write_;
};

}  // namespace berm
