// src/credentials/journal.h: what lives at issuers, on disk, so that a crash leaves nothing
// forgotten. Never a value: what stands here lets nobody authenticate.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "credentials/lease.h"
#include "policy/credential_source.h"
#include "sys/fd.h"

namespace berm {

/// One credential that may be alive.
struct LeaseRecord {
  std::string id;     ///< "<name>#<n>": a renewed credential is another one
  bool live = false;  ///< false: being minted; nobody knows whether it came to be
  CredentialSource source;
  LeaseHandle handle;
  WallTime since;                   ///< when minting began
  std::optional<WallTime> expires;  ///< at the latest; nullopt: unknown
  bool operator==(const LeaseRecord&) const = default;
};

/// A process that cannot be mistaken for a later one with its number.
struct ProcessId {
  pid_t pid = 0;
  std::uint64_t start = 0;  ///< clock ticks since boot: /proc/PID/stat, field 22
  std::string boot;         ///< /proc/sys/kernel/random/boot_id
  bool operator==(const ProcessId&) const = default;
};
[[nodiscard]] ProcessId own_process_id();
[[nodiscard]] bool is_running(const ProcessId& process);

struct JournalContent {
  std::string run;
  ProcessId keeper;
  std::vector<LeaseRecord> leases;
  bool operator==(const JournalContent&) const = default;
};
[[nodiscard]] std::string to_json_text(const JournalContent& content);
/// @return Errc::unsupported for anything that to_json_text() does not write.
[[nodiscard]] Result<JournalContent> parse_journal(std::string_view text);

/// The journal of one run: DIRECTORY/RUN.json, locked by RUN.lock as long as this lives. The lock
/// says who owns the leases, also where process ids say nothing (containers that share the
/// directory). Every change is on disk (fsync, rename, fsync of the directory) when it returns.
/// Thread safe.
class Journal {
 public:
  /// For a new run. Makes the directory (0700). @return Errc::usage for a run id that is no file
  /// name.
  [[nodiscard]] static Result<std::unique_ptr<Journal>> create(const std::string& directory,
                                                               const std::string& run);
  /// Takes over the journal of a keeper that is gone; nullptr if it is not, or if somebody else
  /// takes it over.
  [[nodiscard]] static Result<std::unique_ptr<Journal>> take_over(const std::string& directory,
                                                                  const std::string& run);

  /// Adds or replaces the records with these ids, in one step.
  [[nodiscard]] Result<void> put(const std::vector<LeaseRecord>& records);
  [[nodiscard]] Result<void> set_handle(const std::string& id, const LeaseHandle& handle);
  [[nodiscard]] Result<void> remove(const std::string& id);
  [[nodiscard]] std::vector<LeaseRecord> records();
  /// Removes the file if no record is left in it, and the lock.
  void close();

 private:
  Journal(std::string directory, std::string run, UniqueFd lock);
  [[nodiscard]] Result<void> write();

  std::mutex mutex_;
  std::string directory_;
  std::string path_;
  std::string lock_path_;
  UniqueFd lock_;
  JournalContent content_;
};

/// The runs that have a journal in `directory`, sorted; none if there is no directory.
[[nodiscard]] std::vector<std::string> journals_in(const std::string& directory);

}  // namespace berm
