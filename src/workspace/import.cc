#include "workspace/import.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/text.h"
#include "sys/beneath.h"
#include "workspace/file_state.h"

namespace berm {
namespace {

using nlohmann::json;

// Bytes of a path as JSON text that survives any byte.
std::string hex_of(const std::string& path) {
  return to_hex({reinterpret_cast<const unsigned char*>(path.data()), path.size()});
}

// One import in progress. Staging: <dir>/new/N (contents to come), <dir>/old/N (what was there).
class Import {
 public:
  Import(int root, int layer, const Changes& changes) : root_(root), layer_(layer) {
    // As root: what is made belongs to the repository's owner, as if he had written it.
    struct stat status {};
    if (::geteuid() == 0 && ::fstat(root, &status) == 0) {
      owner_ = Owner{status.st_uid, status.st_gid};
    }
    for (const Change& change : changes.files) {
      if (!change.ignored) items_.push_back(&change);
    }
    // Deletions first, deepest first: a directory may have to make room for a file.
    std::ranges::stable_sort(items_, [](const Change* a, const Change* b) {
      const bool a_deletes = a->kind == ChangeKind::deleted;
      const bool b_deletes = b->kind == ChangeKind::deleted;
      if (a_deletes != b_deletes) return a_deletes;
      return a_deletes ? a->path > b->path : a->path < b->path;
    });
  }

  Result<void> verify() const;
  Result<void> stage(const std::string& directory);
  Result<void> commit();
  void roll_back();
  [[nodiscard]] ImportReport report() const {
    ImportReport out;
    for (const Change* change : items_) {
      ++(change->kind == ChangeKind::deleted ? out.deleted : out.written);
    }
    return out;
  }

 private:
  Result<void> stage_one(std::size_t index);
  Result<void> put_in_place(std::size_t index);
  void remove_empty_parents(const std::string& path) const;

