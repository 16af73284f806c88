// Commits, branches and patches out of a run. The agent's git directory is hostile: git never runs
// with its configuration, only on objects that were copied by name into a clean directory.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "base/text.h"
#include "sys/beneath.h"
#include "workspace/file_state.h"
#include "workspace/git.h"
#include "workspace/import.h"
#include "workspace/private_git.h"

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
      const bool wanted =
          packs ? is_pack_file(file.name)
                : (is_hex(file.name) && (file.name.size() == 38 || file.name.size() == 62));
      if (wanted) {
        BERM_TRY(copy_plain_file(directory->get(), file.name,
                                 fmt::format("{}/{}/{}", to, entry.name, file.name)));
      }
    }
  }
  return {};
}

// A bare repository of our own making with the agent's objects and the host's as alternates.
Result<std::string> make_quarantine(const WalkPlace& place,
                                    const std::vector<HostPath>& object_dirs) {
  const std::string path = place.run_directory + "/quarantine";
  BERM_TRY(remove_tree(path));
  for (const char* name : {"/objects/info", "/objects/pack", "/refs"}) {
    BERM_TRY(make_directories(path + name, 0700));
  }
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
                       return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                              (c >= '0' && c <= '9') || c == '/' || c == '-' || c == '_' ||
                              c == '.';
                     });
  const bool odd = name.find("..") != std::string::npos || name.ends_with(".lock") ||
                   name.find("/.") != std::string::npos || name.ends_with('.');
  return plain && !odd ? name : "";
}

// The references that may come in: plain name → commit id.
struct ImportedRefs {
  std::map<std::string, std::string> tips;
};

ImportedRefs importable(const Changes& changes) {
  ImportedRefs out;
  for (const RefChange& ref : changes.refs) {
    const std::string name = plain_name(ref.name);
    const bool id = is_hex(ref.after) && (ref.after.size() == 40 || ref.after.size() == 64);
    if (id && !name.empty() && !ref.name.starts_with("refs/berm/")) out.tips[name] = ref.after;
  }
  return out;
}

// "new but not old", as git reads it on stdin.
Result<std::string> revisions(const WalkPlace& place, const ImportedRefs& refs) {
  std::string out;
  for (const auto& [name, id] : refs.tips) out += id + "\n";
  std::set<std::string> old;
  if (!place.base_commit.empty()) old.insert(place.base_commit);
  const std::map<std::string, std::string> base =
      BERM_TRY(read_references(place.run_directory + "/base-git"));
  for (const auto& [name, id] : base) old.insert(id);
  for (const std::string& id : old) out += "^" + id + "\n";
  return out;
}

// One entry of `git diff-tree --raw -z`.
struct RawEntry {
  std::string old_mode, new_mode, old_id, new_id, path;
  friend auto operator<=>(const RawEntry&, const RawEntry&) = default;
};

std::set<RawEntry> parse_raw(std::string_view text) {
  std::set<RawEntry> out;
  const std::vector<std::string_view> parts = split(text, '\0');
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    if (!parts[i].starts_with(':')) continue;  // a commit id
    const std::vector<std::string_view> fields = split(parts[i].substr(1), ' ');
    if (fields.size() < 5) continue;
    out.insert({std::string(fields[0]), std::string(fields[1]), std::string(fields[2]),
                std::string(fields[3]), std::string(parts[i + 1])});
    ++i;
  }
  return out;
}

// Contents of blobs, by id. Refuses more than `limit` bytes in total before reading any.
Result<std::map<std::string, std::string>> read_blobs(const GitInvocation& where,
                                                      const std::set<std::string>& ids,
                                                      std::uint64_t limit) {
  GitInvocation batch = where;
  for (const std::string& id : ids) batch.input += id + "\n";
  const std::string sizes =
      BERM_TRY(git_output(batch, {"cat-file", "--batch-check=%(objectsize)"}));
  std::uint64_t total = 0;
  for (const std::string_view line : split(sizes, '\n')) {
    std::uint64_t size = 0;
    std::from_chars(line.data(), line.data() + line.size(), size);
    total += size;
  }
  if (total > limit) {
    return failure(Errc::denied,
                   fmt::format("judge the commits: their files hold {}", to_text(Bytes{total})),
                   "raise [changes] max_size, or squash the commits");
  }
  const std::string all = BERM_TRY(git_output(batch, {"cat-file", "--batch"}));
  std::map<std::string, std::string> out;
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t end = all.find('\n', at);
    if (end == std::string::npos) break;
    const std::vector<std::string_view> head =
        split(std::string_view(all).substr(at, end - at), ' ');
    std::size_t size = 0;
    if (head.size() == 3) std::from_chars(head[2].data(), head[2].data() + head[2].size(), size);
    if (head.size() == 3) out[std::string(head[0])] = all.substr(end + 1, size);
    at = end + 1 + (head.size() == 3 ? size + 1 : 0);
  }
  return out;
}

