// src/drill/host/targets.h: what hostile acts look for on a host: a directory with a repository and
// a home full of canaries, a socket, a port, a process.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "sys/child.h"

namespace berm::drill {

/// Removed with everything in it when dropped.
class Targets {
 public:
  [[nodiscard]] static Result<Targets> make();
  Targets(Targets&& other) noexcept;
  Targets& operator=(Targets&&) = delete;
  ~Targets();

  [[nodiscard]] std::string at(const std::string& name) const { return root_ + "/" + name; }
  [[nodiscard]] const std::string& token() const { return token_; }
  /// "BERM_DRILL_…=value" for the acts.
  [[nodiscard]] std::vector<std::string> variables(const std::string& record,
                                                   unsigned long processes) const;
  /// True if what an act writes at `path` (as Act has it) is there.
  [[nodiscard]] bool has(const char* path) const;
  /// Processes that carry the token as their name, by the number that we see.
  [[nodiscard]] std::vector<pid_t> survivors() const;
  /// Removes what acts left outside of the directory, and ends the survivors.
  void clean() const;

 private:
  Targets() = default;
  [[nodiscard]] Result<void> lay();
  [[nodiscard]] Result<void> listen();

  std::string root_, token_, abstract_;
  UniqueFd unix_, hidden_, tcp_;
  int port_ = 0;
  ChildProcess process_;
};

}  // namespace berm::drill
