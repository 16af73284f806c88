// src/cli/run_options.h: the options that `run`, `plan` and `why` share.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "session/run_session.h"

namespace berm {

/// Raw texts as given; to_request() turns them into types.
struct RunOptions {
  std::string policy;
  bool from_worktree = false;
  bool learn = false;
  bool sweep = false;
  std::string profile, tier, engine, runtime, image, mode, memory, time, on_success;
  std::vector<std::string> require, write, hide, read, allow, env, credentials, sinks;
  double cpus = 0;
  std::uint64_t processes = 0;
  bool emulate = false;
  bool json = false;
  std::string ci_report = "auto";
  std::vector<std::string> command;
};

/// Adds the options to `command` under their headings.
[[nodiscard]] std::shared_ptr<RunOptions> add_run_options(CLI::App& command);

/// @param words  The command: "claude -p …", or anything after "--".
[[nodiscard]] Result<RunRequest> to_request(const RunOptions& options,
                                            const std::vector<std::string>& words);

}  // namespace berm
