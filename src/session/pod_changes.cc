#include "session/pod_changes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "sys/beneath.h"
#include "workspace/git.h"
#include "workspace/private_git.h"
#include "workspace/tree_stream.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr const char* kAlternates = "objects/info/alternates";

Result<UniqueFd> create(const std::string& file) {
  return open_file(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC);
}
Result<UniqueFd> open_directory(const std::string& path) {
  return open_file(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

// Everything that the private git directory speaks of, as one pack below `target`. What nothing
// leads to, such as a secret that was amended away, does not leave this machine.
Result<void> pack_history(const Plan& plan, const RepositoryFacts& repository,
                          const std::string& target) {
  const std::string changes = (plan.run_directory / "changes").str();
  const std::string bare = (plan.run_directory / "bundle-git").str();
  BERM_TRY(remove_tree(bare));
  BERM_TRY(make_bare_git(repository, bare));
  GitInvocation where{.git_dir = bare, .directory = bare};
  std::string tips = repository.head.empty() ? "" : repository.head + "\n";
  for (const auto& [name, id] : BERM_TRY(read_references(changes + "/git"))) tips += id + "\n";
  if (exists(changes + "/git/index")) {
    where.index_file = changes + "/git/index";
  }
  where.input = tips;
  std::vector<std::string> words = {"pack-objects", "--quiet", "--revs", "--delta-base-offset"};
  if (!where.index_file.empty()) words.emplace_back("--indexed-objects");
  words.push_back(target + "/pack");
  BERM_TRY(in_context("packing the history", git_output(where, words)));
  return remove_tree(bare);
}

}  // namespace

Result<void> write_pod_input(const Plan& plan, const RepositoryFacts& repository, const json& job,
                             const std::string& file) {
  const std::string changes = (plan.run_directory / "changes").str();
  const std::string extra = (plan.run_directory / "bundle").str();
  BERM_TRY(remove_tree(extra));
  BERM_TRY(make_directories(extra + "/pack", 0755));
  const std::string text = job.dump(-1, ' ', false, json::error_handler_t::replace);
  if (json::parse(text, nullptr, false) != job) {
    return failure(Errc::usage, "send the command to a pod: a word of it is no UTF-8");
  }
  BERM_TRY(write_file(extra + "/job", text, 0600));
  const bool has_git = plan.workspace.git != GitHistory::none;
  const bool full = plan.workspace.git == GitHistory::full;
  if (full) BERM_TRY(pack_history(plan, repository, extra + "/pack"));
  const UniqueFd out = BERM_TRY(create(file));
  TreeWriter writer(out.get());
  const UniqueFd tree = BERM_TRY(open_directory(changes + "/tree"));
  BERM_TRY(
      writer.add_tree(tree.get(), "tree", [](const std::string& path) { return path == ".git"; }));
  if (has_git) {
    const UniqueFd git = BERM_TRY(open_directory(changes + "/git"));
    BERM_TRY(writer.add_tree(git.get(), "git",
                             [](const std::string& path) { return path == kAlternates; }));
    const UniqueFd pack = BERM_TRY(open_directory(extra + "/pack"));
    BERM_TRY(writer.add_tree(pack.get(), "git/objects/pack"));
  }
  const UniqueFd directory = BERM_TRY(open_directory(extra));
  BERM_TRY(writer.add(directory.get(), "job", "job"));
  BERM_TRY(writer.end());
  return remove_tree(extra);
}

Result<void> read_pod_input(const std::string& file, const std::string& directory) {
  BERM_TRY(remove_tree(directory));
  BERM_TRY(make_directories(directory, 0755));
  const UniqueFd at = BERM_TRY(open_directory(directory));
  const UniqueFd from = BERM_TRY(open_file(file, O_RDONLY));
  BERM_TRY(
      read_tree(from.get(), at.get(),
                {.entries = 10'000'000, .bytes = 64ULL << 30, .roots = {"tree", "git", "job"}}));
  const std::string tree = directory + "/tree";
  if (::renameat(at.get(), "git", at.get(), "tree/.git") == 0) return {};
  // Without history it is a repository all the same: an empty one.
  for (const char* name : {"/.git/objects", "/.git/refs/heads"}) {
    BERM_TRY(make_directories(tree + name, 0755));
  }
  BERM_TRY(write_file(tree + "/.git/HEAD", "ref: refs/heads/main\n", 0644));
  return write_file(tree + "/.git/config", "[core]\n\tbare = false\n", 0644);
}

Result<void> write_pod_changes(const WalkPlace& place, const Changes& changes,
                               const std::string& file) {
  const UniqueFd out = BERM_TRY(create(file));
  TreeWriter writer(out.get());
  const UniqueFd tree = BERM_TRY(open_directory(layer_path(place)));
  for (const Change& change : changes.files) {
    // The base's ignore rules are asked again where the guard is; what they let pass is not sent.
    if (!change.ignored) BERM_TRY(writer.add(tree.get(), change.path, "tree/" + change.path));
  }
  if (place.git != GitHistory::none) {
    const UniqueFd git = BERM_TRY(open_directory(place.run_directory + "/changes/git"));
    BERM_TRY(writer.add_tree(git.get(), "git",
                             [](const std::string& path) { return path == kAlternates; }));
  }
  return writer.end();
}

Result<void> read_pod_changes(const Plan& plan, const std::string& file) {
  const UniqueFd at = BERM_TRY(open_directory((plan.run_directory / "changes").str()));
  const UniqueFd from = BERM_TRY(open_file(file, O_RDONLY));
  // What the run may write twice over: the files, and the objects of its commits.
  const std::uint64_t most = 2 * plan.limits.disk.count;
  TreeLimits limits{.bytes = most, .roots = {"tree"}};
  if (plan.workspace.git != GitHistory::none) limits.roots.emplace_back("git");
  return in_context("taking the run's changes", read_tree(from.get(), at.get(), limits));
}

}  // namespace berm
