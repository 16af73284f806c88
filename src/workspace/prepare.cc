#include "workspace/prepare.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "sys/beneath.h"
#include "sys/fd.h"
#include "workspace/git.h"
#include "workspace/private_git.h"

namespace berm {
namespace {

Result<void> copy_file(int from, int to, const std::string& name, const struct stat& status) {
  const UniqueFd source = BERM_TRY(open_beneath(from, name, O_RDONLY | O_NONBLOCK));
  const UniqueFd target = BERM_TRY(open_beneath(to, name, O_WRONLY | O_CREAT | O_EXCL, status.st_mode & 0777));
  // A reflink shares the blocks; where the file system has none, the kernel copies.
  if (::ioctl(target.get(), FICLONE, source.get()) != 0) {
    for (off_t left = status.st_size; left > 0;) {
      const ssize_t copied =
          ::copy_file_range(source.get(), nullptr, target.get(), nullptr, static_cast<std::size_t>(left), 0);
      if (copied < 0) return os_error(fmt::format("copy '{}'", name));
      if (copied == 0) break;  // shrank meanwhile
      left -= copied;
    }
  }
  // Same times: the copied index stays warm.
  const timespec times[2] = {status.st_atim, status.st_mtim};
  if (::futimens(target.get(), times) != 0) return os_error(fmt::format("set the time of '{}'", name));
  if (::fchmod(target.get(), status.st_mode & 0777) != 0) return os_error(fmt::format("set the mode of '{}'", name));
  return {};
}

// Copies files, directories and links; what a checkout cannot hold (sockets, devices) is left out.
Result<void> copy_tree(int from, int to, const std::string& path, const std::set<std::string>& hidden) {
  for (const Entry& entry : BERM_TRY(list_directory(from))) {
    const std::string full = path.empty() ? entry.name : path + "/" + entry.name;
    if (full == ".git" || hidden.contains(full)) continue;
    struct stat status {};
    if (::fstatat(from, entry.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (S_ISLNK(status.st_mode)) {
      const std::string link = BERM_TRY(read_link_beneath(from, entry.name));
      if (::symlinkat(link.c_str(), to, entry.name.c_str()) != 0) return os_error(fmt::format("copy '{}'", full));
    } else if (S_ISREG(status.st_mode)) {
      Result<void> copied = copy_file(from, to, entry.name, status);
      // Unreadable for us is unreadable for the agent.
      if (!copied && copied.error().os_errno != EACCES) return in_context("cloning the workspace", copied);
    } else if (S_ISDIR(status.st_mode)) {
      if (::mkdirat(to, entry.name.c_str(), 0700) != 0) return os_error(fmt::format("create '{}'", full));
      const UniqueFd below = BERM_TRY(open_beneath(from, entry.name, O_RDONLY | O_DIRECTORY));
      const UniqueFd copy = BERM_TRY(open_beneath(to, entry.name, O_RDONLY | O_DIRECTORY));
      BERM_TRY(copy_tree(below.get(), copy.get(), full, hidden));
      if (::fchmod(copy.get(), status.st_mode & 0777) != 0) return os_error(fmt::format("set the mode of '{}'", full));
    }
  }
  return {};
}

Result<void> prepare_clone(const Plan& plan, const RepositoryFacts& repository, const std::string& tree) {
  std::set<std::string> hidden;
  for (const HiddenPath& path : repository.hidden) hidden.insert(path.path);
  const UniqueFd from = BERM_TRY(open_file(repository.root.str(), O_RDONLY | O_DIRECTORY));
  const UniqueFd to = BERM_TRY(open_file(tree, O_RDONLY | O_DIRECTORY));
  BERM_TRY(copy_tree(from.get(), to.get(), "", hidden));
  return give_tree(tree, plan.identity);
}

// A clean checkout of `ref`, made by a git whose configuration is ours: no filter of the repository.
Result<void> prepare_checkout(const Plan& plan, const RepositoryFacts& repository, const std::string& tree,
                              const std::string& git_dir) {
  if (repository.head.empty()) return failure(Errc::unsupported, "check out a repository without commits", "commit first, or use --mode overlay");
  const std::string ref = plan.workspace.ref.empty() ? "HEAD" : plan.workspace.ref;
  const GitInvocation source{.git_dir = repository.common_dir.str(), .directory = repository.root.str()};
  std::string commit = repository.head;
  if (ref != "HEAD") {
    commit = BERM_TRY(git_output(source, {"rev-parse", "--verify", "--end-of-options", ref + "^{commit}"}));
    commit.resize(std::min(commit.find('\n'), commit.size()));
  }
  // The alternates of the private directory only exist inside; outside, read the real objects.
  const std::string alternates = git_dir + "/objects/info/alternates";
  const std::string inside = exists(alternates) ? BERM_TRY(read_file(alternates)) : "";
  std::string real;
  for (const HostPath& path : repository.object_dirs) real += path.str() + "\n";
  BERM_TRY(write_file(alternates, real, 0644));
  const GitInvocation checkout{.git_dir = git_dir, .work_tree = tree, .directory = tree};
  if (ref != "HEAD") BERM_TRY(write_file(git_dir + "/HEAD", commit + "\n", 0644));
  BERM_TRY(git_output(checkout, {"read-tree", "--reset", "-u", commit}));
  BERM_TRY(inside.empty() ? remove_tree(alternates) : write_file(alternates, inside, 0644));
  BERM_TRY(give_tree(git_dir, plan.identity));
  return give_tree(tree, plan.identity);
}

}  // namespace

Result<void> prepare_workspace(const Plan& plan, const RepositoryFacts& repository) {
  const std::string changes = (plan.run_directory / "changes").str();
  const std::string git_dir = changes + "/git";
  const WorkspaceMode mode = plan.workspace.mode;
  BERM_TRY(make_directories(changes, 0700));
  BERM_TRY(give_tree(changes, plan.identity));  // the overlay reaches upper/ and work/ through it
  if (mode == WorkspaceMode::overlay) {
    for (const char* name : {"/upper", "/work"}) {
      BERM_TRY(make_directories(changes + name, 0700));
      BERM_TRY(give_tree(changes + name, plan.identity));
    }
    // The merged root shows the mode of its topmost layer.
    if (::chmod((changes + "/upper").c_str(), repository.root_mode) != 0) return os_error("set the mode of the workspace");
  }
  if (plan.workspace.git != GitHistory::none) {
    BERM_TRY(in_context("making the private git directory", make_private_git(repository, plan, git_dir)));
    // The references as the agent got them: what they are compared with when the run is over.
    const std::string base = (plan.run_directory / "base-git").str();
    BERM_TRY(make_directories(base, 0700));
    const std::string references = BERM_TRY(read_file(git_dir + "/packed-refs", 256 << 20));
    BERM_TRY(write_file(base + "/packed-refs", references, 0600));
  }
  if (mode == WorkspaceMode::clone || mode == WorkspaceMode::worktree) {
    const std::string tree = changes + "/tree";
    BERM_TRY(make_directories(tree, 0700));
    if (::chmod(tree.c_str(), repository.root_mode) != 0) return os_error("set the mode of the workspace");
    BERM_TRY(mode == WorkspaceMode::clone ? prepare_clone(plan, repository, tree)
                                          : prepare_checkout(plan, repository, tree, git_dir));
    // In the sandbox .git is a mount point; it must exist below.
    if (plan.workspace.git != GitHistory::none) BERM_TRY(make_directories(tree + "/.git", 0755));
    BERM_TRY(give_tree(tree, plan.identity));
  }
  return {};
}

}  // namespace berm
