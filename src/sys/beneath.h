// src/sys/beneath.h: files reached step by step from a directory descriptor, never through a link.
// Everything that touches what an agent may have arranged (openat2(2), CVE-2026-25724,
// CVE-2026-39861).
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sys/fd.h"

namespace berm {

/// Opens `relative` below `directory` with RESOLVE_BENEATH, NO_SYMLINKS, NO_MAGICLINKS. O_NOFOLLOW
/// and O_CLOEXEC are added; "" opens the directory itself again.
/// @return Errc::kernel: ELOOP for a link anywhere on the way, EXDEV for a way out.
[[nodiscard]] Result<UniqueFd> open_beneath(int directory, const std::string& relative, int flags,
                                            unsigned mode = 0);

/// lstat(2) beneath; `found` false if the path is not there (ENOENT, ENOTDIR).
struct Found {
  bool found = false;
  struct stat status {};
};
[[nodiscard]] Result<Found> stat_beneath(int directory, const std::string& relative);

/// The target of the symbolic link `relative`.
[[nodiscard]] Result<std::string> read_link_beneath(int directory, const std::string& relative);

struct Entry {
  std::string name;
  unsigned char type = 0;  ///< DT_*; DT_UNKNOWN on some file systems
};
/// Names in a directory, without "." and "..", in no order.
[[nodiscard]] Result<std::vector<Entry>> list_directory(int directory);

/// Removes `name` below `directory`, with all it holds, following nothing and crossing no mount.
/// A missing name is fine. Directories without rights for us are made accessible first.
[[nodiscard]] Result<void> remove_beneath(int directory, const std::string& name);

/// Renames `name` in `from` to `as` in `to`, unless that exists (errno EEXIST). Where the file
/// system has no such rename (NFS answers EINVAL) a second name does it, which fails on an existing
/// one too.
[[nodiscard]] bool rename_if_absent(int from, const std::string& name, int to,
                                    const std::string& as);

struct Owner {
  uid_t uid = 0;
  gid_t gid = 0;
};
/// Creates the directories of `relative`'s parent, with `mode` and `owner` for the missing ones.
[[nodiscard]] Result<UniqueFd> make_parents_beneath(int directory, const std::string& relative,
                                                    unsigned mode,
                                                    const std::optional<Owner>& owner = {});

/// "a/b/c" → "c"; "c" → "c".
[[nodiscard]] std::string last_component(const std::string& relative);
/// "a/b/c" → "a/b"; "c" → "".
[[nodiscard]] std::string parent_of(const std::string& relative);

}  // namespace berm
