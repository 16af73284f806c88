#include "sys/beneath.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <memory>

namespace berm {
namespace {

struct CloseDirectory {
  void operator()(DIR* stream) const { ::closedir(stream); }
};

// ELOOP: a link stands where a directory would have to; nothing is beneath it.
bool is_missing(int error) { return error == ENOENT || error == ENOTDIR || error == ELOOP; }

// An agent may leave directories without rights; overlayfs leaves work/work with mode 000. If the
// change fails, opening the directory fails next and says so.
void make_accessible(int directory, const std::string& name) {
  [[maybe_unused]] const int changed = ::fchmodat(directory, name.c_str(), 0700, 0);
}

// Empties `directory`. Sub-directories of a sub-directory are moved up to it first, so that depth
// costs neither stack nor descriptors: an agent can nest deeper than both.
Result<void> empty_directory(int directory, dev_t device) {
  std::uint64_t moved = 0;
  for (bool again = true; again;) {
    again = false;
    for (const Entry& entry : BERM_TRY(list_directory(directory))) {
      if (::unlinkat(directory, entry.name.c_str(), 0) == 0 || errno == ENOENT) continue;
      struct stat status {};
      if (::fstatat(directory, entry.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
      if (!S_ISDIR(status.st_mode)) return os_error(fmt::format("remove '{}'", entry.name), EPERM);
      if (status.st_dev != device) return os_error("remove a mount point", EXDEV);
      make_accessible(directory, entry.name);
      const UniqueFd child(
          ::openat(directory, entry.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!child) return os_error(fmt::format("open '{}'", entry.name));
      for (const Entry& below : BERM_TRY(list_directory(child.get()))) {
        if (::unlinkat(child.get(), below.name.c_str(), 0) == 0) continue;
        make_accessible(child.get(), below.name);  // moving a directory writes its ".."
        const std::string name = fmt::format(".berm-remove-{}-{}", ::getpid(), moved++);
        if (::renameat(child.get(), below.name.c_str(), directory, name.c_str()) != 0) {
          return os_error(fmt::format("move '{}' up", below.name));
        }
        again = true;
      }
      if (::unlinkat(directory, entry.name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) {
        return os_error(fmt::format("remove directory '{}'", entry.name));
      }
    }
  }
  return {};
}

}  // namespace

std::string last_component(const std::string& relative) {
  return relative.substr(relative.rfind('/') + 1);
}

std::string parent_of(const std::string& relative) {
  const std::size_t slash = relative.rfind('/');
  return slash == std::string::npos ? "" : relative.substr(0, slash);
}

Result<UniqueFd> open_beneath(int directory, const std::string& relative, int flags,
                              unsigned mode) {
  // PATH_MAX bounds a path, not a tree: a longer way is gone in parts.
  const std::size_t cut =
      relative.size() < PATH_MAX ? std::string::npos : relative.rfind('/', PATH_MAX - 2);
  if (cut != std::string::npos) {
    const UniqueFd part =
        BERM_TRY(open_beneath(directory, relative.substr(0, cut), O_PATH | O_DIRECTORY));
    return open_beneath(part.get(), relative.substr(cut + 1), flags, mode);
  }
  open_how how{};
  how.flags = static_cast<unsigned>(flags | O_CLOEXEC | O_NOFOLLOW);
  how.mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? mode : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const char* path = relative.empty() ? "." : relative.c_str();
  for (;;) {
    UniqueFd fd(static_cast<int>(::syscall(SYS_openat2, directory, path, &how, sizeof how)));
    if (fd) return fd;
    // EAGAIN: a rename raced with the check for "..", the kernel asks to try again (openat2(2)).
    if (errno != EAGAIN && errno != EINTR) return os_error(fmt::format("open '{}'", relative));
  }
}

Result<Found> stat_beneath(int directory, const std::string& relative) {
  Result<UniqueFd> parent = open_beneath(directory, parent_of(relative), O_PATH | O_DIRECTORY);
  if (!parent && is_missing(parent.error().os_errno)) return Found{};
  if (!parent) return tl::unexpected(parent.error());
  Found found;
  if (::fstatat(parent->get(), last_component(relative).c_str(), &found.status,
                AT_SYMLINK_NOFOLLOW) == 0) {
    found.found = true;
    return found;
  }
  if (is_missing(errno)) return found;
  return os_error(fmt::format("look at '{}'", relative));
}

Result<std::string> read_link_beneath(int directory, const std::string& relative) {
  const UniqueFd parent =
      BERM_TRY(open_beneath(directory, parent_of(relative), O_PATH | O_DIRECTORY));
  char target[4096];
  const ssize_t length =
      ::readlinkat(parent.get(), last_component(relative).c_str(), target, sizeof target);
  if (length < 0) return os_error(fmt::format("read the link '{}'", relative));
  return std::string(target, static_cast<std::size_t>(length));
}

Result<std::vector<Entry>> list_directory(int directory) {
  UniqueFd again(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!again) return os_error("open a directory");
  const std::unique_ptr<DIR, CloseDirectory> stream(::fdopendir(again.get()));
  if (!stream) return os_error("read a directory");
  (void)again.release();
  std::vector<Entry> entries;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr && errno != 0) return os_error("read a directory");
    if (entry == nullptr) return entries;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") entries.push_back({std::string(name), entry->d_type});
  }
}

Result<void> remove_beneath(int directory, const std::string& name) {
  if (::unlinkat(directory, name.c_str(), 0) == 0 || errno == ENOENT) return {};
  struct stat status {};
  if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return os_error(fmt::format("look at '{}'", name));
  }
  make_accessible(directory, name);
  {
    const UniqueFd child(
        ::openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!child) return os_error(fmt::format("open '{}'", name));
    BERM_TRY(empty_directory(child.get(), status.st_dev));
  }
  if (::unlinkat(directory, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) {
    return os_error(fmt::format("remove directory '{}'", name));
  }
  return {};
}

Result<UniqueFd> make_parents_beneath(int directory, const std::string& relative, unsigned mode,
                                      const std::optional<Owner>& owner) {
  UniqueFd current = BERM_TRY(open_beneath(directory, "", O_PATH | O_DIRECTORY));
  std::string_view rest = relative;
  for (std::size_t slash = rest.find('/'); slash != std::string_view::npos;
       slash = rest.find('/')) {
    const std::string part(rest.substr(0, slash));
    const bool made = ::mkdirat(current.get(), part.c_str(), mode) == 0;
    if (!made && errno != EEXIST) return os_error(fmt::format("create directory '{}'", part));
    if (made && owner &&
        ::fchownat(current.get(), part.c_str(), owner->uid, owner->gid, AT_SYMLINK_NOFOLLOW) != 0) {
      return os_error(fmt::format("set the owner of '{}'", part));
    }
    current = BERM_TRY(open_beneath(current.get(), part, O_PATH | O_DIRECTORY));
    rest.remove_prefix(slash + 1);
  }
  return current;
}

bool rename_if_absent(int from, const std::string& name, int to, const std::string& as) {
  if (::renameat2(from, name.c_str(), to, as.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno != EINVAL || ::linkat(from, name.c_str(), to, as.c_str(), 0) != 0) return false;
  return ::unlinkat(from, name.c_str(), 0) == 0;
}

}  // namespace berm
