// src/drill/agent/stage.h: a throw-away home, repository and outside, full of canaries.
#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "drill/scenarios/scenario.h"

namespace berm::drill {

/// Path → what it is (mode, content or target). Of a tree that an attack may have written to.
using Snapshot = std::map<std::string, std::string>;

/// Removed with everything in it when dropped.
class Stage {
 public:
  [[nodiscard]] static Result<Stage> make();
  Stage(Stage&& other) noexcept
      : root_(std::exchange(other.root_, "")), secret_(other.secret_), key_(other.key_) {}
  Stage& operator=(Stage&&) = delete;
  ~Stage();

  [[nodiscard]] std::string at(const std::string& name) const { return root_ + "/" + name; }
  [[nodiscard]] const std::string& secret() const { return secret_; }
  [[nodiscard]] const std::string& key() const { return key_; }
  /// The scenario with this stage's places in it.
  [[nodiscard]] Scenario filled(const Scenario& scenario, int canary_port) const;
  /// Lays the repository, commits what git would, and the rest after.
  [[nodiscard]] Result<void> lay(const Scenario& filled) const;

 private:
  Stage() = default;
  std::string root_, secret_, key_;
};

/// Without git's objects and logs, and what berm itself keeps there.
[[nodiscard]] Snapshot snapshot_of(const std::string& directory);

}  // namespace berm::drill
