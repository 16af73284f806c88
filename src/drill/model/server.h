// src/drill/model/server.h: the scripted model as a process of its own. Plain HTTP on 127.0.0.1: no
// network, no cost, no model.
#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "drill/model/malformed.h"
#include "sys/child.h"

namespace berm::drill {

/// `berm drill-model`: a line of set-up on stdin, "MODEL CANARY\n" (two ports) on stdout, a line
/// with the steps on stdin; then it serves until stdin ends. What it heard is appended to the log,
/// one JSON object a line: {"kind":"request"|"canary", "head", "body", "results", "turn", "known"}.
int serve_model();

/// The process, from outside. Dropping it ends it.
class ModelServer {
 public:
  [[nodiscard]] static Result<ModelServer> start(Api api, const std::string& log);
  [[nodiscard]] int port() const { return port_; }
  /// Where nothing may ever connect: the listener of an attacker on this host.
  [[nodiscard]] int canary() const { return canary_; }
  /// The steps can name the canary's port only once it is known.
  [[nodiscard]] Result<void> tell(const std::vector<Step>& steps);

 private:
  ChildProcess child_;
  UniqueFd in_;
  UniqueFd out_;
  int port_ = 0;
  int canary_ = 0;
};

}  // namespace berm::drill