FileState state_of_mode(const std::string& mode, const std::string& content) {
  FileState state{
      .type = FileType::regular, .mode = mode == "100755" ? 0755U : 0644U, .size = content.size()};
  if (mode == "120000") state = {.type = FileType::symlink, .mode = 0777, .link = content};
  if (mode == "160000") state = {.type = FileType::other};
  if (mode == "000000") state = {};
  return state;
}

Result<std::vector<Change>> changes_of_commits(const WalkPlace& place, const ImportedRefs& refs,
                                               const std::string& quarantine) {
  GitInvocation where{.git_dir = quarantine, .directory = quarantine};
  where.input = BERM_TRY(revisions(place, refs));
  constexpr int kMostCommits = 1000;
  const std::string commits = BERM_TRY(
      git_output(where, {"rev-list", fmt::format("--max-count={}", kMostCommits + 1), "--stdin"}));
  if (std::ranges::count(commits, '\n') > kMostCommits) {
    return failure(Errc::denied, fmt::format("judge more than {} new commits", kMostCommits));
  }
  where.input = commits;
  const std::string raw =
      BERM_TRY(git_output(where, {"diff-tree", "--stdin", "-r", "-z", "--raw", "--no-renames",
                                  "--root", "-m", "--no-abbrev"}));
  const std::set<RawEntry> entries = parse_raw(raw);
  where.input.clear();
  std::set<std::string> ids;
  for (const RawEntry& entry : entries) {
    if (entry.new_mode != "160000" && entry.new_mode != "000000") ids.insert(entry.new_id);
    if (entry.old_mode != "160000" && entry.old_mode != "000000") ids.insert(entry.old_id);
  }
  const std::map<std::string, std::string> blobs =
      BERM_TRY(read_blobs(where, ids, std::uint64_t{place.text_limit} * 4));
  const auto content = [&](const std::string& id) {
    const auto found = blobs.find(id);
    return found == blobs.end() ? std::string() : found->second;
  };
  const UniqueFd root = BERM_TRY(open_file(place.repository.str(), O_RDONLY | O_DIRECTORY));
  std::vector<Change> out;
  for (const RawEntry& entry : entries) {
    Change change{
        .path = entry.path, .text = content(entry.new_id), .base_text = content(entry.old_id)};
    change.before = state_of_mode(entry.old_mode, change.base_text);
    change.after = state_of_mode(entry.new_mode, change.text);
    change.kind = change.before.type == FileType::none  ? ChangeKind::added
                  : change.after.type == FileType::none ? ChangeKind::deleted
                                                        : ChangeKind::modified;
    change.binary =
        std::string_view(change.text).substr(0, 8000).find('\0') != std::string_view::npos;
    change.in_git_directory = BERM_TRY(is_in_git_directory(root.get(), change.path));
    out.push_back(std::move(change));
  }
  return out;
}

