#include "workspace/repository.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <optional>

#include "base/text.h"
#include "sys/beneath.h"
#include "sys/fd.h"
#include "workspace/git_config.h"

namespace berm {
namespace {

constexpr std::size_t kSmallFile = 1 << 20;

Result<std::string> real_path(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> resolved(::realpath(path.c_str(), nullptr),
                                                             &std::free);
  if (!resolved) return os_error(fmt::format("resolve '{}'", path));
  return std::string(resolved.get());
}

std::string joined(const std::string& base, const std::string& path) {
  return path.starts_with('/') ? path : base + "/" + path;
}

bool is_directory(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool looks_bare(const std::string& path) {
  return exists(path + "/HEAD") && is_directory(path + "/objects") && is_directory(path + "/refs");
}

// The nearest directory upwards that has a .git.
Result<std::string> find_root(const std::string& directory) {
  std::string at = BERM_TRY(real_path(directory));
  for (;;) {
    if (exists(at + "/.git")) return at;
    if (looks_bare(at)) {
      return failure(Errc::unsupported,
                     fmt::format("use '{}': it is a bare repository, without files to work on", at),
                     "clone it, and run berm in the clone");
    }
    if (at == "/" || at.empty()) break;
    at = at.substr(0, std::max<std::size_t>(at.rfind('/'), 1));
    if (at == "/" && !exists("/.git")) break;
  }
  return failure(Errc::unsupported,
                 fmt::format("find a git repository at or above '{}'", directory),
                 "run berm inside a repository, or 'git init' here first");
}

// Follows the pointer of a linked worktree or submodule, believing nothing it says.
Result<std::string> follow_git_file(const std::string& root) {
  const std::string text = BERM_TRY(read_plain_file(root + "/.git", 4096));
  const std::string_view line = trim(text);
  if (!line.starts_with("gitdir: ")) {
    return failure(
        Errc::unsupported,
        fmt::format("read '{}/.git': it is neither a directory nor a gitdir file", root));
  }
  const std::string git_dir = BERM_TRY(real_path(joined(root, std::string(line.substr(8)))));
  Result<std::string> back = read_plain_file(git_dir + "/gitdir", 4096);
  if (back) {  // a linked worktree names its .git file; a forged one names somebody else's
    Result<std::string> target = real_path(joined(git_dir, std::string(trim(*back))));
    if (target && *target == root + "/.git") return git_dir;
    return failure(Errc::denied,
                   fmt::format("trust '{}/.git': the worktree it names does not point back", root),
                   "run 'git worktree repair'");
  }
  // A submodule: its git directory names the working tree in core.worktree.
  const std::string config = BERM_TRY(read_plain_file(git_dir + "/config", kSmallFile));
  for (const GitSetting& setting : parse_git_config(config)) {
    if (setting.name != "core.worktree") continue;
    Result<std::string> target = real_path(joined(git_dir, setting.value));
    if (target && *target == root) return git_dir;
  }
  return failure(
      Errc::denied,
      fmt::format("trust '{}/.git': the git directory it names does not point back", root),
      "run 'git submodule update --init', or berm in the superproject");
}

// info/alternates may name any directory of the host, and the agent will see what it names: only
// the object store of a repository that belongs to the same owner is one.
bool is_object_store(const std::string& path, std::uint32_t owner) {
  struct stat status {};
  const std::string parent = path.substr(0, path.rfind('/'));
  return path.ends_with("/objects") && ::lstat(path.c_str(), &status) == 0 &&
         S_ISDIR(status.st_mode) && status.st_uid == owner && exists(parent + "/HEAD");
}

Result<void> collect_object_dirs(const std::string& objects, std::uint32_t owner, int depth,
                                 std::vector<HostPath>& out) {
  const std::string real = BERM_TRY(real_path(objects));
  if (!is_object_store(real, owner)) {
    return failure(Errc::denied,
                   fmt::format("show '{}' to the agent as git objects: it is no object store of "
                               "the repository's owner",
                               real),
                   "run 'git repack -a -d' and remove objects/info/alternates");
  }
  const HostPath path = BERM_TRY(HostPath::parse(real));
  if (std::ranges::find(out, path) != out.end()) return {};
  out.push_back(path);
  if (depth >= 5 || out.size() > 32) {  // git's own limit on the depth of alternates
    return failure(Errc::unsupported, "follow more than 5 levels of object alternates");
  }
  Result<std::string> alternates = read_plain_file(real + "/info/alternates", kSmallFile);
  if (!alternates) return {};
  for (const std::string_view line : split(*alternates, '\n')) {
    if (line.empty() || line.starts_with('#')) continue;
    BERM_TRY(
        in_context("following info/alternates",
                   collect_object_dirs(joined(real, std::string(line)), owner, depth + 1, out)));
  }
  return {};
}

// HEAD's commit in a git directory of its own (no linked worktree); "" before the first.
std::string head_of(const HostPath& git_dir) {
  const RepositoryFacts alone{.root = git_dir,
                              .git_dir = git_dir,
                              .common_dir = git_dir,
                              .relative_cwd = {},
                              .head = {},
                              .branch = {}};
  return resolve_ref(alone, "HEAD");
}

// An inner repository is content: anybody may have written it, and its alternates could name any
// other repository of the same user. Only what the agent sees anyway is borrowed from.
bool is_own_store(const RepositoryFacts& facts, const HostPath& store) {
  const bool known = std::ranges::find(facts.object_dirs, store) != facts.object_dirs.end();
  return known || store.is_within(facts.root) || store.is_within(facts.git_dir) ||
         store.is_within(facts.common_dir);
}

bool is_plain_file(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

// A git directory inside the workspace, or nothing if it is none that git would take, or one that
// reaches out.
std::optional<InnerRepository> inner_at(const std::string& at, const std::string& git_dir,
                                        const RepositoryFacts& facts) {
  const Result<std::string> real = real_path(git_dir);
  const Result<HostPath> path = HostPath::parse(git_dir);
  if (!real || *real != git_dir || !path || !looks_bare(git_dir) ||
      !is_plain_file(git_dir + "/HEAD")) {
    return std::nullopt;
  }
  InnerRepository inner{.at = at, .git_dir = *path, .work_tree = {}, .head = {}, .object_dirs = {}};
  inner.head = head_of(inner.git_dir);
  if (!collect_object_dirs(git_dir + "/objects", facts.owner, 0, inner.object_dirs)) {
    return std::nullopt;
  }
  const bool own = std::ranges::all_of(
      inner.object_dirs, [&](const HostPath& store) { return is_own_store(facts, store); });
  return own ? std::optional(std::move(inner)) : std::nullopt;
}

// The working tree that a submodule's git directory names, relative to the workspace; "" if it is
// not in it.
std::string work_tree_of(const InnerRepository& inner, const std::string& root) {
  const Result<std::string> config = read_plain_file(inner.git_dir.str() + "/config", kSmallFile);
  if (!config) return "";
  for (const GitSetting& setting : parse_git_config(*config)) {
    if (setting.name != "core.worktree") continue;
    const Result<std::string> tree = real_path(joined(inner.git_dir.str(), setting.value));
    return tree && tree->starts_with(root + "/") ? tree->substr(root.size() + 1) : "";
  }
  return "";
}

Result<void> add_mask_parents(RepositoryFacts& facts, const std::string& path) {
  for (std::string parent = parent_of(path); !parent.empty(); parent = parent_of(parent)) {
    if (std::ranges::find(facts.hidden_parents, parent, &MaskParent::path) !=
        facts.hidden_parents.end()) {
      continue;
    }
    struct stat status {};
    if (::lstat((facts.root.str() + "/" + parent).c_str(), &status) != 0) {
      return os_error(fmt::format("look at '{}'", parent));
    }
    facts.hidden_parents.push_back({parent, status.st_mode & 07777});
  }
  return {};
}

// Submodules: modules/NAME, where a name may hold slashes, and modules of those.
Result<void> find_modules(const std::string& directory, const std::string& at, int depth,
                          RepositoryFacts& facts) {
  constexpr int kDeepest = 16;
  constexpr std::size_t kMost = 256;
  const UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return {};
  for (const Entry& entry : BERM_TRY(list_directory(fd.get()))) {
    const std::string path = directory + "/" + entry.name;
    const std::string inside = at + "/" + entry.name;
    if (entry.type != DT_DIR && entry.type != DT_UNKNOWN) continue;
    if (depth > kDeepest || facts.inner.size() >= kMost) {
      return failure(Errc::unsupported, fmt::format("follow more than {} submodules", kMost));
    }
    std::optional<InnerRepository> inner = inner_at(inside, path, facts);
    if (inner) {
      inner->work_tree = work_tree_of(*inner, facts.root.str());
      if (!inner->work_tree.empty()) facts.inner.push_back(*std::move(inner));
    }
    BERM_TRY(find_modules(inner ? path + "/modules" : path, inner ? inside + "/modules" : inside,
                          depth + 1, facts));
  }
  return {};
}

Result<void> check_format(const RepositoryFacts& facts) {
  const std::string config =
      BERM_TRY(read_plain_file(facts.common_dir.str() + "/config", kSmallFile));
  for (const GitSetting& setting : parse_git_config(config)) {
    if (setting.name == "extensions.refstorage" && setting.value != "files") {
      return failure(Errc::unsupported,
                     fmt::format("read references stored as '{}'", setting.value),
                     "use the 'files' reference storage: git refs migrate --ref-format=files");
    }
    if (setting.name == "core.bare" && setting.value == "true") {
      return failure(Errc::unsupported, "use a bare repository: it has no files to work on",
                     "clone it first");
    }
  }
  return {};
}

}  // namespace

std::string resolve_ref(const RepositoryFacts& facts, const std::string& ref) {
  std::string name = ref;
  for (int depth = 0; depth < 5; ++depth) {
    const std::string& base = name == "HEAD" ? facts.git_dir.str() : facts.common_dir.str();
    const Result<std::string> text = read_plain_file(base + "/" + name, 4096);
    if (!text) break;
    const std::string_view value = trim(*text);
    if (!value.starts_with("ref: ")) return is_hex(value) ? std::string(value) : "";
    name = value.substr(5);
    if (!is_normal_relative(name)) return "";
  }
  const Result<std::string> packed =
      read_plain_file(facts.common_dir.str() + "/packed-refs", 256 << 20);
  if (!packed) return "";
  const std::size_t found = packed->find(" " + name + "\n");
  if (found == std::string::npos) return "";
  const std::size_t line = packed->rfind('\n', found);
  const std::size_t begin = line == std::string::npos ? 0 : line + 1;
  const std::string id = packed->substr(begin, found - begin);
  return is_hex(id) ? id : "";
}

Result<RepositoryFacts> find_repository(const std::string& directory, std::uint32_t uid) {
  const std::string root = BERM_TRY(find_root(directory));
  const std::string here = BERM_TRY(real_path(directory));
  struct stat status {};
  if (::stat(root.c_str(), &status) != 0) return os_error(fmt::format("look at '{}'", root));
  if (uid != 0 && status.st_uid != uid) {
    return failure(Errc::denied, fmt::format("use '{}': it belongs to uid {}", root, status.st_uid),
                   "clone it as yourself, or run berm as its owner");
  }
  const bool is_file = !is_directory(root + "/.git");
  const std::string git_dir =
      is_file ? BERM_TRY(follow_git_file(root)) : BERM_TRY(real_path(root + "/.git"));
  std::string common = git_dir;
  if (Result<std::string> pointer = read_plain_file(git_dir + "/commondir", 4096)) {
    // Only a linked worktree has one, and it is always ../.. (CVE-2026-40068: a forged one inherits
    // another repository's trust).
    common = BERM_TRY(real_path(joined(git_dir, std::string(trim(*pointer)))));
    if (!is_file ||
        git_dir != fmt::format("{}/worktrees/{}", common, git_dir.substr(git_dir.rfind('/') + 1))) {
      return failure(Errc::denied,
                     fmt::format("trust '{}/commondir': it names '{}'", git_dir, common),
                     "run 'git worktree repair'");
    }
  }
  RepositoryFacts facts{
      .root = BERM_TRY(HostPath::parse(root)),
      .git_dir = BERM_TRY(HostPath::parse(git_dir)),
      .common_dir = BERM_TRY(HostPath::parse(common)),
      .relative_cwd = here == root ? "" : here.substr(root == "/" ? 1 : root.size() + 1),
      .device = status.st_dev,
      .inode = status.st_ino,
      .owner = status.st_uid,
      .group = status.st_gid,
      .root_mode = status.st_mode & 07777,
      .git_is_file = is_file};
  BERM_TRY(check_format(facts));
  const std::string head = BERM_TRY(read_plain_file(git_dir + "/HEAD", 4096));
  if (trim(head).starts_with("ref: ")) facts.branch = trim(head).substr(5);
  facts.head = resolve_ref(facts, "HEAD");
  BERM_TRY(collect_object_dirs(common + "/objects", status.st_uid, 0, facts.object_dirs));
  return facts;
}

Result<void> find_inner_repositories(RepositoryFacts& facts) {
  BERM_TRY(find_modules(facts.git_dir.str() + "/modules", ".git/modules", 0, facts));
  for (const std::string& at : facts.nested_git) {
    const std::string path = facts.root.str() + "/" + at;
    // What only looks like a git directory may hold a configuration with a token in it all the
    // same.
    std::optional<InnerRepository> inner =
        is_directory(path) ? inner_at(at, path, facts) : std::nullopt;
    if (inner) {
      inner->nested = true;
      facts.inner.push_back(*std::move(inner));
    } else {
      facts.hidden.push_back({.path = at, .pattern = ".git", .directory = true});
      BERM_TRY(add_mask_parents(facts, at));
    }
  }
  std::ranges::sort(facts.hidden);
  std::ranges::sort(facts.hidden_parents);
  return {};
}

}  // namespace berm
