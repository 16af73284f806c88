#include "workspace/prepare.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "sys/beneath.h"
#include "sys/fd.h"
#include "workspace/checkout.h"
#include "workspace/private_git.h"

namespace berm {
namespace {

Result<void> copy_file(int from, int to, const std::string& name, const struct stat& status) {
  const UniqueFd source = BERM_TRY(open_beneath(from, name, O_RDONLY | O_NONBLOCK));
  const UniqueFd target =
      BERM_TRY(open_beneath(to, name, O_WRONLY | O_CREAT | O_EXCL, status.st_mode & 0777));
  BERM_TRY(in_context(fmt::format("copying '{}'", name), copy_content(source.get(), target.get())));
  // Same times: the copied index stays warm.
  const timespec times[2] = {status.st_atim, status.st_mtim};
  if (::futimens(target.get(), times) != 0) {
    return os_error(fmt::format("set the time of '{}'", name));
  }
  if (::fchmod(target.get(), status.st_mode & 0777) != 0) {
    return os_error(fmt::format("set the mode of '{}'", name));
  }
  return {};
}

// What the repository's owner could not read, the agent shall not either, though root copies it.
bool is_readable_by(const RepositoryFacts& repository, const struct stat& status) {
  const mode_t wanted = S_ISDIR(status.st_mode) ? 05 : 04;
  const int shift = status.st_uid == repository.owner   ? 6
                    : status.st_gid == repository.group ? 3
                                                        : 0;
  return repository.owner == 0 || ((status.st_mode >> shift) & wanted) == wanted;
}

bool is_passable(const Error& error) {
  return error.os_errno == EACCES || error.os_errno == ENOENT;
}

struct TreeCopy {
  const RepositoryFacts& repository;
  std::set<std::string> hidden;
  std::string left_out;  ///< paths, each ended by NUL
};

// Copies files, directories and links; what a checkout cannot hold (sockets, devices) is left out,
// and so is what cannot be read, or goes away meanwhile.
Result<void> copy_tree(int from, int to, const std::string& path, TreeCopy& copying) {
  for (const Entry& entry : BERM_TRY(list_directory(from))) {
    const std::string full = path.empty() ? entry.name : path + "/" + entry.name;
    if (full == ".git" || copying.hidden.contains(full)) continue;
    struct stat status {};
    if (::fstatat(from, entry.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (S_ISLNK(status.st_mode)) {
      const Result<std::string> link = read_link_beneath(from, entry.name);
      if (link && ::symlinkat(link->c_str(), to, entry.name.c_str()) != 0) {
        return os_error(fmt::format("copy '{}'", full));
      }
    } else if (!is_readable_by(copying.repository, status)) {
      copying.left_out += full + '\0';
    } else if (S_ISREG(status.st_mode)) {
      Result<void> copied = copy_file(from, to, entry.name, status);
      if (!copied && !is_passable(copied.error())) {
        return in_context("cloning the workspace", copied);
      }
      if (!copied) copying.left_out += full + '\0';
    } else if (S_ISDIR(status.st_mode)) {
      const Result<UniqueFd> below = open_beneath(from, entry.name, O_RDONLY | O_DIRECTORY);
      if (!below && !is_passable(below.error())) return tl::unexpected(below.error());
      if (!below) {
        copying.left_out += full + '\0';
        continue;
      }
      if (::mkdirat(to, entry.name.c_str(), 0700) != 0) {
        return os_error(fmt::format("create '{}'", full));
      }
      const UniqueFd copy = BERM_TRY(open_beneath(to, entry.name, O_RDONLY | O_DIRECTORY));
      BERM_TRY(copy_tree(below->get(), copy.get(), full, copying));
      if (::fchmod(copy.get(), status.st_mode & 0777) != 0) {
        return os_error(fmt::format("set the mode of '{}'", full));
      }
    }
  }
  return {};
}

// Copies the repository's files, but the hidden ones and .git, to the empty directory `tree`. What
// was left out is remembered: its absence is no deletion of the agent's.
Result<void> copy_repository(const Plan& plan, const RepositoryFacts& repository,
                             const std::string& tree) {
  TreeCopy copying{.repository = repository, .hidden = {}, .left_out = {}};
  for (const HiddenPath& path : repository.hidden) copying.hidden.insert(path.path);
  const UniqueFd from = BERM_TRY(open_file(repository.root.str(), O_RDONLY | O_DIRECTORY));
  const UniqueFd to = BERM_TRY(open_file(tree, O_RDONLY | O_DIRECTORY));
  BERM_TRY(copy_tree(from.get(), to.get(), "", copying));
  return write_file((plan.run_directory / "left-out").str(), copying.left_out);
}

Result<void> make_directory(const std::string& path, unsigned mode, const Plan& plan) {
  BERM_TRY(make_directories(path, 0700));
  if (::chmod(path.c_str(), mode) != 0) return os_error(fmt::format("set the mode of '{}'", path));
  return give_tree(path, plan.identity);
}

// What is compared with after the run, where that is not the repository itself: outside of
// changes/, so neither the agent nor its disk limit has to do with it.
Result<void> make_base(const Plan& plan, const RepositoryFacts& repository) {
  const std::string base = (plan.run_directory / "base").str();
  BERM_TRY(make_directories(base, 0755));
  if (plan.workspace.mode == WorkspaceMode::direct) return copy_repository(plan, repository, base);
  const std::string git_dir = (plan.run_directory / "changes/git").str();
  BERM_TRY(make_checkout(plan, repository, base,
                         plan.workspace.git == GitHistory::none ? "" : git_dir + "/index"));
  return give_tree(base, plan.identity);  // the agent reads it through the overlay, as the owner
}

// Hidden files of a live tree cannot be absent: something empty and closed is mounted over them.
Result<void> make_covers(const Plan& plan) {
  const std::string covers = (plan.run_directory / "covers").str();
  BERM_TRY(make_directories(covers + "/directory", 0700));
  BERM_TRY(write_file(covers + "/file", "", 0600));
  for (const char* name : {"/directory", "/file"}) {
    if (::chmod((covers + name).c_str(), 0) != 0) {
      return os_error("close the cover of hidden files");
    }
  }
  return {};
}

// The references of an inner repository as the agent got them, beside its name.
Result<void> keep_inner_references(const Plan& plan, const InnerRepository& inner,
                                   std::size_t index) {
  const std::string changes = (plan.run_directory / "changes").str();
  const std::string from = inner_git_directory(changes, inner.at, index);
  const std::string base = (plan.run_directory / fmt::format("base-git/inner-{}", index)).str();
  BERM_TRY(make_directories(base, 0700));
  for (const char* name : {"/packed-refs", "/HEAD"}) {
    const std::string text = BERM_TRY(read_file(from + name, 256 << 20));
    BERM_TRY(write_file(base + name, text, 0600));
  }
  return write_file(base + "/at", inner.at, 0600);
}

}  // namespace

Result<void> prepare_layers(const Plan& plan, const RepositoryFacts& repository) {
  const std::string changes = (plan.run_directory / "changes").str();
  const WorkspaceMode mode = plan.workspace.mode;
  BERM_TRY(make_directory(changes, 0700, plan));  // the overlay reaches upper/ and work/ through it
  if (plan.workspace.git != GitHistory::none) BERM_TRY(make_directories(changes + "/git", 0755));
  for (std::size_t i = 0; i < repository.inner.size(); ++i) {
    if (repository.inner[i].nested) {
      BERM_TRY(make_directories(inner_git_directory(changes, repository.inner[i].at, i), 0755));
    }
  }
  if (mode == WorkspaceMode::overlay || mode == WorkspaceMode::worktree) {
    // The merged root shows the mode of its topmost layer.
    BERM_TRY(make_directory(changes + "/upper", repository.root_mode, plan));
    BERM_TRY(make_directory(changes + "/work", 0700, plan));
  }
  if (mode == WorkspaceMode::worktree || mode == WorkspaceMode::direct) {
    BERM_TRY(make_base(plan, repository));
  }
  if (mode == WorkspaceMode::direct) BERM_TRY(make_covers(plan));
  if (mode != WorkspaceMode::clone) return {};
  BERM_TRY(make_directory(changes + "/tree", repository.root_mode, plan));
  BERM_TRY(copy_repository(plan, repository, changes + "/tree"));
  // In the sandbox .git is a mount point; it must exist below.
  if (plan.workspace.git != GitHistory::none) {
    BERM_TRY(make_directories(changes + "/tree/.git", 0755));
  }
  return give_tree(changes + "/tree", plan.identity);
}

Result<void> fill_git(const Plan& plan, const RepositoryFacts& repository) {
  if (plan.workspace.git == GitHistory::none) return {};
  const std::string changes = (plan.run_directory / "changes").str();
  const std::string git_dir = changes + "/git";
  BERM_TRY(
      in_context("making the private git directory", make_private_git(repository, plan, changes)));
  // The references as the agent got them: what they are compared with when the run is over.
  const std::string base = (plan.run_directory / "base-git").str();
  BERM_TRY(make_directories(base, 0700));
  const std::string references = BERM_TRY(read_file(git_dir + "/packed-refs", 256 << 20));
  BERM_TRY(write_file(base + "/packed-refs", references, 0600));
  for (std::size_t i = 0; i < repository.inner.size(); ++i) {
    BERM_TRY(keep_inner_references(plan, repository.inner[i], i));
  }
  return {};
}

namespace {

// `from` becomes `to`, an empty directory or nothing. Only a directory: a link would lead the guard
// to another place.
Result<void> move_directory(const std::string& from, const std::string& to) {
  struct stat status {};
  if (::lstat(from.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
    return failure(Errc::denied, fmt::format("find the git directory at '{}'", from));
  }
  if (::rename(from.c_str(), to.c_str()) != 0) return os_error(fmt::format("move '{}'", from));
  return {};
}

struct GitPlace {
  std::string aside;    ///< below changes/, where every other tier mounts it from
  std::string in_tree;  ///< where the agent looks for it
  bool nested = false;
};

std::vector<GitPlace> git_places(const Plan& plan, const RepositoryFacts& repository) {
  if (plan.tier != TierChoice::process || plan.workspace.git == GitHistory::none) return {};
  const std::string changes = (plan.run_directory / "changes").str();
  std::vector<GitPlace> out = {{changes + "/git", changes + "/tree/.git"}};
  for (std::size_t i = 0; i < repository.inner.size(); ++i) {
    const InnerRepository& inner = repository.inner[i];
    if (!inner.nested) continue;
    out.push_back({inner_git_directory(changes, inner.at, i), changes + "/tree/" + inner.at, true});
  }
  return out;
}

}  // namespace

Result<void> place_git(const Plan& plan, const RepositoryFacts& repository) {
  for (const GitPlace& place : git_places(plan, repository)) {
    // A nested one was copied with the tree, the host's own settings with it: for the walk alone.
    if (place.nested) BERM_TRY(move_directory(place.in_tree, place.aside + ".copy"));
    BERM_TRY(move_directory(place.aside, place.in_tree));
  }
  return {};
}

Result<void> withdraw_git(const Plan& plan, const RepositoryFacts& repository) {
  for (const GitPlace& place : git_places(plan, repository)) {
    BERM_TRY(move_directory(place.in_tree, place.aside));
    if (place.nested) BERM_TRY(move_directory(place.aside + ".copy", place.in_tree));
  }
  return {};
}

Result<void> remove_workspace(const std::string& run_directory) {
  Result<void> removed;
  for (const char* part : {"/changes", "/base", "/base-git", "/covers", "/checkout", "/container",
                           "/left-out", "/diffs.json", "/berm"}) {
    if (Result<void> one = remove_tree(run_directory + part); !one) removed = std::move(one);
  }
  return removed;
}

}  // namespace berm