// Puts one file of a checked pack into the repository's object store, under the name git gave it.
Result<void> install_pack(const WalkPlace& place, const std::string& quarantine,
                          const std::string& name, const std::string& objects) {
  const std::string bytes =
      BERM_TRY(read_file(fmt::format("{}/objects/pack/{}", quarantine, name), 4ULL << 30));
  const UniqueFd store = BERM_TRY(open_file(objects, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  const UniqueFd directory = BERM_TRY(open_beneath(store.get(), "pack", O_RDONLY | O_DIRECTORY));
  const std::string temporary = "tmp_berm_" + name;
  {
    const UniqueFd file =
        BERM_TRY(open_beneath(directory.get(), temporary, O_WRONLY | O_CREAT | O_TRUNC, 0444));
    BERM_TRY(write_all(file.get(), bytes));
    struct stat root {};
    if (::stat(place.repository.str().c_str(), &root) != 0) {
      return os_error("look at the repository");
    }
    if (::geteuid() == 0 && ::fchown(file.get(), root.st_uid, root.st_gid) != 0) {
      return os_error("give the pack to the repository's owner");
    }
    if (::fsync(file.get()) != 0) return os_error("flush the pack");
  }
  if (::renameat(directory.get(), temporary.c_str(), directory.get(), name.c_str()) != 0) {
    return os_error(fmt::format("install '{}'", name));
  }
  return {};
}

Result<void> write_side(const std::string& root, const Change& change, bool after,
                        const WalkPlace& place) {
  const FileState& state = after ? change.after : change.before;
  if (state.type != FileType::regular && state.type != FileType::symlink) return {};
  const UniqueFd directory = BERM_TRY(open_file(root, O_RDONLY | O_DIRECTORY));
  const UniqueFd parent = BERM_TRY(make_parents_beneath(directory.get(), change.path, 0700));
  const std::string name = last_component(change.path);
  if (state.type == FileType::symlink) {
    return ::symlinkat(state.link.c_str(), parent.get(), name.c_str()) == 0
               ? Result<void>{}
               : os_error("write a link for the patch");
  }
  const UniqueFd from =
      BERM_TRY(open_file(after ? layer_path(place) : baseline_path(place), O_RDONLY | O_DIRECTORY));
  const UniqueFd source_directory =
      BERM_TRY(open_beneath(from.get(), parent_of(change.path), O_RDONLY | O_DIRECTORY));
  const UniqueFd source =
      BERM_TRY(open_own(source_directory.get(), name, after ? Unlock::yes : Unlock::no));
  const UniqueFd target = BERM_TRY(open_beneath(parent.get(), name, O_WRONLY | O_CREAT | O_EXCL,
                                                (state.mode & 0111) != 0 ? 0700 : 0600));
  const std::string bytes = BERM_TRY(read_all(source.get(), 1ULL << 30));
  return write_all(target.get(), bytes);
}

}  // namespace

Result<std::vector<Change>> commit_changes(const WalkPlace& place, const Changes& changes,
                                           const std::vector<HostPath>& object_dirs) {
  const ImportedRefs refs = importable(changes);
  if (refs.tips.empty()) return std::vector<Change>{};
  const std::string path = BERM_TRY(make_quarantine(place, object_dirs));
  Result<std::vector<Change>> out = changes_of_commits(place, refs, path);
  BERM_TRY(remove_tree(path));
  return out;
}

Result<std::string> commit_texts(const WalkPlace& place, const Changes& changes,
                                 const std::vector<HostPath>& object_dirs) {
  const ImportedRefs refs = importable(changes);
  if (refs.tips.empty()) return std::string();
  const std::string quarantine = BERM_TRY(make_quarantine(place, object_dirs));
  GitInvocation where{.git_dir = quarantine, .directory = quarantine};
  where.input = BERM_TRY(revisions(place, refs));
  Result<std::string> out = git_output(where, {"rev-list", "--header", "--stdin"});
  BERM_TRY(remove_tree(quarantine));
  return out;
}

Result<std::vector<std::string>> import_commits(const WalkPlace& place, const Changes& changes,
                                                const std::string& run_id,
                                                const std::vector<HostPath>& object_dirs) {
  const ImportedRefs refs = importable(changes);
  std::vector<std::string> made;
  if (refs.tips.empty() || object_dirs.empty()) return made;
  const std::string quarantine = BERM_TRY(make_quarantine(place, object_dirs));
  GitInvocation where{.git_dir = quarantine, .directory = quarantine};
  where.input = BERM_TRY(revisions(place, refs));
  where.input = BERM_TRY(git_output(where, {"pack-objects", "--revs", "--stdout", "-q"}));
  // --strict: every object is checked as for a push to a forge, and warnings are errors.
  const Result<std::string> indexed = git_output(where, {"index-pack", "--strict", "--stdin"});
  if (!indexed) {
    BERM_TRY(remove_tree(quarantine));
    return tl::unexpected(indexed.error());
  }
  const std::string name = "pack-" + std::string(trim(indexed->substr(indexed->find('\t') + 1)));
  for (const char* ending : {".pack", ".idx"}) {
    BERM_TRY(install_pack(place, quarantine, name + ending, object_dirs.front().str()));
  }
  BERM_TRY(remove_tree(quarantine));
  std::string transaction = "start\n";
  for (const auto& [ref, id] : refs.tips) {
    made.push_back(fmt::format("refs/berm/{}/{}", run_id, ref));
    transaction += fmt::format("create {} {}\n", made.back(), id);
  }
  const GitInvocation host{.directory = place.repository.str(),
                           .input = transaction + "prepare\ncommit\n"};
  BERM_TRY(git_output(host, {"update-ref", "--stdin"}));
  return made;
}

Result<void> drop_commits(const WalkPlace& place, const std::vector<std::string>& references) {
  std::string transaction;
  for (const std::string& reference : references) {
    transaction += fmt::format("delete {}\n", reference);
  }
  const GitInvocation host{.directory = place.repository.str(), .input = transaction};
  BERM_TRY(git_output(host, {"update-ref", "--stdin"}));
  return {};
}

Result<std::string> make_patch(const WalkPlace& place, const Changes& changes) {
  const std::string work = fmt::format("{}/patch.{}", place.run_directory, ::getpid());
  BERM_TRY(remove_tree(work));
  BERM_TRY(make_directories(work + "/a", 0700));
  BERM_TRY(make_directories(work + "/b", 0700));
  for (const Change& change : changes.files) {
    // What the guard could not read whole cannot be imported, so it is in no patch either.
    if (change.ignored || change.after.sha256.starts_with("size:")) continue;
    BERM_TRY(write_side(work + "/a", change, false, place));
    BERM_TRY(write_side(work + "/b", change, true, place));
  }
  // The two folders are called a and b, so that their paths are the prefixes of a patch.
  const Result<CommandResult> result =
      run_git({.directory = work, .ceiling = place.run_directory},
              {"diff", "--no-index", "--no-prefix", "--binary", "--no-ext-diff", "--no-textconv",
               "--no-renames", "--color=never", "a", "b"});
  BERM_TRY(remove_tree(work));
  if (!result) return tl::unexpected(result.error());
  if (result->code > 1) {
    return failure(Errc::kernel,
                   fmt::format("make the patch: {}", printable(trim(result->errors))));
  }
  return result->output;
}

Result<std::string> commit_to_branch(const WalkPlace& place, const Changes& changes,
                                     const std::string& base_commit, const std::string& branch,
                                     const std::string& message) {
  const std::string index = fmt::format("{}/index.{}", place.run_directory, ::getpid());
  GitInvocation where{.directory = place.repository.str(), .index_file = index};
  const std::string reference = "refs/heads/" + branch;
  if (BERM_TRY(run_git(where, {"show-ref", "--verify", "--quiet", reference})).code == 0) {
    return failure(Errc::denied, fmt::format("create the branch '{}': it exists", branch),
                   "choose another name");
  }
  if (base_commit.empty()) {
    return failure(Errc::unsupported, "commit to a branch of a repository without commits");
  }
  BERM_TRY(git_output(where, {"read-tree", base_commit}));
  const UniqueFd layer_fd = BERM_TRY(open_file(layer_path(place), O_RDONLY | O_DIRECTORY));
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
      const UniqueFd directory =
          BERM_TRY(open_beneath(layer_fd.get(), parent_of(change.path), O_RDONLY | O_DIRECTORY));
      const UniqueFd file =
          BERM_TRY(open_own(directory.get(), last_component(change.path), Unlock::yes));
      blob.input = BERM_TRY(read_all(file.get(), 1ULL << 30));
    }
    const std::string id =
        BERM_TRY(git_output(blob, {"hash-object", "-w", "--stdin", "--no-filters"}));
    const char* mode = change.after.type == FileType::symlink ? "120000"
                       : (change.after.mode & 0111) != 0      ? "100755"
                                                              : "100644";
    entries += fmt::format("{} {}\t{}", mode, trim(id), change.path) + '\0';
  }
  GitInvocation update = where;
  update.input = entries;
  BERM_TRY(git_output(update, {"update-index", "-z", "--index-info"}));
  const std::string tree = BERM_TRY(git_output(where, {"write-tree"}));
  BERM_TRY(remove_tree(index));
  GitInvocation commit = where;
  commit.input = message;
  const std::string id =
      BERM_TRY(git_output(commit, {"-c", "user.name=berm", "-c", "user.email=berm@localhost",
                                   "commit-tree", std::string(trim(tree)), "-p", base_commit}));
  BERM_TRY(git_output(where, {"update-ref", reference, std::string(trim(id)),
                              std::string(base_commit.size(), '0')}));
  return std::string(trim(id));
}

}  // namespace berm
