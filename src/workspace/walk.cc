#include "workspace/walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "record/sha256.h"
#include "sys/beneath.h"
#include "workspace/file_state.h"
#include "workspace/git.h"
#include "workspace/private_git.h"

namespace berm {
namespace {

bool is_whiteout(const struct stat& status) {
  return S_ISCHR(status.st_mode) && major(status.st_rdev) == 0 && minor(status.st_rdev) == 0;
}

bool is_later(const timespec& a, const timespec& b) {
  return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

bool is_opaque(int directory) {
  char value[8];
  for (const char* name : {"user.overlay.opaque", "trusted.overlay.opaque"}) {
    const ssize_t length = ::fgetxattr(directory, name, value, sizeof value);
    if (length == 1 && (value[0] == 'y' || value[0] == 'x')) return value[0] == 'y';
  }
  return false;
}

bool has_own_base(WorkspaceMode mode) {
  return mode == WorkspaceMode::worktree || mode == WorkspaceMode::direct;
}

bool is_overlay(WorkspaceMode mode) {
  return mode == WorkspaceMode::overlay || mode == WorkspaceMode::worktree;
}

Result<bool> is_git_directory(int root, const std::string& path) {
  if (path.empty()) return false;  // the repository itself, whose .git comes first
  for (const char* name : {"/HEAD", "/objects", "/refs"}) {
    if (!BERM_TRY(stat_beneath(root, path + name)).found) return false;
  }
  return true;
}

// Compares the layer that the agent wrote with what lay below it.
class ChangeWalk {
 public:
  ChangeWalk(const WalkPlace& place, int base)
      : place_(place), base_(base), hidden_(place.hidden.begin(), place.hidden.end()) {}

  // `layer` is an overlay's upper directory, or a whole tree (then what is missing was deleted).
  Result<void> walk(int layer, const std::string& path, bool base_is_directory, bool whole);

  std::vector<Change> take() {
    std::ranges::sort(changes_, {}, &Change::path);
    return std::move(changes_);
  }

 private:
  [[nodiscard]] bool is_hidden(const std::string& path) const { return hidden_.contains(path); }
  Result<Found> base_at(const std::string& path) const {
    if (is_hidden(path)) return Found{};
    return stat_beneath(base_, path);
  }
  Result<void> compare(int layer, const std::string& name, const std::string& path,
                       const struct stat& now, bool base_is_directory);
  Result<void> deleted(const std::string& path, const struct stat& before);
  Result<void> deleted_below(int directory, const std::string& path,
                             const std::set<std::string>& kept);
  Result<void> fill_before(Change& change, const struct stat& before);
  Result<bool> may_have_moved_in(const std::string& path) const;
  Result<void> note_case_twins(const std::string& path, bool base_is_directory,
                               const std::vector<Entry>& names, std::size_t first);

  const WalkPlace& place_;
  int base_;
  std::set<std::string> hidden_;
  std::vector<Change> changes_;
};

std::string below(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + "/" + name;
}

Result<void> ChangeWalk::fill_before(Change& change, const struct stat& before) {
  change.before = state_of(before);
  // A base of our own changes with nobody; the import compares its content with the host's file.
  change.host_changed = !has_own_base(place_.mode) && is_later(before.st_ctim, place_.started);
  if (change.before.type == FileType::symlink) {
    change.before.link = BERM_TRY(read_link_beneath(base_, change.path));
  }
  if (change.before.type != FileType::regular) return {};
  const UniqueFd parent =
      BERM_TRY(open_beneath(base_, parent_of(change.path), O_PATH | O_DIRECTORY));
  Content content = BERM_TRY(
      read_content(parent.get(), last_component(change.path), Unlock::no, place_.text_limit));
  change.before.sha256 = std::move(content.sha256);
  change.base_text = std::move(content.text);
  return {};
}

// A file that was moved in with its directory keeps its own ctime; the directory's tells (rename(2)
// sets it). The agent never saw such a file, so its absence is no deletion of the agent's.
Result<bool> ChangeWalk::may_have_moved_in(const std::string& path) const {
  if (has_own_base(place_.mode)) return false;
  for (std::string at = parent_of(path); !at.empty(); at = parent_of(at)) {
    const Found found = BERM_TRY(stat_beneath(base_, at));
    if (!found.found || is_later(found.status.st_ctim, place_.started)) return true;
  }
  return false;
}

Result<void> ChangeWalk::deleted(const std::string& path, const struct stat& before) {
  // Sockets, fifos and devices are no part of a repository, and a clone leaves them out.
  if (!S_ISDIR(before.st_mode) && !S_ISREG(before.st_mode) && !S_ISLNK(before.st_mode)) return {};
  if (S_ISDIR(before.st_mode)) {
    const UniqueFd directory = BERM_TRY(open_beneath(base_, path, O_RDONLY | O_DIRECTORY));
    return deleted_below(directory.get(), path, {});
  }
  Change change{.path = path, .kind = ChangeKind::deleted};
  BERM_TRY(fill_before(change, before));
  if (BERM_TRY(may_have_moved_in(path))) change.host_changed = true;
  changes_.push_back(std::move(change));
  return {};
}

Result<void> ChangeWalk::deleted_below(int directory, const std::string& path,
                                       const std::set<std::string>& kept) {
  for (const Entry& entry : BERM_TRY(list_directory(directory))) {
    const std::string full = below(path, entry.name);
    if (kept.contains(entry.name) || is_hidden(full) || full == ".git") continue;
    const Found found = BERM_TRY(base_at(full));
    if (found.found) BERM_TRY(deleted(full, found.status));
  }
  return {};
}

Result<void> ChangeWalk::compare(int layer, const std::string& name, const std::string& path,
                                 const struct stat& now, bool base_is_directory) {
  const Found base = base_is_directory ? BERM_TRY(base_at(path)) : Found{};
  Change change{.path = path, .after = state_of(now)};
  if (change.after.type == FileType::symlink) {
    change.after.link = BERM_TRY(read_link_beneath(layer, name));
  }
  if (change.after.type == FileType::regular) {
    Content content = BERM_TRY(read_content(layer, name, Unlock::yes, place_.text_limit));
    change.after.sha256 = std::move(content.sha256);
    change.text = std::move(content.text);
    change.binary = content.binary;
  }
  if (!base.found) {
    changes_.push_back(std::move(change));
    return {};
  }
  if (S_ISDIR(base.status.st_mode)) {  // a file in the place of a directory
    BERM_TRY(deleted(path, base.status));
    changes_.push_back(std::move(change));
    return {};
  }
  BERM_TRY(fill_before(change, base.status));
  const bool same_content = change.before.type == change.after.type &&
                            change.before.sha256 == change.after.sha256 &&
                            change.before.link == change.after.link;
  // Links have no mode of their own; and git knows only the executable bit of a file, but setuid
  // matters.
  const bool same_mode =
      change.after.type == FileType::symlink || change.before.mode == change.after.mode;
  if (same_content && same_mode) return {};  // copied up, then left as it was
  change.kind = change.before.type != change.after.type ? ChangeKind::type_changed
                : same_content                          ? ChangeKind::mode_changed
                                                        : ChangeKind::modified;
  changes_.push_back(std::move(change));
  return {};
}

Result<void> ChangeWalk::note_case_twins(const std::string& path, bool base_is_directory,
                                         const std::vector<Entry>& names, std::size_t first) {
  const bool any_added =
      std::ranges::any_of(changes_.begin() + static_cast<std::ptrdiff_t>(first), changes_.end(),
                          [](const Change& change) { return change.kind == ChangeKind::added; });
  if (!any_added) return {};
  std::multimap<std::string, std::string> folded;
  for (const Entry& entry : names) folded.emplace(lower(entry.name), entry.name);
  if (base_is_directory) {
    const Result<UniqueFd> base = open_beneath(base_, path, O_RDONLY | O_DIRECTORY);
    if (base) {
      for (const Entry& entry : BERM_TRY(list_directory(base->get()))) {
        folded.emplace(lower(entry.name), entry.name);
      }
    }
  }
  for (std::size_t i = first; i < changes_.size(); ++i) {
    Change& change = changes_[i];
    if (change.kind != ChangeKind::added || parent_of(change.path) != path) continue;
    const std::string name = last_component(change.path);
    const auto [begin, end] = folded.equal_range(lower(name));
    for (auto twin = begin; twin != end; ++twin) {
      if (twin->second != name) change.case_twin = twin->second;
    }
  }
  return {};
}

Result<void> ChangeWalk::walk(int layer, const std::string& path, bool base_is_directory,
                              bool whole) {
  // Bounds of the walk itself: a hostile tree must not cost more than the refusal it earns.
  constexpr std::size_t kMostChanges = 100000;
  constexpr std::ptrdiff_t kDeepest = 256;
  if (changes_.size() > kMostChanges) {
    return failure(Errc::denied, fmt::format("judge more than {} changes", kMostChanges));
  }
  const bool git_directory = base_is_directory && BERM_TRY(is_git_directory(base_, path));
  if (std::ranges::count(path, '/') > kDeepest) {
    return failure(Errc::denied, fmt::format("judge directories deeper than {}", kDeepest));
  }
  const std::vector<Entry> entries = BERM_TRY(list_directory(layer));
  const std::size_t first = changes_.size();
  std::set<std::string> kept;
  for (const Entry& entry : entries) {
    const std::string full = below(path, entry.name);
    if (full == ".git") continue;  // the mount point of the private git directory
    if (place_.mode == WorkspaceMode::direct && is_hidden(full))
      continue;  // covered inside: nobody wrote there
    struct stat status {};
    if (::fstatat(layer, entry.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      return os_error(fmt::format("look at '{}'", full));
    }
    kept.insert(entry.name);
    if (is_whiteout(status)) {
      const Found base = base_is_directory ? BERM_TRY(base_at(full)) : Found{};
      if (base.found) BERM_TRY(deleted(full, base.status));
    } else if (S_ISDIR(status.st_mode)) {
      const UniqueFd child = BERM_TRY(open_own_directory(layer, entry.name));
      const Found base = base_is_directory ? BERM_TRY(base_at(full)) : Found{};
      const bool over_directory = base.found && S_ISDIR(base.status.st_mode);
      if (base.found && !over_directory) BERM_TRY(deleted(full, base.status));
      BERM_TRY(walk(child.get(), full, over_directory, whole || is_opaque(child.get())));
    } else {
      BERM_TRY(compare(layer, entry.name, full, status, base_is_directory));
    }
  }
  if (whole && base_is_directory) {
    const UniqueFd base = BERM_TRY(open_beneath(base_, path, O_RDONLY | O_DIRECTORY));
    BERM_TRY(deleted_below(base.get(), path, kept));
  }
  for (std::size_t i = first; git_directory && i < changes_.size(); ++i) {
    changes_[i].in_git_directory = true;
  }
  return note_case_twins(path, base_is_directory, entries, first);
}

// Asks the base's ignore rules, not the agent's: its own .gitignore must not hide its own files.
void mark_ignored(const WalkPlace& place, std::vector<Change>& changes) {
  if (place.mode == WorkspaceMode::direct) return;  // live already: nothing is "never imported"
  std::string input;
  for (const Change& change : changes) input += change.path + '\0';
  if (input.empty()) return;
  const GitInvocation where{.directory = place.repository.str(), .input = input};
  const Result<CommandResult> asked = run_git(where, {"check-ignore", "-z", "--stdin"});
  // 1 = none is ignored. A failure leaves everything judged, which is the strict side.
  if (!asked || asked->code != 0) return;
  std::set<std::string_view> ignored;
  for (const std::string_view path : split(asked->output, '\0')) ignored.insert(path);
  for (Change& change : changes) change.ignored = ignored.contains(change.path);
}

Result<std::vector<RefChange>> changed_references(const WalkPlace& place) {
  std::vector<RefChange> out;
  if (place.git == GitHistory::none) return out;
  // The references as they were handed over, kept beside the changes.
  const std::map<std::string, std::string> before =
      BERM_TRY(read_references(place.run_directory + "/base-git"));
  const std::map<std::string, std::string> after =
      BERM_TRY(read_references(place.run_directory + "/changes/git"));
  for (const auto& [name, id] : after) {
    const auto old = before.find(name);
    if (id.size() != 40 && id.size() != 64)
      continue;  // no object id: git would refuse it in the middle of an import
    if (old == before.end() || old->second != id) {
      out.push_back({name, old == before.end() ? "" : old->second, id});
    }
  }
  // Commits on a detached HEAD have no reference of their own.
  const Result<std::string> head = read_plain_file(place.run_directory + "/changes/git/HEAD", 4096);
  if (head && is_hex(trim(*head)) && trim(*head) != place.base_commit) {
    out.push_back({"refs/detached/HEAD", "", std::string(trim(*head))});
  }
  for (const auto& [name, id] : before) {
    if (!after.contains(name)) out.push_back({name, id, ""});
  }
  return out;
}

// HEAD and the references of a git directory as one text. Reads files only.
Result<std::string> tips_of(const std::string& git_dir) {
  std::string out = BERM_TRY(read_plain_file(git_dir + "/HEAD", 4096));
  for (const auto& [name, id] : BERM_TRY(read_references(git_dir))) {
    out += fmt::format("{} {}\n", id, name);
  }
  return out;
}

// Inner repositories whose references are no longer what they were, by their place in the
// workspace.
Result<std::vector<std::string>> changed_inner(const WalkPlace& place) {
  std::vector<std::string> out;
  for (std::size_t i = 0;; ++i) {
    const std::string base = fmt::format("{}/base-git/inner-{}", place.run_directory, i);
    if (!exists(base)) return out;
    const std::string at = BERM_TRY(read_plain_file(base + "/at"));
    const std::string now = inner_git_directory(place.run_directory + "/changes", at, i);
    const Result<std::string> after = tips_of(now);
    if (!after || *after != BERM_TRY(tips_of(base))) out.push_back(at);
  }
}

std::string digest_of(const Changes& changes) {
  std::string all;
  for (const Change& change : changes.files) {
    // Sizes in front of free text, so that no two different lists read alike.
    all += fmt::format("{} {} {:o} {} {} {}:{} {}:{}\n", name_of(change.kind),
                       name_of(change.after.type), change.after.mode, change.after.sha256,
                       change.ignored ? "ignored" : "", change.path.size(), change.path,
                       change.after.link.size(), change.after.link);
  }
  for (const RefChange& ref : changes.refs) {
    all += fmt::format("ref {}:{} {} {}\n", ref.name.size(), ref.name, ref.before, ref.after);
  }
  return sha256_hex(all);
}

}  // namespace

std::string layer_path(const WalkPlace& place) {
  if (place.mode == WorkspaceMode::direct) return place.repository.str();
  return place.run_directory + (is_overlay(place.mode) ? "/changes/upper" : "/changes/tree");
}

std::string baseline_path(const WalkPlace& place) {
  return has_own_base(place.mode) ? place.run_directory + "/base" : place.repository.str();
}

Result<bool> is_in_git_directory(int root, const std::string& path) {
  for (std::string at = parent_of(path); !at.empty(); at = parent_of(at)) {
    if (BERM_TRY(is_git_directory(root, at))) return true;
  }
  return false;
}

Result<FileState> host_state(int root, const std::string& path) {
  const Found found = BERM_TRY(stat_beneath(root, path));
  if (!found.found) return FileState{};
  FileState state = state_of(found.status);
  if (state.type == FileType::symlink) state.link = BERM_TRY(read_link_beneath(root, path));
  if (state.type == FileType::regular) {
    const UniqueFd parent = BERM_TRY(open_beneath(root, parent_of(path), O_PATH | O_DIRECTORY));
    const Content content =
        BERM_TRY(read_content(parent.get(), last_component(path), Unlock::no, 0));
    state.sha256 = content.sha256;
  }
  return state;
}

Result<Changes> walk_changes(const WalkPlace& place) {
  Result<UniqueFd> repository =
      open_file(place.repository.str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!repository) {
    return failure(Errc::denied, fmt::format("find the baseline: the repository '{}' is gone",
                                             place.repository.str()));
  }
  struct stat root {};
  // Another directory under the same name is another baseline.
  if (::fstat(repository->get(), &root) != 0 || root.st_dev != place.device ||
      root.st_ino != place.inode) {
    return failure(Errc::denied,
                   fmt::format("find the baseline: '{}' is not the directory the run began in",
                               place.repository.str()));
  }
  Result<UniqueFd> base = open_file(baseline_path(place), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!base) {
    return failure(Errc::denied,
                   fmt::format("find the baseline of the run at '{}'", baseline_path(place)));
  }
  const bool overlay = is_overlay(place.mode);
  Result<UniqueFd> layer = open_file(layer_path(place), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!layer) {
    return failure(Errc::denied,
                   fmt::format("find the changes of the run at '{}'", layer_path(place)));
  }
  ChangeWalk walk(place, base->get());
  BERM_TRY(in_context("walking the changes",
                      walk.walk(layer->get(), "", true, !overlay || is_opaque(layer->get()))));
  Changes changes{.files = walk.take()};
  mark_ignored(place, changes.files);
  changes.refs = BERM_TRY(changed_references(place));
  changes.inner_commits = BERM_TRY(changed_inner(place));
  changes.digest = digest_of(changes);
  return changes;
}

}  // namespace berm
