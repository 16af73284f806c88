#include "workspace/private_git.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "plan/make_plan.h"
#include "sys/beneath.h"
#include "sys/fd.h"
#include "workspace/git.h"
#include "workspace/git_config.h"

namespace berm {
namespace {

// Copies one file of the git directory, if it is there and a plain file.
Result<void> copy_if_there(const std::string& from, const std::string& to) {
  struct stat status {};
  if (::lstat(from.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  const UniqueFd source = BERM_TRY(open_file(from, O_RDONLY | O_NOFOLLOW));
  const UniqueFd target = BERM_TRY(open_file(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  return copy_content(source.get(), target.get());
}

Result<void> walk_references(int directory, const std::string& prefix, int depth,
                             std::map<std::string, std::string>& out) {
  if (depth > 32) return {};
  for (const Entry& entry : BERM_TRY(list_directory(directory))) {
    const std::string name = prefix + "/" + entry.name;
    Result<UniqueFd> fd = open_beneath(directory, entry.name, O_RDONLY | O_NONBLOCK);
    if (!fd) continue;  // a link, a socket, or gone meanwhile
    struct stat status {};
    if (::fstat(fd->get(), &status) != 0) continue;
    if (S_ISDIR(status.st_mode)) {
      BERM_TRY(walk_references(fd->get(), name, depth + 1, out));
    } else if (S_ISREG(status.st_mode) && status.st_size < 256) {
      const std::string text = BERM_TRY(read_all(fd->get(), 256));
      const std::string_view id = trim(text);
      if (is_hex(id) && (id.size() == 40 || id.size() == 64)) out[name] = id;
    }
  }
  return {};
}

Result<std::string> safe_config(const RepositoryFacts& repository, const std::string& home) {
  std::vector<GitSetting> kept;
  const auto take = [&](const std::string& path, bool identity_only) {
    const Result<std::string> text = read_file(path, 1 << 20);
    if (!text) return;
    for (GitSetting setting : parse_git_config(*text)) {
      const bool identity = setting.name == "user.name" || setting.name == "user.email" ||
                            setting.name == "init.defaultbranch";
      if (identity_only ? !identity : !is_safe_git_setting(setting)) continue;
      if (setting.name.ends_with(".url")) {
        setting.value = without_credentials(setting.value);
      }
      kept.push_back(std::move(setting));
    }
  };
  // Commits made inside should carry the user's name; of the global file nothing else is taken.
  if (!home.empty()) take(home + "/.config/git/config", true);
  if (!home.empty()) take(home + "/.gitconfig", true);
  take(repository.common_dir.str() + "/config", false);
  take(repository.git_dir.str() + "/config.worktree", false);
  const auto has = [&](std::string_view name) {
    return std::ranges::find(kept, name, &GitSetting::name) != kept.end();
  };
  if (!has("user.name")) kept.push_back({"user.name", "agent"});
  if (!has("user.email")) kept.push_back({"user.email", "agent@berm.invalid"});
  // The copied index was written outside: same sizes and times, other inodes and change times.
  kept.push_back({"core.checkstat", "minimal"});
  kept.push_back({"core.trustctime", "false"});
  kept.push_back({"core.bare", "false"});
  kept.push_back({"gc.auto", "0"});  // a repack would copy the whole history out of the alternates
  kept.push_back({"maintenance.auto", "false"});
  return to_git_config(kept);
}

Result<void> write_references(const RepositoryFacts& repository, const std::string& target) {
  std::map<std::string, std::string> references =
      BERM_TRY(read_references(repository.common_dir.str()));
  std::string packed = "# pack-refs with: sorted \n";
  for (const auto& [name, id] : references) {
    // The user's stashes, and what earlier runs left for review, are none of this run's business.
    if (name == "refs/stash" || name.starts_with("refs/berm/")) continue;
    packed += fmt::format("{} {}\n", id, name);
  }
  return write_file(target + "/packed-refs", packed, 0644);
}

Result<void> make_skeleton(const std::string& target) {
  for (const char* name : {"", "/objects", "/refs", "/objects/info", "/objects/pack", "/refs/heads",
                           "/refs/tags", "/hooks", "/info"}) {
    BERM_TRY(make_directories(target + name, 0755));
  }
  return {};
}

Result<void> write_head(const RepositoryFacts& repository, const WorkspacePlan& workspace,
                        const std::string& target) {
  // A checkout of another commit than the branch's is on no branch.
  const bool detached = workspace.mode == WorkspaceMode::worktree && repository.branch.empty();
  if (detached) return write_file(target + "/HEAD", repository.head + "\n", 0644);
  return copy_if_there(repository.git_dir.str() + "/HEAD", target + "/HEAD");
}

Result<void> make_one(const RepositoryFacts& repository, const WorkspacePlan& workspace,
                      const std::string& target, const std::string& home,
                      const std::string& alternates) {
  BERM_TRY(make_skeleton(target));
  BERM_TRY(write_head(repository, workspace, target));
  if (workspace.mode != WorkspaceMode::worktree) {
    BERM_TRY(copy_if_there(repository.git_dir.str() + "/index", target + "/index"));
  }
  BERM_TRY(copy_if_there(repository.common_dir.str() + "/shallow", target + "/shallow"));
  BERM_TRY(copy_if_there(repository.common_dir.str() + "/info/exclude", target + "/info/exclude"));
  BERM_TRY(copy_if_there(repository.git_dir.str() + "/info/sparse-checkout",
                         target + "/info/sparse-checkout"));
  BERM_TRY(write_references(repository, target));
  const std::string config = BERM_TRY(safe_config(repository, home));
  BERM_TRY(write_file(target + "/config", config, 0644));
  if (!alternates.empty()) {
    BERM_TRY(write_file(target + "/objects/info/alternates", alternates, 0644));
  }
  return {};
}

// Only what HEAD needs, as one pack: for git = "head".
Result<void> copy_head_objects(const RepositoryFacts& repository, const std::string& target) {
  if (repository.head.empty()) return {};
  const GitInvocation source{.git_dir = repository.common_dir.str(),
                             .directory = repository.root.str()};
  const std::string objects = BERM_TRY(git_output(
      source, {"rev-list", "--objects", "--no-object-names", "--max-count=1", repository.head}));
  GitInvocation pack = source;
  pack.input = objects;
  BERM_TRY(git_output(pack, {"pack-objects", "-q", "--window=0", target + "/objects/pack/pack"}));
  return write_file(target + "/shallow", repository.head + "\n", 0644);
}

// "a/b/c" seen from "x/y": "../../a/b/c".
std::string relative_from(const std::string& from, const std::string& to) {
  std::string out;
  for (std::size_t i = 0; i <= static_cast<std::size_t>(std::ranges::count(from, '/')); ++i) {
    out += "../";
  }
  return out + to;
}

// Submodules and repositories in the tree, each like the main one.
Result<void> make_inner(const RepositoryFacts& repository, const Plan& plan,
                        const std::string& changes, const std::string& home) {
  for (std::size_t i = 0; i < repository.inner.size(); ++i) {
    const InnerRepository& inner = repository.inner[i];
    RepositoryFacts one = repository;
    one.git_dir = one.common_dir = inner.git_dir;
    one.head = inner.head;
    const bool full = plan.workspace.git == GitHistory::full;
    std::string alternates;
    for (std::size_t k = 0; full && k < inner.object_dirs.size(); ++k) {
      alternates += plan.tier == TierChoice::process ? inner.object_dirs[k].str() + "\n"
                                                     : inner_objects_path(i, k) + "\n";
    }
    const std::string place = inner_git_directory(changes, inner.at, i);
    BERM_TRY(make_one(one, plan.workspace, place, home, alternates));
    if (!full) BERM_TRY(copy_head_objects(one, place));
    if (inner.nested) continue;
    const std::string config = BERM_TRY(read_file(place + "/config"));
    const std::string tree =
        to_git_config({{"core.worktree", relative_from(inner.at, inner.work_tree)}});
    BERM_TRY(write_file(place + "/config", config + tree, 0644));
  }
  return {};
}

Result<void> give(int directory, const std::string& name, const Identity& identity) {
  if (::fchownat(directory, name.c_str(), identity.host_uid, identity.host_gid,
                 AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0) {
    return os_error(fmt::format("give '{}' to the run", name));
  }
  return {};
}

Result<void> give_below(int directory, const Identity& identity) {
  BERM_TRY(give(directory, "", identity));
  for (const Entry& entry : BERM_TRY(list_directory(directory))) {
    if (entry.type != DT_DIR) {
      BERM_TRY(give(directory, entry.name, identity));
      continue;
    }
    const UniqueFd child = BERM_TRY(open_beneath(directory, entry.name, O_RDONLY | O_DIRECTORY));
    BERM_TRY(give_below(child.get(), identity));
  }
  return {};
}

}  // namespace

Result<std::map<std::string, std::string>> read_references(const std::string& git_dir) {
  std::map<std::string, std::string> out;
  const UniqueFd directory = BERM_TRY(open_file(git_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  if (const Result<UniqueFd> packed =
          open_beneath(directory.get(), "packed-refs", O_RDONLY | O_NONBLOCK)) {
    const std::string text = BERM_TRY(read_all(packed->get(), 256 << 20));
    for (const std::string_view line : split(text, '\n')) {
      const std::size_t space = line.find(' ');
      if (line.empty() || line[0] == '#' || line[0] == '^' || space == std::string_view::npos) {
        continue;
      }
      if (is_hex(line.substr(0, space))) {
        out[std::string(line.substr(space + 1))] = line.substr(0, space);
      }
    }
  }
  const Result<UniqueFd> loose = open_beneath(directory.get(), "refs", O_RDONLY | O_DIRECTORY);
  if (loose) BERM_TRY(walk_references(loose->get(), "refs", 0, out));
  return out;
}

Result<void> give_tree(const std::string& path, const Identity& identity) {
  if (!identity.from_root) return {};
  const UniqueFd directory = BERM_TRY(open_file(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  return in_context(fmt::format("giving '{}' to the run's uid", path),
                    give_below(directory.get(), identity));
}

Result<void> make_bare_git(const RepositoryFacts& repository, const std::string& target) {
  BERM_TRY(make_skeleton(target));
  std::string alternates;
  for (const HostPath& path : repository.object_dirs) alternates += path.str() + "\n";
  BERM_TRY(write_file(target + "/objects/info/alternates", alternates, 0644));
  BERM_TRY(write_file(target + "/HEAD", "ref: refs/heads/none\n", 0644));
  BERM_TRY(copy_if_there(repository.git_dir.str() + "/info/sparse-checkout",
                         target + "/info/sparse-checkout"));
  const std::string config = BERM_TRY(safe_config(repository, ""));
  return write_file(target + "/config", config, 0644);
}

std::string inner_git_directory(const std::string& changes, const std::string& at,
                                std::size_t index) {
  constexpr std::string_view kMain = ".git/";
  const bool submodule = at.starts_with(kMain);
  return submodule ? fmt::format("{}/git/{}", changes, at.substr(kMain.size()))
                   : fmt::format("{}/nested/{}", changes, index);
}

namespace {

// Without mounts the agent reads the objects where they are; with a uid of its own it must be let
// there.
Result<void> check_objects_can_be_read(const RepositoryFacts& repository, const Plan& plan) {
  if (plan.tier != TierChoice::process || !plan.identity.from_root) return {};
  for (const HostPath& objects : repository.object_dirs) {
    std::string at = objects.str();
    for (unsigned wanted = S_IROTH | S_IXOTH; !at.empty(); wanted = S_IXOTH) {
      struct stat status {};
      if (::stat(at.c_str(), &status) != 0) return os_error("look at the repository's objects");
      if ((status.st_mode & wanted) != wanted) {
        return failure(Errc::unsupported,
                       fmt::format("show the repository's history to the agent's own user: '{}' "
                                   "lets nobody pass",
                                   at),
                       "use [workspace] git = \"head\", or run berm as the repository's owner");
      }
      at.resize(at.rfind('/'));
    }
  }
  return {};
}

}  // namespace

Result<void> make_private_git(const RepositoryFacts& repository, const Plan& plan,
                              const std::string& changes) {
  const std::string target = changes + "/git";
  const std::string nested = changes + "/nested";
  std::string alternates;
  const bool full = plan.workspace.git == GitHistory::full;
  if (full) BERM_TRY(check_objects_can_be_read(repository, plan));
  for (std::size_t i = 0; full && i < repository.object_dirs.size(); ++i) {
    alternates += plan.tier == TierChoice::process ? repository.object_dirs[i].str() + "\n"
                                                   : fmt::format("/run/berm/objects/{}\n", i);
  }
  const char* home = ::getenv("HOME");
  const std::string user_home = home != nullptr ? home : "";
  BERM_TRY(make_one(repository, plan.workspace, target, user_home, alternates));
  if (!full) BERM_TRY(copy_head_objects(repository, target));
  BERM_TRY(make_inner(repository, plan, changes, user_home));
  if (!repository.hidden.empty()) BERM_TRY(skip_hidden_in_index(repository, target));
  if (exists(nested)) BERM_TRY(give_tree(nested, plan.identity));
  return give_tree(target, plan.identity);
}

Result<void> skip_hidden_in_index(const RepositoryFacts& repository, const std::string& git_dir) {
  if (!exists(git_dir + "/index")) return {};
  GitInvocation where{
      .git_dir = git_dir, .work_tree = repository.root.str(), .directory = repository.root.str()};
  std::vector<std::string> arguments = {"ls-files", "-z", "--"};
  // In parts: an argument list has a limit, a repository full of certificates may not.
  std::string tracked;
  for (std::size_t i = 0; i < repository.hidden.size(); ++i) {
    arguments.push_back(repository.hidden[i].path);
    if (arguments.size() < 1000 && i + 1 < repository.hidden.size()) continue;
    tracked += BERM_TRY(git_output(where, arguments));
    arguments.resize(3);
  }
  if (tracked.empty()) return {};
  where.input = tracked;
  BERM_TRY(git_output(where, {"update-index", "--skip-worktree", "-z", "--stdin"}));
  return {};
}

}  // namespace berm
