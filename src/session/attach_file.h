// src/session/attach_file.h: what a caller leaves on its own disk, so that another can take a run
// up whose agent is elsewhere.
#pragma once

#include <nlohmann/json.hpp>

#include "remote/run.h"
#include "session/prepare_run.h"

namespace berm {

/// Writes attach.json into the run's directory, for its owner alone. With the two keys in it one
/// can end the run, read what it prints and sign its record; none of its credentials is there. It
/// goes when the run ends.
[[nodiscard]] Result<void> write_attach_file(const Plan& plan, const LinkEnd& own,
                                             const SigningKey& record_key);
void remove_attach_file(const std::string& run_directory);

/// A run of which nobody hears.
struct DeadRun {
  PreparedRun prepared;   ///< what judging, importing and recording need of it
  nlohmann::json stored;  ///< run.json
  RecordFile record;      ///< goes on where it broke off
  RemoteAttach remote;
};
/// @param name  id, part of it, or "latest"
/// @return Errc::usage: it has ended, or cannot be attached to; Errc::denied: its berm lives, or
/// its
///         record is not what that wrote
[[nodiscard]] Result<DeadRun> open_dead_run(const std::string& name);

}  // namespace berm
