// src/host/residue.h: what unsandboxed agents and tools left on this host: logins, transcripts,
// tokens in git's configuration, sockets that nobody serves. For `doctor --residue`, `run --sweep`.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace berm {

/// Who may remove a residue.
enum class Remedy : std::uint8_t {
  automatic,   ///< a sweep: nobody can miss it
  on_request,  ///< remove_residue(), once the user has said so: a login, a history
  by_hand      ///< the user alone; `how` says with what
};
[[nodiscard]] std::string_view name_of(Remedy remedy);

/// The object that was found, not the name it had: a name may mean another one by now.
struct ResidueIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t mount = 0;  ///< statx(2) stx_mnt_id; 0 before Linux 5.8
  std::int64_t mtime = 0;   ///< nanoseconds since 1970
  std::uint32_t uid = 0;
  std::uint32_t type = 0;  ///< S_IFMT bits
  bool operator==(const ResidueIdentity&) const = default;
};

/// One thing that should not lie there. Never holds a secret.
struct Residue {
  std::string path;  ///< absolute, raw bytes: only through printable() to a terminal; or "docker
                     ///< image …"
  std::string kind;  ///< stable: "claude-login"
  std::string what;  ///< in words, printable
  std::int64_t age_days = 0;  ///< since the last change; of a tree: of anything in it
  std::uint64_t size = 0;     ///< bytes; of a tree: of all files
  std::string how;            ///< to remove it safely; printable
  Remedy remedy = Remedy::by_hand;

  // What remove_residue() needs to find it again.
  std::string root;                   ///< home, tmp or workspace
  std::string relative;               ///< below it
  ResidueIdentity identity = {};      ///< of the object; of docker's: empty
  std::vector<std::string> settings;  ///< names of git's settings to take out; raw bytes
};

struct ResidueSearch {
  std::string home;  ///< each an absolute path; "" = do not look there
  std::string tmp;
  std::string workspace;
  /// Names the kind of credential in a line ("GitHub token"), "" if there is none. Without it
  /// neither shell histories nor docker images are looked at.
  std::function<std::string_view(std::string_view line)> credential_in;
  std::string program_path = "/usr/local/bin:/usr/bin:/bin";  ///< for docker: nothing of an agent's
  std::chrono::milliseconds docker_patience{5'000};           ///< for all calls together
  std::chrono::sys_seconds now =
      std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
};

struct ResidueReport {
  std::vector<Residue> found;              ///< in the order of the table, then by path
  std::vector<std::string> not_looked_at;  ///< and why; printable
};

/// Looks for every class of residue (residue/classes.cc). Opens nothing through a link, reads
/// plain files only, 1 MiB of each; walks 50,000 entries and 32 levels of a tree. Never fails: what
/// cannot be looked at is said.
///
/// Starts git (on bytes from a pipe) and, if it is there, docker (at most 5 s, without the user's
/// configuration of it: an agent could have written that).
[[nodiscard]] ResidueReport find_residue(const ResidueSearch& search);

struct Removal {
  std::uint64_t entries = 0;  ///< files and directories, or settings
  std::uint64_t bytes = 0;
};

/// Removes one residue, unless its remedy is by_hand. Only what find_residue() saw: the same
/// device, inode, mount and time of change, and everything of it this user's. Follows no link,
/// crosses no mount and no owner. Settings are taken out by git, under git's own lock.
///
/// @return Errc::denied  by_hand; it is not what was found; something in it is somebody else's, or
///                       in use: nothing was removed, except what a race let in half-way.
///         Errc::kernel  a call failed.
[[nodiscard]] Result<Removal> remove_residue(const Residue& residue);

}  // namespace berm
