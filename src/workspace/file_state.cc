#include "workspace/file_state.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/text.h"
#include "record/sha256.h"
#include "sys/beneath.h"

namespace berm {
namespace {

constexpr std::size_t kBinaryProbe = 8000;

}  // namespace

Result<UniqueFd> open_own(int directory, const std::string& name, Unlock unlock) {
  constexpr int kFlags = O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC;
  UniqueFd fd(::openat(directory, name.c_str(), kFlags));
  if (!fd && errno == EACCES && unlock == Unlock::yes) {
    struct stat status {};
    if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      return os_error(fmt::format("look at '{}'", name));
    }
    const mode_t mode = status.st_mode & 07777;
    if (::fchmodat(directory, name.c_str(), mode | 0400, 0) != 0) {
      return os_error(fmt::format("unlock '{}'", name));
    }
    fd = UniqueFd(::openat(directory, name.c_str(), kFlags));
    const int error = errno;
    if (::fchmodat(directory, name.c_str(), mode, 0) != 0) {
      return os_error(fmt::format("restore the mode of '{}'", name));
    }
    errno = error;
  }
  if (!fd) return os_error(fmt::format("open '{}'", name));
  return fd;
}

FileType type_of(mode_t mode) {
  if (S_ISREG(mode)) return FileType::regular;
  if (S_ISDIR(mode)) return FileType::directory;
  if (S_ISLNK(mode)) return FileType::symlink;
  if (S_ISFIFO(mode)) return FileType::fifo;
  if (S_ISSOCK(mode)) return FileType::socket;
  if (S_ISCHR(mode) || S_ISBLK(mode)) return FileType::device;
  return FileType::other;
}

FileState state_of(const struct stat& status) {
  FileState state{
      .type = type_of(status.st_mode), .mode = status.st_mode & 07777, .links = status.st_nlink};
  if (state.type == FileType::regular) state.size = static_cast<std::uint64_t>(status.st_size);
  return state;
}

Result<Content> read_content(int directory, const std::string& name, Unlock unlock,
                             std::size_t limit) {
  const UniqueFd fd = BERM_TRY(open_own(directory, name, unlock));
  Sha256 hash;
  Content content;
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return os_error(fmt::format("look at '{}'", name));
  // Beyond the limit a file cannot be imported; hashing a sparse terabyte would only stop the
  // guard.
  const bool giant = limit != 0 && static_cast<std::uint64_t>(status.st_size) > limit;
  std::uint64_t left = giant ? kBinaryProbe : ~std::uint64_t{0};
  char buffer[65536];
  for (;;) {
    const ssize_t got = ::read(fd.get(), buffer, std::min<std::uint64_t>(sizeof buffer, left));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return os_error(fmt::format("read '{}'", name));
    if (got == 0) break;
    left -= static_cast<std::uint64_t>(got);
    const auto size = static_cast<std::size_t>(got);
    hash.update({buffer, size});
    content.text.append(buffer, std::min(size, limit - std::min(limit, content.text.size())));
  }
  content.sha256 = giant ? fmt::format("size:{}:{}.{}", status.st_size, status.st_mtim.tv_sec,
                                       status.st_mtim.tv_nsec)
                         : hash.hex();
  content.binary =
      std::string_view(content.text).substr(0, kBinaryProbe).find('\0') != std::string_view::npos;
  return content;
}

Result<UniqueFd> open_own_directory(int parent, const std::string& name) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  UniqueFd fd(::openat(parent, name.c_str(), kFlags));
  if (!fd && errno == EACCES && ::fchmodat(parent, name.c_str(), 0700, 0) == 0) {
    fd = UniqueFd(::openat(parent, name.c_str(), kFlags));
  }
  if (!fd) return os_error(fmt::format("open directory '{}'", name));
  return fd;
}

}  // namespace berm
