// src/rules/changes/protected_file.cc
//
// protected-file: files that another program executes or trusts as soon as they lie in the
// repository: CI definitions, git attributes, agent settings, editor tasks, shell start-up files,
// package manager hooks, ownership rules. Escapes of this class: Cymulate 2026 (five agents),
// CVE-2025-59536, CVE-2026-26268, trailofbits devcontainer #42.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "rules/changes/changes.h"

namespace berm {
namespace {

// A pattern with '/' at its end is a directory at any depth; one with '/' inside is anchored at the
// root; the rest are names at any depth. Compared in lower case: other file systems do not care.
constexpr std::pair<std::string_view, ProtectClass> kProtected[] = {
    {".github/workflows/", ProtectClass::ci},
    {".github/actions/", ProtectClass::ci},
    {".github/dependabot.yml", ProtectClass::ci},
    {".gitlab-ci.yml", ProtectClass::ci},
    {".gitlab/ci/", ProtectClass::ci},
    {".circleci/", ProtectClass::ci},
    {".buildkite/", ProtectClass::ci},
    {".woodpecker/", ProtectClass::ci},
    {".drone.yml", ProtectClass::ci},
    {".travis.yml", ProtectClass::ci},
    {"jenkinsfile", ProtectClass::ci},
    {"azure-pipelines.yml", ProtectClass::ci},
    {"bitbucket-pipelines.yml", ProtectClass::ci},
    {"appveyor.yml", ProtectClass::ci},
    {"cloudbuild.yaml", ProtectClass::ci},
    {".ci/", ProtectClass::ci},
    {".gitea/", ProtectClass::ci},
    {".forgejo/", ProtectClass::ci},
    {".woodpecker.yml", ProtectClass::ci},
    {".gitattributes", ProtectClass::git},
    {".gitmodules", ProtectClass::git},
    {".hg/", ProtectClass::git},
    {".gitconfig", ProtectClass::git},
    {".githooks/", ProtectClass::git},
    {".husky/", ProtectClass::git},
    {".lfsconfig", ProtectClass::git},
    {".pre-commit-config.yaml", ProtectClass::git},
    {"lefthook.yml", ProtectClass::git},
    {"lefthook.yaml", ProtectClass::git},
    {".claude/", ProtectClass::agent},
    {".claude.json", ProtectClass::agent},
    {".mcp.json", ProtectClass::agent},
    {"claude.md", ProtectClass::agent},
    {"claude.local.md", ProtectClass::agent},
    {".windsurf/", ProtectClass::agent},
    {".clinerules", ProtectClass::agent},
    {".kiro/", ProtectClass::agent},
    {".continue/", ProtectClass::agent},
    {"agents.md", ProtectClass::agent},
    {"gemini.md", ProtectClass::agent},
    {".agents/", ProtectClass::agent},
    {".codex/", ProtectClass::agent},
    {".gemini/", ProtectClass::agent},
    {".opencode/", ProtectClass::agent},
    {"opencode.json", ProtectClass::agent},
    {".cursor/", ProtectClass::agent},
    {".cursorrules", ProtectClass::agent},
    {".windsurfrules", ProtectClass::agent},
    {".aider.conf.yml", ProtectClass::agent},
    {".github/copilot-instructions.md", ProtectClass::agent},
    {".github/instructions/", ProtectClass::agent},
    {"berm.toml", ProtectClass::agent},
    {".vscode/", ProtectClass::editor},
    {".idea/", ProtectClass::editor},
    {".zed/", ProtectClass::editor},
    {".devcontainer/", ProtectClass::editor},
    {".devcontainer.json", ProtectClass::editor},
    {".vim/", ProtectClass::editor},
    {".vimrc", ProtectClass::editor},
    {".exrc", ProtectClass::editor},
    {".nvimrc", ProtectClass::editor},
    {".nvim.lua", ProtectClass::editor},
    {".dir-locals.el", ProtectClass::editor},
    {".ripgreprc", ProtectClass::editor},
    {".gdbinit", ProtectClass::editor},
    {".lldbinit", ProtectClass::editor},
    {".envrc", ProtectClass::shell},
    {".bashrc", ProtectClass::shell},
    {".bash_profile", ProtectClass::shell},
    {".bash_login", ProtectClass::shell},
    {".bash_logout", ProtectClass::shell},
    {".bash_aliases", ProtectClass::shell},
    {".profile", ProtectClass::shell},
    {".zshrc", ProtectClass::shell},
    {".zshenv", ProtectClass::shell},
    {".zprofile", ProtectClass::shell},
    {".zlogin", ProtectClass::shell},
    {".zlogout", ProtectClass::shell},
    {".inputrc", ProtectClass::shell},
    {".tool-versions", ProtectClass::shell},
    {".mise.toml", ProtectClass::shell},
    {"mise.toml", ProtectClass::shell},
    {".npmrc", ProtectClass::packages},
    {".yarnrc", ProtectClass::packages},
    {".yarnrc.yml", ProtectClass::packages},
    {".yarn/", ProtectClass::packages},
    {".pnp.cjs", ProtectClass::packages},
    {".pnp.loader.mjs", ProtectClass::packages},
    {".pnpmfile.cjs", ProtectClass::packages},
    {"bunfig.toml", ProtectClass::packages},
    {".cargo/", ProtectClass::packages},
    {"build.rs", ProtectClass::packages},
    {"setup.py", ProtectClass::packages},
    {"conftest.py", ProtectClass::packages},
    {"sitecustomize.py", ProtectClass::packages},
    {"usercustomize.py", ProtectClass::packages},
    {"pip.conf", ProtectClass::packages},
    {".mvn/", ProtectClass::packages},
    {"gradle-wrapper.properties", ProtectClass::packages},
    {"gradle-wrapper.jar", ProtectClass::packages},
    {"maven-wrapper.properties", ProtectClass::packages},
    {"gradlew", ProtectClass::packages},
    {"mvnw", ProtectClass::packages},
    {".bundle/", ProtectClass::packages},
    {".bazelrc", ProtectClass::packages},
    {".bazelversion", ProtectClass::packages},
    {"rust-toolchain.toml", ProtectClass::packages},
    {"rust-toolchain", ProtectClass::packages},
    {"gnumakefile", ProtectClass::packages},
    {"nuget.config", ProtectClass::packages},
    {"directory.build.props", ProtectClass::packages},
    {"directory.build.targets", ProtectClass::packages},
    {"codeowners", ProtectClass::ownership},
    {"owners", ProtectClass::ownership},
    {"security.md", ProtectClass::ownership},
    {".github/settings.yml", ProtectClass::ownership},
};

bool is_protected_by(std::string_view pattern, std::string_view path) {
  if (pattern.ends_with('/')) {
    const bool anchored = std::ranges::count(pattern, '/') > 1;
    if (path.starts_with(pattern)) return true;
    // The bare name as well: a file or link in the place of the directory.
    if (path == pattern.substr(0, pattern.size() - 1)) return true;
    return !anchored && (path.find(fmt::format("/{}", pattern)) != std::string_view::npos ||
                         path.ends_with(fmt::format("/{}", pattern.substr(0, pattern.size() - 1))));
  }
  if (pattern.find('/') != std::string_view::npos) return path == pattern;
  return path == pattern || path.ends_with(fmt::format("/{}", pattern));
}

void check(const Changes& changes, const GuardPolicy& policy, std::vector<Finding>& findings) {
  for_each_importable(changes, [&](const Change& change) {
    const std::optional<ProtectClass> found = protect_class_of(change.path);
    if (!found || std::ranges::find(policy.protect, *found) == policy.protect.end()) return;
    // A path that the policy names exactly, without a wildcard, was meant.
    const bool named = std::ranges::any_of(
        policy.allow, [&](const Glob& glob) { return glob.str() == change.path; });
    findings.push_back(
        {"protected-file", change.path,
         fmt::format("belongs to the protected class '{}': another program executes or trusts it",
                     spelling(*found)),
         named ? Severity::report : Severity::refuse});
  });
}

}  // namespace

std::optional<ProtectClass> protect_class_of(std::string_view path) {
  // As a file system that ignores case, trailing dots and spaces would read it.
  std::string folded;
  for (const std::string_view part : split(path, '/')) {
    std::string name = lower(part);
    while (name.size() > 1 && (name.back() == '.' || name.back() == ' ')) name.pop_back();
    folded += (folded.empty() ? "" : "/") + name;
  }
  for (const auto& [pattern, protect_class] : kProtected) {
    if (is_protected_by(pattern, folded)) return protect_class;
  }
  return std::nullopt;
}

const ChangeRule kProtectedFile = {"protected-file",
                                   "a file that another program executes or trusts", check};

}  // namespace berm
