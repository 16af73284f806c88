// src/workspace/tree_stream.h: files on their way to a pod and back, as one stream of bytes.
//
// Four bytes of length (little endian), a JSON object of that length, and the bytes of a file if it
// says "size"; the last object says "end". Paths are hexadecimal: they may be any bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "sys/fd.h"

namespace berm {

/// Writes a tree. Every name is looked up beneath its directory, through no link.
class TreeWriter {
 public:
  explicit TreeWriter(int to) : to_(to) {}

  /// Everything below `directory` (a descriptor) under the name `as`. Sockets, devices and pipes
  /// are left out. `skip` is asked with the path relative to `directory`.
  [[nodiscard]] Result<void> add_tree(int directory, const std::string& as,
                                      const std::function<bool(const std::string&)>& skip = {});
  /// `path` below `directory`, whatever it is: a pipe stands for what no tree can hold. What is not
  /// there is told as gone.
  [[nodiscard]] Result<void> add(int directory, const std::string& path, const std::string& as);
  [[nodiscard]] Result<void> end();

 private:
  [[nodiscard]] Result<void> put(const nlohmann::json& header);
  [[nodiscard]] Result<void> put_file(int parent, const std::string& name, const std::string& as);
  [[nodiscard]] Result<void> put_below(int directory, const std::string& path,
                                       const std::string& as,
                                       const std::function<bool(const std::string&)>& skip);
  int to_;
  std::uint64_t entries_ = 0;
};

struct TreeLimits {
  std::uint64_t entries = 1'000'000;
  std::uint64_t bytes = 8ULL << 30;  ///< of all files
  std::vector<std::string> roots;    ///< the only names that may be below `directory`
};

/// Reads a tree that may be hostile, over what is there. Nothing leaves `directory`, no link is
/// followed, no mode but permissions is set.
/// @param from  a file or stream, to its end
/// @return Errc::denied for what breaks a rule or is cut short; what was written by then stays.
[[nodiscard]] Result<void> read_tree(int from, int directory, const TreeLimits& limits);

}  // namespace berm
