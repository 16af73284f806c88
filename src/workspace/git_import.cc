// Commits, branches and patches out of a run. The agent's git directory is hostile: git never runs
// with its configuration, only on objects that were copied by name into a clean directory.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "sys/beneath.h"
#include "workspace/git.h"
#include "workspace/import.h"

namespace berm {
namespace {

bool is_object_directory(std::string_view name) { return name.size() == 2 && is_hex(name); }

bool is_pack_file(std::string_view name) {
  const bool ending = name.ends_with(".pack") || name.ends_with(".idx");
  return name.starts_with("pack-") && ending && is_hex(name.substr(5, name.rfind('.') - 5));
}

Result<void> copy_plain_file(int from, const std::string& name, const std::string& to) {
  Result<UniqueFd> source = open_beneath(from, name, O_RDONLY | O_NONBLOCK);
  if (!source) return {};  // a link or something odd: git will miss it and say so
  struct stat status {};
  if (::fstat(source->get(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  const std::string bytes = BERM_TRY(read_all(source->get(), 2ULL << 30));
  return write_file(to, bytes, 0600);
}

// Copies objects/xx/… and packs, by name, following nothing; alternates and everything else stay.
Result<void> copy_objects(const std::string& from, const std::string& to) {
  const UniqueFd objects = BERM_TRY(open_file(from, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  for (const Entry& entry : BERM_TRY(list_directory(objects.get()))) {
    const bool packs = entry.name == "pack";
    if (!packs && !is_object_directory(entry.name)) continue;
    Result<UniqueFd> directory = open_beneath(objects.get(), entry.name, O_RDONLY | O_DIRECTORY);
    if (!directory) continue;
    BERM_TRY(make_directories(fmt::format("{}/{}", to, entry.name), 0700));
    for (const Entry& file : BERM_TRY(list_directory(directory->get()))) {
      const bool wanted = packs ? is_pack_file(file.name) : (is_hex(file.name) && (file.name.size() == 38 || file.name.size() == 62));
      if (wanted) BERM_TRY(copy_plain_file(directory->get(), file.name, fmt::format("{}/{}/{}", to, entry.name, file.name)));
    }
  }
  return {};
}

// A bare repository of our own making with the agent's objects and the host's as alternates.
Result<std::string> make_quarantine(const WalkPlace& place, const std::vector<HostPath>& object_dirs) {
  const std::string path = place.run_directory + "/quarantine";
  BERM_TRY(remove_tree(path));
  for (const char* name : {"/objects/info", "/objects/pack", "/refs"}) BERM_TRY(make_directories(path + name, 0700));
  std::string alternates;
  for (const HostPath& directory : object_dirs) alternates += directory.str() + "\n";
  BERM_TRY(write_file(path + "/HEAD", "ref: refs/heads/none\n"));
  BERM_TRY(write_file(path + "/config", "[core]\n\trepositoryformatversion = 0\n\tbare = true\n"));
  BERM_TRY(write_file(path + "/objects/info/alternates", alternates));
  BERM_TRY(copy_objects(place.run_directory + "/changes/git/objects", path + "/objects"));
  return path;
}

// "refs/heads/fix/x" → "heads/fix/x", if it is a name that git and a shell read alike.
std::string plain_name(const std::string& reference) {
  if (!reference.starts_with("refs/")) return "";
  const std::string name = reference.substr(5);
  const bool plain = is_normal_relative(name) && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' || c == '-' || c == '_' || c == '.';
  });
  const bool odd = name.find("..") != std::string::npos || name.ends_with(".lock") || name.find("/.") != std::string::npos || name.ends_with('.');
  return plain && !odd ? name : "";
}

Result<void> write_side(const std::string& root, const Change& change, bool after, const WalkPlace& place) {
  const FileState& state = after ? change.after : change.before;
  if (state.type != FileType::regular && state.type != FileType::symlink) return {};
  const UniqueFd directory = BERM_TRY(open_file(root, O_RDONLY | O_DIRECTORY));
  const UniqueFd parent = BERM_TRY(make_parents_beneath(directory.get(), change.path, 0700));
  const std::string name = last_component(change.path);
  if (state.type == FileType::symlink) {
    return ::symlinkat(state.link.c_str(), parent.get(), name.c_str()) == 0 ? Result<void>{} : os_error("write a link for the patch");
  }
  const std::string layer = place.run_directory + (place.mode == WorkspaceMode::overlay ? "/changes/upper" : "/changes/tree");
  const UniqueFd from = BERM_TRY(open_file(after ? layer : place.repository.str(), O_RDONLY | O_DIRECTORY));
  const UniqueFd source = BERM_TRY(open_beneath(from.get(), change.path, O_RDONLY | O_NONBLOCK));
  const UniqueFd target = BERM_TRY(open_beneath(parent.get(), name, O_WRONLY | O_CREAT | O_EXCL, (state.mode & 0111) != 0 ? 0700 : 0600));
  const std::string bytes = BERM_TRY(read_all(source.get(), 1ULL << 30));
  return write_all(target.get(), bytes);
}

}  // namespace

Result<std::vector<std::string>> import_commits(const WalkPlace& place, const Changes& changes, const std::string& run_id,
                                                const std::vector<HostPath>& object_dirs) {
  std::vector<std::string> made;
  std::vector<std::string> arguments = {"fetch", "--quiet", "--no-tags", "--no-auto-maintenance", "--no-write-fetch-head"};
  std::string packed;
  std::vector<std::string> specs;
  for (const RefChange& ref : changes.refs) {
    const std::string name = plain_name(ref.name);
    if (ref.after.empty() || name.empty() || ref.name.starts_with("refs/berm/")) continue;
    packed += fmt::format("{} refs/import/{}\n", ref.after, name);
    specs.push_back(fmt::format("+refs/import/{}:refs/berm/{}/{}", name, run_id, name));
    made.push_back(fmt::format("refs/berm/{}/{}", run_id, name));
  }
  if (made.empty()) return made;
  const std::string quarantine = BERM_TRY(make_quarantine(place, object_dirs));
  std::ranges::sort(specs);
  BERM_TRY(write_file(quarantine + "/packed-refs", packed));
  arguments.insert(arguments.begin(), {"-c", "transfer.fsckObjects=true", "-c", "fetch.fsckObjects=true"});
  arguments.push_back(quarantine);
  arguments.insert(arguments.end(), specs.begin(), specs.end());
  const Result<std::string> fetched = git_output({.directory = place.repository.str()}, arguments);
  BERM_TRY(remove_tree(quarantine));
  if (!fetched) return tl::unexpected(fetched.error());
  return made;
}

Result<std::string> make_patch(const WalkPlace& place, const Changes& changes, bool color) {
  const std::string work = fmt::format("{}/patch.{}", place.run_directory, ::getpid());
  BERM_TRY(remove_tree(work));
  BERM_TRY(make_directories(work + "/a", 0700));
  BERM_TRY(make_directories(work + "/b", 0700));
  for (const Change& change : changes.files) {
    if (change.ignored) continue;
    BERM_TRY(write_side(work + "/a", change, false, place));
    BERM_TRY(write_side(work + "/b", change, true, place));
  }
  // The two folders are called a and b, so that their paths are the prefixes of a patch.
  const Result<CommandResult> result =
      run_git({.directory = work}, {"diff", "--no-index", "--no-prefix", "--binary", "--no-ext-diff", "--no-textconv", "--no-renames",
                                    color ? "--color=always" : "--color=never", "a", "b"});
  BERM_TRY(remove_tree(work));
  if (!result) return tl::unexpected(result.error());
  if (result->code > 1) return failure(Errc::kernel, fmt::format("make the patch: {}", printable(trim(result->errors))));
  return result->output;
}

Result<std::string> commit_to_branch(const WalkPlace& place, const Changes& changes, const std::string& base_commit,
                                     const std::string& branch, const std::string& message) {
  const std::string index = fmt::format("{}/index.{}", place.run_directory, ::getpid());
  GitInvocation where{.directory = place.repository.str(), .index_file = index};
  const std::string reference = "refs/heads/" + branch;
  if (BERM_TRY(run_git(where, {"show-ref", "--verify", "--quiet", reference})).code == 0) {
    return failure(Errc::denied, fmt::format("create the branch '{}': it exists", branch), "choose another name");
  }
  if (base_commit.empty()) return failure(Errc::unsupported, "commit to a branch of a repository without commits");
  BERM_TRY(git_output(where, {"read-tree", base_commit}));
  const std::string layer = place.run_directory + (place.mode == WorkspaceMode::overlay ? "/changes/upper" : "/changes/tree");
  const UniqueFd layer_fd = BERM_TRY(open_file(layer, O_RDONLY | O_DIRECTORY));
  std::string entries;
  for (const Change& change : changes.files) {
    if (change.ignored) continue;
    if (change.kind == ChangeKind::deleted) {
      entries += fmt::format("0 {}\t{}", std::string(base_commit.size(), '0'), change.path) + '\0';
      continue;
    }
    GitInvocation blob = where;
    blob.input = change.after.link;
    if (change.after.type == FileType::regular) {
      const UniqueFd file = BERM_TRY(open_beneath(layer_fd.get(), change.path, O_RDONLY | O_NONBLOCK));
      blob.input = BERM_TRY(read_all(file.get(), 1ULL << 30));
    }
    const std::string id = BERM_TRY(git_output(blob, {"hash-object", "-w", "--stdin", "--no-filters"}));
    const char* mode = change.after.type == FileType::symlink ? "120000" : (change.after.mode & 0111) != 0 ? "100755" : "100644";
    entries += fmt::format("{} {}\t{}", mode, trim(id), change.path) + '\0';
  }
  GitInvocation update = where;
  update.input = entries;
  BERM_TRY(git_output(update, {"update-index", "-z", "--index-info"}));
  const std::string tree = BERM_TRY(git_output(where, {"write-tree"}));
  BERM_TRY(remove_tree(index));
  GitInvocation commit = where;
  commit.input = message;
  const std::string id = BERM_TRY(git_output(commit, {"-c", "user.name=berm", "-c", "user.email=berm@localhost", "commit-tree",
                                                      std::string(trim(tree)), "-p", base_commit}));
  BERM_TRY(git_output(where, {"update-ref", reference, std::string(trim(id)), std::string(base_commit.size(), '0')}));
  return std::string(trim(id));
}

}  // namespace berm
