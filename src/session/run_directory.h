// src/session/run_directory.h: where runs live on disk, and their index entry run.json.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/path.h"
#include "base/units.h"
#include "sys/fd.h"

namespace berm {

/// $XDG_STATE_HOME/berm, else ~/.local/state/berm. Created 0700.
/// @return Errc::denied if it belongs to somebody else or others may write to it.
[[nodiscard]] Result<std::string> state_directory();

/// A run's own directory, locked while its berm lives.
struct RunDirectory {
  std::string id;
  std::string path;
  UniqueFd lock;
};
/// @param id  "" = a new one
/// @return os_errno EEXIST if the run that is named is there already
[[nodiscard]] Result<RunDirectory> create_run_directory(const std::string& state,
                                                        const std::string& id = "");

/// Replaces run.json.
[[nodiscard]] Result<void> save_run(const std::string& run_directory, const nlohmann::json& run);
[[nodiscard]] Result<nlohmann::json> load_run(const std::string& run_directory);

/// Finds a run by id, unique prefix, or "latest".
/// @return Errc::usage with the nearest id.
[[nodiscard]] Result<std::string> find_run(const std::string& state, const std::string& name);

/// Ids, newest first.
[[nodiscard]] std::vector<std::string> list_runs(const std::string& state);

/// True while the berm that made this run is alive (it holds the lock).
[[nodiscard]] bool is_running(const std::string& run_directory);

/// Removes runs that ended, older than `age` or beyond `size` in total (oldest first), and those
/// whose berm died before they had a result worth keeping. Returns the removed ids.
[[nodiscard]] Result<std::vector<std::string>> prune_runs(const std::string& state,
                                                          Milliseconds age, Bytes size);

}  // namespace berm
