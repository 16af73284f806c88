#include "workspace/checkout.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "sys/fd.h"
#include "workspace/git.h"
#include "workspace/hidden.h"
#include "workspace/private_git.h"

namespace berm {

Result<void> plan_checkout(RepositoryFacts& facts, const std::string& ref,
                           const std::vector<Glob>& patterns) {
  if (facts.head.empty()) {
    return failure(Errc::unsupported, "check out a repository without commits",
                   "commit first, or use --mode overlay");
  }
  const GitInvocation where{.git_dir = facts.common_dir.str(), .directory = facts.root.str()};
  if (!ref.empty() && ref != "HEAD") {
    const CommandResult found = BERM_TRY(run_git(
        where, {"rev-parse", "--verify", "--quiet", "--end-of-options", ref + "^{commit}"}));
    const std::string commit(trim(found.output));
    if (found.code != 0 || !is_hex(commit)) {
      return failure(Errc::usage,
                     fmt::format("find the commit that workspace.ref '{}' names", printable(ref)),
                     "fetch it first, or name another one: git branch -a");
    }
    if (commit != facts.head) facts.branch.clear();
    facts.head = commit;
  }
  const std::string names =
      BERM_TRY(git_output(where, {"ls-tree", "-r", "-z", "--name-only", facts.head}));
  std::vector<std::string_view> paths;
  for (const std::string_view path : split(names, '\0')) {
    if (!path.empty()) paths.push_back(path);
  }
  find_hidden_in(facts, paths, patterns);
  facts.inner.clear();
  facts.git_is_file =
      true;  // .git is no directory of the checkout: its mount point comes from the mask layer
  facts.root_mode = 0755;
  return {};
}

Result<void> make_checkout(const Plan& plan, const RepositoryFacts& repository,
                           const std::string& tree, const std::string& index) {
  // A git directory of our own for this one command: the agent's finds its history at paths that
  // exist only inside.
  const std::string git_dir = (plan.run_directory / "checkout").str();
  BERM_TRY(make_bare_git(repository, git_dir));
  // git creates with our umask, the mask layer and the agent expect the usual modes.
  const mode_t umask = ::umask(022);
  const Result<std::string> done =
      git_output({.git_dir = git_dir, .work_tree = tree, .directory = tree},
                 {"read-tree", "--reset", "-u", plan.workspace.base_commit});
  ::umask(umask);
  BERM_TRY(in_context("checking out the workspace", done));
  if (!index.empty() && ::rename((git_dir + "/index").c_str(), index.c_str()) != 0) {
    return os_error("keep the index of the checkout");
  }
  return remove_tree(git_dir);
}

}  // namespace berm