  int root_;
  int layer_;
  std::optional<Owner> owner_;
  std::vector<const Change*> items_;
  UniqueFd new_;
  UniqueFd old_;
  std::size_t done_ = 0;
};

Result<void> Import::verify() const {
  for (const Change* change : items_) {
    const FileState now = BERM_TRY(host_state(root_, change->path));
    const FileState& then = change->before;
    const bool same_mode =
        then.type != FileType::regular || (now.mode & 0100) == (then.mode & 0100);
    const bool same =
        now.type == then.type && now.sha256 == then.sha256 && now.link == then.link && same_mode;
    if (same && !change->host_changed) continue;
    // A file takes the place of a directory whose content goes first; rmdir refuses if any is left.
    if (then.type == FileType::none && now.type == FileType::directory &&
        change->kind == ChangeKind::added) {
      continue;
    }
    // "Added" where the host has a file: hidden from the agent, or new since.
    return failure(
        Errc::denied,
        fmt::format("import '{}': the host {} it since the run began", printable(change->path),
                    then.type == FileType::none ? "has created (or hides)" : "has changed"),
        "nothing was imported; review with 'berm diff', import the rest with --paths");
  }
  return {};
}

Result<void> Import::stage_one(std::size_t index) {
  const Change& change = *items_[index];
  const std::string name = fmt::format("{}", index);
  if (change.kind == ChangeKind::deleted) return {};
  if (change.after.type == FileType::symlink) {
    if (::symlinkat(change.after.link.c_str(), new_.get(), name.c_str()) != 0) {
      return os_error("stage a link");
    }
    if (owner_ &&
        ::fchownat(new_.get(), name.c_str(), owner_->uid, owner_->gid, AT_SYMLINK_NOFOLLOW) != 0) {
      return os_error("set the owner of a staged link");
    }
    return {};
  }
  if (change.after.type != FileType::regular) {
    return failure(Errc::denied, fmt::format("import '{}': it is a {}", printable(change.path),
                                             name_of(change.after.type)));
  }
  const UniqueFd from_directory =
      BERM_TRY(open_beneath(layer_, parent_of(change.path), O_RDONLY | O_DIRECTORY));
  const UniqueFd from =
      BERM_TRY(open_own(from_directory.get(), last_component(change.path), Unlock::yes));
  const bool executable = (change.after.mode & 0111) != 0;
  const UniqueFd to = BERM_TRY(open_beneath(new_.get(), name, O_RDWR | O_CREAT | O_EXCL, 0600));
  char buffer[65536];
  for (;;) {
    const ssize_t got = ::read(from.get(), buffer, sizeof buffer);
    if (got < 0 && errno != EINTR) {
      return os_error(fmt::format("read '{}'", printable(change.path)));
    }
    if (got == 0) break;
    if (got > 0) BERM_TRY(write_all(to.get(), {buffer, static_cast<std::size_t>(got)}));
  }
  // What was judged is what is imported.
  const Content staged = BERM_TRY(read_content(new_.get(), name, Unlock::no, 0));
  if (staged.sha256 != change.after.sha256) {
    return failure(Errc::denied, fmt::format("import '{}': it is not what the guard judged",
                                             printable(change.path)));
  }
  // Permissions: the host file's own, else the usual ones; of the agent's mode only the x bit.
  const Found replaced = BERM_TRY(stat_beneath(root_, change.path));
  mode_t mode =
      replaced.found && S_ISREG(replaced.status.st_mode) ? replaced.status.st_mode & 0777 : 0644;
  mode = executable ? mode | ((mode & 0444) >> 2) : mode & ~0111U;
  if (::fchmod(to.get(), mode) != 0) return os_error("set the mode of a staged file");
  if (owner_ && ::fchown(to.get(), owner_->uid, owner_->gid) != 0) {
    return os_error("set the owner of a staged file");
  }
  return ::fsync(to.get()) == 0 ? Result<void>{} : os_error("flush a staged file");
}

Result<void> Import::stage(const std::string& directory) {
  BERM_TRY(make_directories(directory + "/new", 0700));
  BERM_TRY(make_directories(directory + "/old", 0700));
  new_ = BERM_TRY(open_file(directory + "/new", O_RDONLY | O_DIRECTORY));
  old_ = BERM_TRY(open_file(directory + "/old", O_RDONLY | O_DIRECTORY));
  json journal = json::array();
  for (std::size_t i = 0; i < items_.size(); ++i) {
    BERM_TRY(stage_one(i));
    journal.push_back({{"path", hex_of(items_[i]->path)},
                       {"sha256", items_[i]->after.sha256},
                       {"had", items_[i]->before.type != FileType::none},
                       {"gets", items_[i]->kind != ChangeKind::deleted}});
  }
  // From here on a crash is rolled back by whoever comes next.
  return replace_file(directory + "/journal", journal.dump());
}

Result<void> Import::put_in_place(std::size_t index) {
  const Change& change = *items_[index];
  const std::string number = fmt::format("{}", index);
  const std::string name = last_component(change.path);
  const UniqueFd parent = BERM_TRY(make_parents_beneath(root_, change.path, 0777, owner_));
  if (change.before.type != FileType::none) {
    if (::renameat(parent.get(), name.c_str(), old_.get(), number.c_str()) != 0) {
      return os_error(fmt::format("move '{}' aside", printable(change.path)));
    }
    done_ = index + 1;
    // Between the check of every path and this rename the host may have written: look at what was
    // moved.
    const FileState moved = BERM_TRY(host_state(old_.get(), number));
    if (moved.type != change.before.type || moved.sha256 != change.before.sha256 ||
        moved.link != change.before.link) {
      return failure(Errc::denied, fmt::format("import '{}': the host changed it at this moment",
                                               printable(change.path)));
    }
  }
  done_ = index + 1;
  if (change.kind == ChangeKind::deleted) return {};
  // An empty directory may be in the way where a file replaces a directory; never anything else.
  if (rename_if_absent(new_.get(), number, parent.get(), name)) {
    return {};
  }
  if (errno == EEXIST && ::unlinkat(parent.get(), name.c_str(), AT_REMOVEDIR) == 0 &&
      rename_if_absent(new_.get(), number, parent.get(), name)) {
    return {};
  }
  return os_error(fmt::format("put '{}' in place", printable(change.path)));
}

void Import::remove_empty_parents(const std::string& path) const {
  // git keeps no empty directories; rmdir refuses those that still hold something.
  for (std::string at = parent_of(path); !at.empty(); at = parent_of(at)) {
    const Result<UniqueFd> parent = open_beneath(root_, parent_of(at), O_PATH | O_DIRECTORY);
    if (!parent || ::unlinkat(parent->get(), last_component(at).c_str(), AT_REMOVEDIR) != 0) return;
  }
}

Result<void> Import::commit() {
  for (std::size_t i = 0; i < items_.size(); ++i) {
    Result<void> placed = put_in_place(i);
    if (placed && items_[i]->kind == ChangeKind::deleted) remove_empty_parents(items_[i]->path);
    if (placed) continue;
    done_ = std::max(done_, i + 1);
    roll_back();
    return in_context("importing the changes (rolled back: nothing was imported)", placed);
  }
  return {};
}

void Import::roll_back() {
  for (std::size_t i = done_; i-- > 0;) {
    const std::string number = fmt::format("{}", i);
    const Result<UniqueFd> parent = make_parents_beneath(root_, items_[i]->path, 0777, owner_);
    if (!parent) continue;
    const std::string name = last_component(items_[i]->path);
    const bool placed = items_[i]->kind != ChangeKind::deleted &&
                        ::faccessat(new_.get(), number.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) != 0;
    if (placed) ::unlinkat(parent->get(), name.c_str(), 0);
    (void)rename_if_absent(old_.get(), number, parent->get(), name);
  }
}

// In the git directory, which no agent can write to: what lies in the working tree may come from
// anybody, and a journal found there would be an order to overwrite any file.
Result<std::string> staging_directory(const HostPath& repository, const std::string& git_dir,
                                      const std::string& run_id) {
  struct stat tree {};
  struct stat git {};
  if (::stat(repository.str().c_str(), &tree) != 0 || ::stat(git_dir.c_str(), &git) != 0) {
    return os_error("look at the repository");
  }
  if (tree.st_dev != git.st_dev) {
    return failure(Errc::unsupported,
                   "import all or nothing: the working tree and its git directory lie on different "
                   "file systems",
                   "use 'berm diff --patch | git apply'");
  }
  return fmt::format("{}/berm-import-{}", git_dir, run_id);
}

bool names_git_directory(const std::string& path) {
  const std::vector<std::string_view> parts = split(path, '/');
  return std::ranges::any_of(parts, [](std::string_view part) { return lower(part) == ".git"; });
}

// True if what lies at `path` is what the interrupted import put there.
Result<bool> is_as_staged(int root, const std::string& path, const std::string& sha256) {
  const FileState now = BERM_TRY(host_state(root, path));
  return now.type == FileType::symlink || now.type == FileType::none || now.sha256 == sha256;
}

Result<void> roll_back_journal(int root, const std::string& directory) {
  // Without a journal nothing was moved yet, or everything was done.
  if (!exists(directory + "/journal")) return {};
  const std::string text = BERM_TRY(read_plain_file(directory + "/journal"));
  const json journal = json::parse(text, nullptr, false);
  if (!journal.is_array()) {
    return failure(Errc::internal, fmt::format("read the journal in '{}'", directory));
  }
  const UniqueFd fresh = BERM_TRY(open_file(directory + "/new", O_RDONLY | O_DIRECTORY));
  const UniqueFd old = BERM_TRY(open_file(directory + "/old", O_RDONLY | O_DIRECTORY));
  for (std::size_t i = journal.size(); i-- > 0;) {
    const std::string path = from_hex(journal[i].value("path", ""));
    if (!is_normal_relative(path) || names_git_directory(path)) {
      return failure(Errc::internal, fmt::format("trust the journal in '{}'", directory));
    }
    const std::string number = fmt::format("{}", i);
    const bool moved = ::faccessat(old.get(), number.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    const bool placed = journal[i].value("gets", false) &&
                        ::faccessat(fresh.get(), number.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) != 0;
    if (!moved && !placed) continue;
    if (placed && !BERM_TRY(is_as_staged(root, path, journal[i].value("sha256", "")))) {
      return failure(
          Errc::denied,
          fmt::format("undo the interrupted import of '{}': it was edited since", printable(path)),
          fmt::format("save your edit elsewhere, restore the file from '{}/old/{}', and try again",
                      directory, number));
    }
    const UniqueFd parent = BERM_TRY(make_parents_beneath(root, path, 0777, {}));
    if (placed) ::unlinkat(parent.get(), last_component(path).c_str(), 0);
    if (moved && !rename_if_absent(old.get(), number, parent.get(), last_component(path))) {
      return os_error(fmt::format("restore '{}'", printable(path)));
    }
  }
  return {};
}

// The journal goes first and for good: whoever comes after a crash in here must not undo a finished
// import.
Result<void> finish_staging(const std::string& directory) {
  BERM_TRY(remove_tree(directory + "/journal"));
  const UniqueFd fd = BERM_TRY(open_file(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  if (::fsync(fd.get()) != 0) return os_error("flush the staging directory");
  return remove_tree(directory);
}

}  // namespace

Result<void> remove_special_modes(const WalkPlace& place, const Changes& changes) {
  const UniqueFd root = BERM_TRY(open_file(place.repository.str(), O_RDONLY | O_DIRECTORY));
  for (const Change& change : changes.files) {
    if (change.after.type != FileType::regular || (change.after.mode & 06000) == 0) continue;
    const UniqueFd parent =
        BERM_TRY(open_beneath(root.get(), parent_of(change.path), O_RDONLY | O_DIRECTORY));
    // fchmodat follows a last link; nobody of the run is left who could put one there.
    if (::fchmodat(parent.get(), last_component(change.path).c_str(), change.after.mode & 01777,
                   0) != 0) {
      return os_error(fmt::format("take the setuid bit off '{}'", printable(change.path)));
    }
  }
  return {};
}

Result<bool> recover_import(const HostPath& repository, const std::string& git_dir) {
  bool any = false;
  const UniqueFd root = BERM_TRY(open_file(repository.str(), O_RDONLY | O_DIRECTORY));
  const UniqueFd directory = BERM_TRY(open_file(git_dir, O_RDONLY | O_DIRECTORY));
  for (const Entry& entry : BERM_TRY(list_directory(directory.get()))) {
    if (!entry.name.starts_with("berm-import-")) continue;
    const std::string staging = git_dir + "/" + entry.name;
    BERM_TRY(
        in_context("rolling back an interrupted import", roll_back_journal(root.get(), staging)));
    BERM_TRY(finish_staging(staging));
    any = true;
  }
  return any;
}

Result<ImportReport> import_changes(const WalkPlace& place, const Changes& changes,
                                    const std::string& git_dir, const std::string& run_id) {
  // One import at a time; the lock goes with the process, whatever happens to it.
  const UniqueFd lock = BERM_TRY(open_file(git_dir, O_RDONLY | O_DIRECTORY));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return failure(Errc::denied, "import: another import into this repository is running");
  }
  BERM_TRY(recover_import(place.repository, git_dir));
  const UniqueFd root = BERM_TRY(open_file(place.repository.str(), O_RDONLY | O_DIRECTORY));
  const UniqueFd layer = BERM_TRY(open_file(layer_path(place), O_RDONLY | O_DIRECTORY));
  Import import(root.get(), layer.get(), changes);
  BERM_TRY(import.verify());
  const std::string staging = BERM_TRY(staging_directory(place.repository, git_dir, run_id));
  Result<void> result = import.stage(staging);
  if (result) result = import.commit();
  const Result<void> finished = finish_staging(staging);
  if (!result) return tl::unexpected(result.error());
  BERM_TRY(finished);
  return import.report();
}

}  // namespace berm
