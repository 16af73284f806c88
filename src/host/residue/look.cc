#include "host/residue/look.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/text.h"
#include "sys/beneath.h"

namespace berm::residue {
namespace {

struct CloseDirectory {
  void operator()(DIR* stream) const { ::closedir(stream); }
};

Result<Look> look(int directory, const char* name, int flags) {
  struct statx found {};
  if (::statx(directory, name, flags | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
              STATX_BASIC_STATS | STATX_MNT_ID, &found) != 0) {
    return os_error(fmt::format("look at '{}'", printable(name)));
  }
  const bool has_mount = (found.stx_mask & STATX_MNT_ID) != 0;
  return Look{
      .identity = {.device = makedev(found.stx_dev_major, found.stx_dev_minor),
                   .inode = found.stx_ino,
                   .mount = has_mount ? found.stx_mnt_id : 0,
                   .mtime = found.stx_mtime.tv_sec * 1'000'000'000 + found.stx_mtime.tv_nsec,
                   .uid = found.stx_uid,
                   .type = static_cast<std::uint32_t>(found.stx_mode & S_IFMT)},
      .size = found.stx_size,
      .mode = found.stx_mode & 07777U};
}

bool is_same_place(const ResidueIdentity& a, const ResidueIdentity& b) {
  return a.device == b.device && a.mount == b.mount;
}

void measure(int directory, const ResidueIdentity& owner, int depth, Tree& tree) {
  const auto names = names_in(directory);
  if (!names || depth > kMaxDepth) tree.obstacle = "it is too large, too deep or not readable";
  if (!tree.obstacle.empty()) return;
  for (const std::string& name : *names) {
    if (++tree.entries > kMaxEntries) tree.obstacle = "it is too large, too deep or not readable";
    const auto found = look_at(directory, name);
    if (!tree.obstacle.empty()) return;
    if (!found) continue;  // gone meanwhile
    tree.newest = std::max(tree.newest, found->identity.mtime);
    if (found->identity.uid != owner.uid) tree.obstacle = "something in it is another user's";
    if (!is_same_place(found->identity, owner)) tree.obstacle = "something is mounted in it";
    if (found->is_socket() && is_served(directory, name)) tree.obstacle = "it is in use";
    if (!tree.obstacle.empty()) return;
    if (found->is_file()) tree.size += found->size;
    if (!found->is_directory()) continue;
    const auto below = open_beneath(directory, name, O_RDONLY | O_DIRECTORY);
    if (!below) {
      tree.obstacle = "it is too large, too deep or not readable";
      return;
    }
    measure(below->get(), owner, depth + 1, tree);
  }
}

}  // namespace

bool Look::is_file() const { return identity.type == S_IFREG; }
bool Look::is_directory() const { return identity.type == S_IFDIR; }
bool Look::is_socket() const { return identity.type == S_IFSOCK; }

Result<Look> look_at(int directory, const std::string& relative) {
  if (relative.empty()) return look(directory, "", AT_EMPTY_PATH);
  const UniqueFd parent =
      BERM_TRY(open_beneath(directory, parent_of(relative), O_PATH | O_DIRECTORY));
  return look(parent.get(), last_component(relative).c_str(), 0);
}

Result<std::vector<std::string>> names_in(int directory) {
  UniqueFd again(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!again) return os_error("open a directory");
  const std::unique_ptr<DIR, CloseDirectory> stream(::fdopendir(again.get()));
  if (!stream) return os_error("read a directory");
  (void)again.release();
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr && errno != 0) return os_error("read a directory");
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (names.size() == kMaxEntries) {
      return failure(Errc::unsupported, fmt::format("list more than {} names", kMaxEntries));
    }
    names.emplace_back(name);
  }
  std::ranges::sort(names);
  return names;
}

Result<std::string> read_content(int directory, const std::string& relative, const Look& found,
                                 End end) {
  if (!found.is_file()) return failure(Errc::denied, "read what is no plain file");
  // Not blocking: a fifo may have taken the file's place.
  const UniqueFd fd = BERM_TRY(open_beneath(directory, relative, O_RDONLY | O_NONBLOCK));
  const Look opened = BERM_TRY(look_at(fd.get(), ""));
  if (opened.identity != found.identity) {
    return failure(Errc::denied, "read a file that was replaced meanwhile");
  }
  const bool skip = end == End::last && opened.size > kMaxContent;
  auto at = static_cast<off_t>(skip ? opened.size - kMaxContent : 0);
  std::string content(kMaxContent, '\0');
  std::size_t filled = 0;
  while (filled < content.size()) {
    const ssize_t got = ::pread(fd.get(), content.data() + filled, content.size() - filled, at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return os_error("read a file");
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
    at += got;
  }
  content.resize(filled);
  return content;
}

Tree measure_tree(int directory, const std::string& relative, const Look& top) {
  Tree tree{.entries = 1, .size = top.is_file() ? top.size : 0, .newest = top.identity.mtime};
  if (!top.is_directory()) return tree;
  const auto opened = open_beneath(directory, relative, O_RDONLY | O_DIRECTORY);
  if (!opened) {
    tree.obstacle = "it is too large, too deep or not readable";
    return tree;
  }
  measure(opened->get(), top.identity, 0, tree);
  return tree;
}

bool is_served(int directory, const std::string& relative) {
  const auto node = open_beneath(directory, relative, O_PATH);
  if (!node) return true;
  const UniqueFd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!client) return true;
  // By the descriptor: the name could be a link to somebody else's socket by now, and
  // /proc/net/unix lists one network name space only.
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = fmt::format("/proc/self/fd/{}", node->get());
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int done =
      ::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  return done == 0 || errno != ECONNREFUSED;  // EPROTOTYPE, EAGAIN: somebody is there
}

Result<Removal> empty_tree(int directory, const ResidueIdentity& owner, int depth) {
  if (depth > kMaxDepth) return failure(Errc::denied, "remove a tree that is too deep");
  Removal removed;
  for (const std::string& name : BERM_TRY(names_in(directory))) {
    const Look found = BERM_TRY(look_at(directory, name));
    if (found.identity.uid != owner.uid || !is_same_place(found.identity, owner)) {
      return failure(Errc::denied,
                     fmt::format("remove '{}': it is another user's, or mounted", printable(name)));
    }
    if (found.is_directory()) {
      const UniqueFd below = BERM_TRY(open_beneath(directory, name, O_RDONLY | O_DIRECTORY));
      const Removal inside = BERM_TRY(empty_tree(below.get(), owner, depth + 1));
      removed.entries += inside.entries;
      removed.bytes += inside.bytes;
    }
    if (::unlinkat(directory, name.c_str(), found.is_directory() ? AT_REMOVEDIR : 0) != 0) {
      return os_error(fmt::format("remove '{}'", printable(name)));
    }
    ++removed.entries;
    if (found.is_file()) removed.bytes += found.size;
  }
  return removed;
}

}  // namespace berm::residue
