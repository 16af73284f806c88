#include "sys/fd.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "sys/beneath.h"

namespace berm {

UniqueFd::~UniqueFd() {
  // No EINTR retry: Linux has already freed the number, a second close() could hit a descriptor
  // that somebody just opened (close(2), "Dealing with error returns").
  if (fd_ >= 0) ::close(fd_);
}

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return os_error("make a pipe");
  return Pipe{.read = UniqueFd(ends[0]), .write = UniqueFd(ends[1])};
}

Result<UniqueFd> open_file(const std::string& path, int flags, unsigned mode) {
  UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
  if (!fd) return os_error(fmt::format("open '{}'", path));
  return fd;
}

Result<std::string> read_all(int fd, std::size_t limit) {
  std::string out;
  char buffer[16384];
  for (;;) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return os_error("read");
    if (got == 0) return out;
    out.append(buffer, static_cast<std::size_t>(got));
    if (out.size() > limit) {
      return failure(Errc::unsupported, fmt::format("read more than {} bytes", limit));
    }
  }
}

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  const UniqueFd fd = BERM_TRY(open_file(path, O_RDONLY));
  return in_context(fmt::format("reading '{}'", path), read_all(fd.get(), limit));
}

Result<std::string> read_plain_file(const std::string& path, std::size_t limit) {
  const UniqueFd fd = BERM_TRY(open_file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return os_error(fmt::format("look at '{}'", path));
  if (!S_ISREG(status.st_mode)) {
    return failure(Errc::denied, fmt::format("read '{}': it is not a plain file", path));
  }
  return in_context(fmt::format("reading '{}'", path), read_all(fd.get(), limit));
}

Result<void> write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return os_error("write");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

namespace {

Result<void> copy_sparse(int from, int to, off_t size) {
  std::vector<char> buffer(1 << 17);
  for (off_t data = ::lseek(from, 0, SEEK_DATA); data >= 0 && data < size;) {
    const off_t hole = std::min(::lseek(from, data, SEEK_HOLE), size);
    if (hole <= data) return os_error("find the holes of a sparse file");
    while (data < hole) {
      const ssize_t got = ::pread(
          from, buffer.data(),
          std::min<std::size_t>(buffer.size(), static_cast<std::size_t>(hole - data)), data);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return os_error("read what is to be copied");
      if (got == 0) break;  // shrank meanwhile
      if (::pwrite(to, buffer.data(), static_cast<std::size_t>(got), data) != got) {
        return os_error("write the copy");
      }
      data += got;
    }
    data = ::lseek(from, hole, SEEK_DATA);  // ENXIO: only a hole is left
  }
  return ::ftruncate(to, size) == 0 ? Result<void>{} : os_error("set the size of the copy");
}

}  // namespace

Result<void> copy_content(int from, int to) {
  if (::ioctl(to, FICLONE, from) == 0) return {};
  struct stat status {};
  if (::fstat(from, &status) != 0) return os_error("look at what is to be copied");
  // Holes stay holes: a sparse terabyte is a few bytes on disk, and must not become a terabyte.
  const bool sparse = status.st_blocks * 512 < status.st_size;
  if (sparse) return copy_sparse(from, to, status.st_size);
  constexpr std::size_t kAtOnce = 1 << 30;
  ssize_t copied = 0;
  while ((copied = ::copy_file_range(from, nullptr, to, nullptr, kAtOnce, 0)) > 0) {
  }
  if (copied == 0) return {};
  // Not between file systems of two kinds (EXDEV), not on every one (EINVAL, EOPNOTSUPP): then by
  // hand.
  std::vector<char> buffer(1 << 17);
  for (;;) {
    const ssize_t got = ::read(from, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return os_error("read what is to be copied");
    if (got == 0) return {};
    BERM_TRY(write_all(to, {buffer.data(), static_cast<std::size_t>(got)}));
  }
}

Result<void> write_knob(const std::string& path, std::string_view value) {
  const UniqueFd fd = BERM_TRY(open_file(path, O_WRONLY));
  if (::write(fd.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size())) {
    return os_error(fmt::format("write '{}' to '{}'", value, path));
  }
  return {};
}

Result<void> write_file(const std::string& path, std::string_view bytes, unsigned mode) {
  const UniqueFd fd = BERM_TRY(open_file(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode));
  return in_context(fmt::format("writing '{}'", path), write_all(fd.get(), bytes));
}

Result<void> replace_file(const std::string& path, std::string_view bytes, unsigned mode) {
  const std::string temporary = fmt::format("{}.new.{}", path, ::getpid());
  {
    const UniqueFd fd =
        BERM_TRY(open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode));
    BERM_TRY(write_all(fd.get(), bytes));
    if (::fsync(fd.get()) != 0) return os_error(fmt::format("flush '{}'", temporary));
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    return os_error(fmt::format("replace '{}'", path));
  }
  return {};
}

Result<void> make_directories(const std::string& path, unsigned mode) {
  if (::mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return {};
  if (errno != ENOENT) return os_error(fmt::format("create '{}'", path));
  for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    if (::mkdir(part.c_str(), mode) != 0 && errno != EEXIST) {
      return os_error(fmt::format("create '{}'", part));
    }
    if (slash == std::string::npos) return {};
  }
}

bool exists(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

Result<void> remove_tree(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string parent = slash == 0 ? "/" : path.substr(0, slash);
  UniqueFd directory(::open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) {
    return errno == ENOENT ? Result<void>{} : os_error(fmt::format("open '{}'", parent));
  }
  return remove_beneath(directory.get(), path.substr(slash + 1));
}

Result<UniqueFd> sealed_memory(const char* name, std::span<const char> bytes) {
  UniqueFd fd(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return os_error("create a memory file");
  BERM_TRY(write_all(fd.get(), {bytes.data(), bytes.size()}));
  constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  if (::fcntl(fd.get(), F_ADD_SEALS, kSeals) != 0) return os_error("seal a memory file");
  if (::lseek(fd.get(), 0, SEEK_SET) != 0) return os_error("rewind a memory file");
  return fd;
}

Result<ReceivedMessage> receive_with_descriptors(int socket, std::span<char> bytes) {
  constexpr std::size_t kMostFds = 64;
  iovec part{bytes.data(), bytes.size()};
  alignas(cmsghdr) char space[CMSG_SPACE(sizeof(int) * kMostFds)] = {};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = space;
  header.msg_controllen = sizeof space;
  ssize_t got = 0;
  do {
    // A peer that ended with a message of ours unread resets its end, which unix(7) tells once and
    // before what that peer said last.
    got = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  } while (got < 0 && (errno == EINTR || errno == ECONNRESET));
  if (got < 0) return os_error("receive a message");
  ReceivedMessage received{.size = static_cast<std::size_t>(got), .fds = {}};
  for (cmsghdr* rights = CMSG_FIRSTHDR(&header); rights != nullptr;
       rights = CMSG_NXTHDR(&header, rights)) {
    if (rights->cmsg_level != SOL_SOCKET || rights->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(rights) + i * sizeof fd, sizeof fd);
      received.fds.emplace_back(fd);
    }
  }
  return received;
}

}  // namespace berm
