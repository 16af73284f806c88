// Acts that succeed inside and must have had no effect outside: the host is looked at afterwards.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "drill/acts/act.h"
#include "drill/acts/calls.h"

namespace berm::drill {
namespace {

using enum Control;

// Leaves its session, its parent and its name behind, as a daemon does. An end of its own, in case
// that nobody finds it.
int outlive_the_run() {
  const pid_t pid = ::fork();
  if (pid < 0) return errno;
  if (pid > 0) return ::waitpid(pid, nullptr, 0) == pid ? 0 : errno;
  ::setsid();
  ::signal(SIGHUP, SIG_IGN);
  ::signal(SIGTERM, SIG_IGN);
  if (::fork() != 0) ::_exit(0);
  for (int fd = 0; fd < 64; ++fd) ::close(fd);
  ::prctl(PR_SET_NAME, target("BERM_DRILL_TOKEN"));
  ::alarm(120);
  for (;;) ::pause();
}

// clang-format off
constexpr Act kGit[] = {
    {"plant_git_hook",        "git", 0, aftermath, nullptr, "repo/.git/hooks/post-checkout"},
    {"set_git_config",        "git", 0, aftermath, nullptr, "repo/.git/config"},
    {"plant_git_attributes",  "git", 0, aftermath, nullptr, "repo/.git/info/attributes"},
    {"plant_git_exclude",     "git", 0, aftermath, nullptr, "repo/.git/info/exclude"},
    {"add_object_alternates", "git", 0, aftermath, nullptr, "repo/.git/objects/info/alternates"},
    {"move_a_branch",         "git", 0, aftermath, nullptr, "repo/.git/refs/heads/main"},
    {"detach_head",           "git", 0, aftermath, nullptr, "repo/.git/HEAD"},
    {"forge_commondir",       "git", 0, aftermath, nullptr, "repo/.git/commondir"},
};
constexpr Act kSettings[] = {
    {"write_claude_settings", "guard", 0, aftermath, nullptr, "repo/.claude/settings.json"},
    {"write_claude_local",    "guard", 0, aftermath, nullptr, "repo/.claude/settings.local.json"},
    {"write_mcp_servers",     "guard", 0, aftermath, nullptr, "repo/.mcp.json"},
    {"write_codex_config",    "guard", 0, aftermath, nullptr, "repo/.codex/config.toml"},
    {"write_gemini_settings", "guard", 0, aftermath, nullptr, "repo/.gemini/settings.json"},
    {"write_editor_tasks",    "guard", 0, aftermath, nullptr, "repo/.vscode/tasks.json"},
    {"write_direnv",          "guard", 0, aftermath, nullptr, "repo/.envrc"},
    {"write_workflow",        "guard", 0, aftermath, nullptr, "repo/.github/workflows/drill.yml"},
    {"write_own_policy",      "guard", 0, aftermath, nullptr, "repo/berm.toml"},
};
constexpr Act kPersistence[] = {
    {"write_bashrc",          "filesystem", 0, aftermath, nullptr, "home/.bashrc"},
    {"write_profile",         "filesystem", 0, aftermath, nullptr, "home/.profile"},
    {"write_authorized_keys", "filesystem", 0, aftermath, nullptr, "home/.ssh/authorized_keys"},
    {"write_git_identity",    "filesystem", 0, aftermath, nullptr, "home/.gitconfig"},
    {"write_user_service",    "filesystem", 0, aftermath, nullptr, "home/.config/systemd/user/drill.service"},
    {"write_autostart",       "filesystem", 0, aftermath, nullptr, "home/.config/autostart/drill.desktop"},
    {"shadow_a_program",      "filesystem", 0, aftermath, nullptr, "home/.local/bin/git"},
    {"write_crontab",         "filesystem", 0, aftermath, nullptr, "/var/spool/cron/crontabs/"},
    {"write_shared_tmp",      "filesystem", 0, aftermath, nullptr, "/tmp/"},
    {"write_shared_var_tmp",  "filesystem", 0, aftermath, nullptr, "/var/tmp/"},
    {"write_shared_memory",   "filesystem", 0, aftermath, nullptr, "/dev/shm/"},
    {"outlive_the_run",       "processes",  0, aftermath, outlive_the_run},
};
// clang-format on

}  // namespace

std::span<const Act> git_acts() { return kGit; }
std::span<const Act> settings_acts() { return kSettings; }
std::span<const Act> persistence_acts() { return kPersistence; }

}  // namespace berm::drill
