// git: what destroys work that is in no commit, rewrites what others have, or makes git run code.
#include <algorithm>

#include "rules/tools/packs/pack.h"

namespace berm {
namespace {

constexpr std::string_view kCommitFirst = "commit or stash first, or name the single files";
constexpr std::string_view kLeave = "leave it to the user";

bool is_protected_ref(std::string_view ref) {
  if (ref.starts_with("refs/heads/")) ref.remove_prefix(11);
  return is_one_of(ref, "main master trunk develop dev production prod staging HEAD gh-pages") ||
         ref.starts_with("release") || ref.starts_with("stable");
}

bool forces_push(const Invocation& c) {
  if (!c.verb("push") || c.has("-n --dry-run")) return false;
  if (c.has("-f --force --mirror")) return true;
  return std::ranges::any_of(c.operands(), [](const ShellWord* word) {
    return word->text.size() > 1 && word->text.front() == '+';
  });
}

// Calls `each` for every ref that the push deletes.
template <class Each>
bool any_deleted(const Invocation& c, Each each) {
  if (!c.verb("push") || c.has("-n --dry-run")) return false;
  const bool all = c.has("-d --delete");
  for (std::size_t i = 2; i < c.operands().size(); ++i) {
    std::string_view ref = c.operands()[i]->text;
    if (!all && !ref.starts_with(':')) continue;
    if (ref.starts_with(':')) ref.remove_prefix(1);
    if (each(ref)) return true;
  }
  return false;
}

bool deletes_protected(const Invocation& c) { return any_deleted(c, is_protected_ref); }

bool deletes_remote(const Invocation& c) {
  return any_deleted(c, [](std::string_view ref) { return !ref.empty(); });
}

bool resets_hard(const Invocation& c) { return c.verb("reset") && c.has("--hard"); }

// With paths, what is removed is what was named.
bool cleans(const Invocation& c) {
  if (!c.verb("clean") || !c.has("-f --force") || c.has("-n --dry-run -i --interactive")) {
    return false;
  }
  return c.operands().size() == 1 || is_one_of(c.operand(1), ". ./ :/");
}

bool discards_all(const Invocation& c) {
  const bool everything = std::ranges::any_of(
      c.operands(), [](const ShellWord* word) { return is_one_of(word->text, ". ./ :/ *"); });
  if (c.verb("restore")) return everything && (!c.has("-S --staged") || c.has("-W --worktree"));
  if (c.verb("checkout")) return everything || c.has("-f --force");
  return c.verb("switch") && c.has("-f --force --discard-changes");
}

bool drops_stash(const Invocation& c) { return c.verb("stash drop") || c.verb("stash clear"); }

bool deletes_branch(const Invocation& c) {
  if (!c.verb("branch")) return false;
  return c.has("-D") || (c.has("-d --delete") && c.has("-f --force"));
}

bool is_now(std::string_view when) { return is_one_of(when, "now all 0"); }

bool drops_history(const Invocation& c) {
  if (c.verb("filter-branch") || c.program() == "bfg") return true;
  if (c.verb("filter-repo")) return !c.has("--analyze --dry-run");
  if (c.verb("update-ref")) return c.has("-d");
  if (c.verb("reflog delete")) return true;
  if (c.verb("reflog expire")) {
    return is_now(c.value("--expire")) || is_now(c.value("--expire-unreachable"));
  }
  if (c.verb("gc")) return is_now(c.value("--prune"));
  return c.verb("prune") && !c.has("-n --dry-run") && is_now(c.value("--expire"));
}

// Settings whose value git runs, or that say where a credential goes.
bool runs_its_value(std::string_view key) {
  constexpr std::string_view kKeys =
      "core.hookspath core.sshcommand core.fsmonitor core.gitproxy core.askpass core.editor "
      "core.pager sequence.editor credential.helper gpg.program gpg.ssh.program include.path "
      "protocol.ext.allow http.proxy http.sslverify diff.external uploadpack.packobjectshook";
  std::string name(key);
  std::ranges::transform(name, name.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  if (is_one_of(name, kKeys)) return true;
  const auto between = [&](std::string_view head, std::string_view tail) {
    return name.starts_with(head) && name.ends_with(tail);
  };
  return between("filter.", ".clean") || between("filter.", ".smudge") ||
         between("filter.", ".process") || between("diff.", ".command") ||
         between("diff.", ".textconv") || between("merge.", ".driver") ||
         between("url.", "insteadof") || between("credential.", ".helper") ||
         between("includeif.", ".path") || between("remote.", ".uploadpack") ||
         between("remote.", ".receivepack") || between("pager.", "");
}

bool is_harmless_value(std::string_view value) {
  return value.empty() ||
         is_one_of(value, "true false never user cat less more vim vi nano emacs : - delta") ||
         value.starts_with("git-lfs ") || value.starts_with("less ") ||
         is_one_of(value, ".husky .husky/_ /dev/null");
}

bool sets_code(std::string_view key, std::string_view value) {
  if (key.starts_with("alias.")) return value.starts_with('!');
  return runs_its_value(key) && !is_harmless_value(value);
}

// For one command: what git then starts asks by itself when it starts, and clients harden their own
// git this way ("-c core.hooksPath=/dev/null").
bool runs_option_code(const Invocation& c) {
  return std::ranges::any_of(c.values("-c --config-env"), [](std::string_view setting) {
    const std::size_t at = setting.find('=');
    return at != std::string_view::npos && sets_code(setting.substr(0, at), setting.substr(at + 1));
  });
}

// For good.
bool configures_code(const Invocation& c) {
  if (!c.verb("config") || c.has("--get --get-all --get-regexp --unset --unset-all -l --list")) {
    return false;
  }
  const std::size_t key = is_one_of(c.operand(1), "set") ? 2 : 1;
  return c.operands().size() > key + 1 && sets_code(c.operand(key), c.operand(key + 1));
}

bool runs_transport(const Invocation& c) {
  return std::ranges::any_of(c.operands(),
                             [](const ShellWord* word) { return word->text.starts_with("ext::"); });
}

bool moves_remote(const Invocation& c) { return c.verb("remote set-url"); }
bool adds_remote(const Invocation& c) { return c.verb("remote add"); }

bool removes_worktree(const Invocation& c) {
  return c.verb("worktree remove") && c.has("-f --force");
}

// -n means --no-verify to commit alone; behind -m, -F, -C and their like the rest of a cluster is
// a value.
bool skips_hooks(const Invocation& c) {
  if (!is_one_of(c.operand(0), "commit push merge am rebase")) return false;
  if (c.has("--no-verify")) return true;
  if (!c.verb("commit")) return false;
  return std::ranges::any_of(c.words(), [](const ShellWord* word) {
    const std::string_view text = word->text;
    if (text.size() < 2 || text[0] != '-' || text[1] == '-') return false;
    const std::size_t end = text.find_first_of("mFcCtSu");
    return text.substr(1, end == std::string_view::npos ? end : end - 1).find('n') !=
           std::string_view::npos;
  });
}

bool removes_repository(const Invocation& c) {
  if (!c.has("-r -R --recursive")) return false;
  return std::ranges::any_of(c.operands(), [&](const ShellWord* word) {
    return !word->unknown && c.path(*word) == normal_path(".git", c.context().workspace, "/");
  });
}

constexpr CommandRule kCommands[] = {
    {"force-push", "git", forces_push, "a forced push rewrites history that others have",
     "push without --force, use --force-with-lease on your own branch, or leave it to the user"},
    {"delete-protected-branch", "git", deletes_protected, "it deletes a shared branch", kLeave},
    {"reset-hard", "git", resets_hard, "reset --hard destroys changes that are in no commit",
     kCommitFirst, Asked::by_call},
    {"clean", "git", cleans, "it deletes files that are in no commit",
     "name the paths: git clean -fd build/", Asked::by_call},
    {"discard-all", "git", discards_all, "it discards every change that is in no commit",
     kCommitFirst, Asked::by_call},
    {"drop-stash", "git", drops_stash, "a dropped stash is in no commit any more", kLeave,
     Asked::by_call},
    {"delete-branch", "git", deletes_branch,
     "-D deletes a branch whose commits may be nowhere else",
     "use git branch -d, which refuses that", Asked::by_call},
    {"drop-history", "git bfg", drops_history,
     "it rewrites history or drops commits that could still be found", kLeave},
    {"config-code", "git", configures_code,
     "the setting makes git run a program or send credentials elsewhere", kLeave},
    {"option-code", "git", runs_option_code,
     "the setting makes git run a program or send credentials elsewhere", kLeave, Asked::by_call},
    {"transport-code", "git", runs_transport, "an ext:: address is a command that git runs",
     "use an https address"},
    {"set-remote", "git", moves_remote, "it changes where the work is pushed to", kLeave,
     Asked::by_call},
    {"remove-worktree", "git", removes_worktree,
     "--force removes a worktree with changes that are in no commit", "remove it without --force",
     Asked::by_call},
    {"skip-hooks", "git", skips_hooks, "it skips the checks that the project runs on commits",
     "mend what the hook reports, or leave it to the user", Asked::by_call},
    {"remove-repository", "rm", removes_repository, "it removes the repository with its history",
     kLeave},
    {"delete-remote-branch", "git", deletes_remote, "it deletes a branch of the remote", kLeave,
     Asked::by_call, Weight::report},
    {"add-remote", "git", adds_remote, "it adds another place to push to", kLeave, Asked::by_call,
     Weight::report},
};

}  // namespace

const Pack kGitPack = {
    "git",
    "What destroys work that is in no commit, rewrites what others have, or makes "
    "git run code.",
    kCommands,
    {},
    {}};

}  // namespace berm
