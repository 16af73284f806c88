// src/host/residue/look.h: looks at what an agent may have arranged: through no link, with bounds
// on everything.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "host/residue.h"
#include "sys/fd.h"

namespace berm::residue {

constexpr std::size_t kMaxContent = 1 << 20;
constexpr std::size_t kMaxEntries = 50'000;
constexpr int kMaxDepth = 32;

/// What statx(2) says of a name, not of what a link there points to.
struct Look {
  ResidueIdentity identity;
  std::uint64_t size = 0;
  std::uint32_t mode = 0;
  [[nodiscard]] bool is_file() const;
  [[nodiscard]] bool is_directory() const;
  [[nodiscard]] bool is_socket() const;
};

/// Looks at `relative` below `directory`; "" is the directory itself.
/// @return Errc::kernel: ENOENT, or ELOOP if a link stands on the way.
[[nodiscard]] Result<Look> look_at(int directory, const std::string& relative);

/// Names in a directory, sorted. @return Errc::unsupported if there are more than kMaxEntries.
[[nodiscard]] Result<std::vector<std::string>> names_in(int directory);

/// Which part of a file that is longer than kMaxContent is read.
enum class End : std::uint8_t { first, last };

/// Reads kMaxContent bytes of the plain file that `found` is.
/// @return Errc::denied if it is another one by now, or no plain file.
[[nodiscard]] Result<std::string> read_content(int directory, const std::string& relative,
                                               const Look& found, End end = End::first);

/// What a tree holds.
struct Tree {
  std::uint64_t entries = 0;
  std::uint64_t size = 0;
  std::int64_t newest = 0;  ///< nanoseconds since 1970
  std::string obstacle;     ///< why it must not be removed; "" = nothing is in the way
};
[[nodiscard]] Tree measure_tree(int directory, const std::string& relative, const Look& top);

/// True unless the kernel says that nobody serves the socket, whatever name space he is in.
[[nodiscard]] bool is_served(int directory, const std::string& relative);

/// Removes all that `directory` holds. Stops at the first entry that is not `owner`'s or lies on
/// another mount.
[[nodiscard]] Result<Removal> empty_tree(int directory, const ResidueIdentity& owner,
                                         int depth = 0);

}  // namespace berm::residue
