// src/sys/mount.h: detached mounts, opened on behalf of a sandbox by a caller that is root.
#pragma once

#include <cstdint>
#include <string>

#include "sys/child.h"
#include "sys/fd.h"

namespace berm {

/// A detached copy of the mount at `path` (open_tree(2), OPEN_TREE_CLONE). It vanishes with the
/// descriptor. Needs CAP_SYS_ADMIN in the caller's mount namespace.
/// @param recursive  with the mounts below.
[[nodiscard]] Result<UniqueFd> clone_tree(const std::string& path, bool recursive);

/// A user namespace that shows owner (uid, gid) as (host_uid, host_gid), for id-mapped mounts.
struct OwnerShift {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t host_uid = 0;
  std::uint32_t host_gid = 0;
};
/// @return Errc::unsupported if the host forbids user namespaces.
[[nodiscard]] Result<UniqueFd> make_idmap(const OwnerShift& shift);

/// Turns a detached mount into an id-mapped one (mount_setattr(2), MOUNT_ATTR_IDMAP; Linux 5.12).
[[nodiscard]] Result<void> apply_idmap(int tree, int user_namespace);

/// Whether the file system at `path` can be mounted id-mapped. Asks the kernel, but for those that
/// are known to.
[[nodiscard]] bool can_idmap(const std::string& path);

}  // namespace berm
