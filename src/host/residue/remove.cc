#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "host/residue.h"
#include "host/residue/git_settings.h"
#include "host/residue/look.h"
#include "sys/beneath.h"

namespace berm {
namespace residue {
namespace {

/// What is to go: a name in a directory that is held open.
struct Target {
  UniqueFd parent;
  std::string name;
  Look look;
};

// The same object as when it was found, in a directory that is not somebody else's to swap.
Result<Target> reach(const Residue& residue) {
  const UniqueFd root = BERM_TRY(open_file(residue.root, O_PATH | O_DIRECTORY));
  Target target{.parent = BERM_TRY(
                    open_beneath(root.get(), parent_of(residue.relative), O_PATH | O_DIRECTORY)),
                .name = last_component(residue.relative),
                .look = {}};
  target.look = BERM_TRY(look_at(target.parent.get(), target.name));
  const Look top = BERM_TRY(look_at(root.get(), ""));
  const Look parent = BERM_TRY(look_at(target.parent.get(), ""));
  if (target.look.identity != residue.identity) {
    return failure(Errc::denied, "remove what changed since it was found", "look again");
  }
  // The root itself may be somebody else's: /tmp is root's, and sticky.
  const bool foreign = target.look.identity.uid != ::geteuid() ||
                       (parent.identity.uid != ::geteuid() && parent.identity != top.identity);
  if (foreign) return failure(Errc::denied, "remove what is another user's");
  if (target.look.identity.device != top.identity.device ||
      target.look.identity.mount != top.identity.mount) {
    return failure(Errc::denied, "remove what lies on another mount");
  }
  return target;
}

Result<Removal> remove_object(const Target& target) {
  const Tree tree = measure_tree(target.parent.get(), target.name, target.look);
  if (!tree.obstacle.empty()) {
    return failure(Errc::denied, fmt::format("remove it: {}", tree.obstacle));
  }
  if (target.look.is_socket() && is_served(target.parent.get(), target.name)) {
    return failure(Errc::denied, "remove a socket that is in use");
  }
  Removal removed;
  if (target.look.is_directory()) {
    const UniqueFd inside =
        BERM_TRY(open_beneath(target.parent.get(), target.name, O_RDONLY | O_DIRECTORY));
    const Look opened = BERM_TRY(look_at(inside.get(), ""));
    if (opened.identity.inode != target.look.identity.inode) {
      return failure(Errc::denied, "remove what changed since it was found", "look again");
    }
    removed = BERM_TRY(empty_tree(inside.get(), target.look.identity));
  }
  // Between the look and this call the name may be given to something else of whoever may rename
  // here; unlinking that he could do himself, and no link is followed.
  const int flags = target.look.is_directory() ? AT_REMOVEDIR : 0;
  if (::unlinkat(target.parent.get(), target.name.c_str(), flags) != 0) {
    return os_error(fmt::format("remove '{}'", printable(target.name)));
  }
  removed.entries += 1;
  removed.bytes += target.look.is_file() ? target.look.size : 0;
  return removed;
}

/// git's lock of a configuration file: as long as it is there, no git writes the file. What is
/// written to it takes the file's place by commit().
class ConfigLock {
 public:
  [[nodiscard]] static Result<ConfigLock> take(const Target& target) {
    const std::string name = target.name + ".lock";
    Result<UniqueFd> fd = open_beneath(target.parent.get(), name, O_WRONLY | O_CREAT | O_EXCL,
                                       target.look.mode & 0777);
    if (!fd)
      return in_context("taking git's lock of the file",
                        Result<ConfigLock>(tl::unexpected(fd.error())));
    return ConfigLock(target, std::move(*fd));
  }
  ConfigLock(ConfigLock&& other) noexcept : target_(other.target_), fd_(std::move(other.fd_)) {}
  ConfigLock& operator=(ConfigLock&&) = delete;
  ~ConfigLock() {
    if (fd_) ::unlinkat(target_.parent.get(), lock_name().c_str(), 0);
  }

  [[nodiscard]] Result<void> commit(const std::string& content) {
    BERM_TRY(write_all(fd_.get(), content));
    if (::fchmod(fd_.get(), target_.look.mode & 0777) != 0) return os_error("set a file's mode");
    if (::fsync(fd_.get()) != 0) return os_error("flush a file");
    const Look now = BERM_TRY(look_at(target_.parent.get(), target_.name));
    if (now.identity != target_.look.identity) {
      return failure(Errc::denied, "edit what changed meanwhile", "look again");
    }
    // rename(2) replaces the name: a link that got there this instant is replaced, not followed.
    if (::renameat(target_.parent.get(), lock_name().c_str(), target_.parent.get(),
                   target_.name.c_str()) != 0) {
      return os_error("replace git's configuration");
    }
    fd_.reset();
    return {};
  }

 private:
  ConfigLock(const Target& target, UniqueFd fd) : target_(target), fd_(std::move(fd)) {}
  [[nodiscard]] std::string lock_name() const { return target_.name + ".lock"; }

  const Target& target_;
  UniqueFd fd_;
};

Result<Removal> remove_settings(const Target& target, const std::vector<std::string>& names) {
  ConfigLock lock = BERM_TRY(ConfigLock::take(target));
  const std::string content = BERM_TRY(read_content(target.parent.get(), target.name, target.look));
  const std::string edited = BERM_TRY(without_settings(content, names));
  BERM_TRY(lock.commit(edited));
  const std::size_t gone = content.size() - std::min(content.size(), edited.size());
  return Removal{.entries = names.size(), .bytes = gone};
}

}  // namespace
}  // namespace residue

Result<Removal> remove_residue(const Residue& found) {
  const std::string context = fmt::format("removing '{}'", printable(found.path));
  if (found.remedy == Remedy::by_hand || found.relative.empty()) {
    return in_context(context,
                      Result<Removal>(failure(Errc::denied, "remove it safely", found.how)));
  }
  const Result<residue::Target> target = residue::reach(found);
  if (!target) return in_context(context, Result<Removal>(tl::unexpected(target.error())));
  return in_context(context, found.settings.empty()
                                 ? residue::remove_object(*target)
                                 : residue::remove_settings(*target, found.settings));
}

}  // namespace berm
