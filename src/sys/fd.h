// src/sys/fd.h: descriptors with an owner, and the few things one does with them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/path.h"
#include "base/result.h"

namespace berm {

/// Owns one file descriptor. Move-only; closes on destruction.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) noexcept : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd other) noexcept {  // by value: the old descriptor closes here
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~UniqueFd();

  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
  void reset() noexcept { *this = UniqueFd(); }
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

[[nodiscard]] Result<Pipe> make_pipe();  ///< close-on-exec, blocking

/// Opens a path the caller trusts (its own state, /proc, /sys). Close-on-exec is added.
[[nodiscard]] Result<UniqueFd> open_file(const std::string& path, int flags, unsigned mode = 0600);

/// The whole content, at most `limit` bytes. @return Errc::unsupported if there is more.
[[nodiscard]] Result<std::string> read_file(const std::string& path, std::size_t limit = 16 << 20);
/// The same for a name that somebody else may have made: no link, no fifo, no device.
[[nodiscard]] Result<std::string> read_plain_file(const std::string& path,
                                                  std::size_t limit = 16 << 20);
[[nodiscard]] Result<std::string> read_all(int fd, std::size_t limit = 16 << 20);

[[nodiscard]] Result<void> write_all(int fd, std::string_view bytes);

/// Writes to an existing file (a kernel knob); one write(2), because such files take no second.
[[nodiscard]] Result<void> write_knob(const std::string& path, std::string_view value);

/// Writes a new file of our own state; no flush. It must not exist, or is replaced when `path` is
/// ours.
[[nodiscard]] Result<void> write_file(const std::string& path, std::string_view bytes,
                                      unsigned mode = 0600);

/// Replaces `path` as a whole: temporary file, fsync, rename. Readers see old or new, never half.
[[nodiscard]] Result<void> replace_file(const std::string& path, std::string_view bytes,
                                        unsigned mode = 0600);

/// mkdir -p with `mode` for what is missing.
[[nodiscard]] Result<void> make_directories(const std::string& path, unsigned mode = 0700);

/// Removes a tree without following a link or crossing a mount. A missing tree is fine.
[[nodiscard]] Result<void> remove_tree(const std::string& path);

[[nodiscard]] bool exists(const std::string& path);  ///< lstat(2) works

/// A sealed memory file with `bytes`, positioned at 0.
[[nodiscard]] Result<UniqueFd> sealed_memory(const char* name, std::span<const char> bytes);

/// One message with the descriptors that came along (SCM_RIGHTS, at most 64; close-on-exec).
struct ReceivedMessage {
  std::size_t size = 0;  ///< bytes read; 0 = the other side is gone
  std::vector<UniqueFd> fds;
};
[[nodiscard]] Result<ReceivedMessage> receive_with_descriptors(int socket, std::span<char> bytes);

/// Copies what is left of `from` to `to`: shares the blocks where the file system can (reflink),
/// else in the kernel, else by hand.
[[nodiscard]] Result<void> copy_content(int from, int to);

}  // namespace berm
