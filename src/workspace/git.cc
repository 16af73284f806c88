#include "workspace/git.h"

#include <fmt/format.h>

#include "base/text.h"

namespace berm {
namespace {

// Command-line settings win over every file, so a repository cannot switch them back on.
constexpr const char* kDisarm[] = {
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.sshCommand=false",
    "core.pager=cat",
    "core.editor=false",
    "core.attributesFile=/dev/null",
    "core.alternateRefsCommand=true",
    "diff.external=",
    "credential.helper=",
    "gpg.program=false",
    "commit.gpgSign=false",
    "tag.gpgSign=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "fetch.writeCommitGraph=false",
    "fetch.recurseSubmodules=false",
    "submodule.recurse=false",
    "uploadpack.packObjectsHook=",
    "safe.directory=*",
};

}  // namespace

Result<CommandResult> run_git(const GitInvocation& where,
                              const std::vector<std::string>& arguments) {
  Command command{
      .argv = {"git", "--no-pager", "--no-optional-locks"},
      .env = {"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/nonexistent", "LC_ALL=C",
              "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
              "GIT_TERMINAL_PROMPT=0", "GIT_ATTR_NOSYSTEM=1", "GIT_NO_LAZY_FETCH=1",
              "GIT_NO_REPLACE_OBJECTS=1", "GIT_ALLOW_PROTOCOL=none", "GIT_ASKPASS=/bin/false",
              "GIT_SSH_COMMAND=false"},
      .directory = where.directory,
      .input = where.input};
  for (const char* setting : kDisarm) {
    command.argv.emplace_back("-c");
    command.argv.emplace_back(setting);
  }
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  const auto set = [&](const char* name, const std::string& value) {
    if (!value.empty()) command.env.push_back(fmt::format("{}={}", name, value));
  };
  set("GIT_DIR", where.git_dir);
  set("GIT_WORK_TREE", where.work_tree);
  set("GIT_INDEX_FILE", where.index_file);
  set("GIT_CEILING_DIRECTORIES", where.ceiling);
  return run_command(command);
}

Result<std::string> git_output(const GitInvocation& where,
                               const std::vector<std::string>& arguments) {
  CommandResult result = BERM_TRY(run_git(where, arguments));
  if (result.code == 0) return std::move(result.output);
  if (result.code == 127) {
    return failure(Errc::unsupported, "find the program 'git'", "install git 2.39 or later");
  }
  return failure(
      Errc::kernel,
      fmt::format(
          "run git {}: {}",
          arguments.empty() ? "" : arguments[arguments[0] == "-c" && arguments.size() > 4 ? 4 : 0],
          printable(trim(result.errors))));
}

}  // namespace berm
