#include "host/residue/classes.h"

namespace berm::residue {
namespace {

constexpr std::string_view kDelete = "delete it once nobody needs it";
constexpr std::string_view kLogout =
    "log out with the agent, which revokes it, then delete the file";
constexpr std::string_view kSettings = "take the settings out with git config --unset-all";
constexpr std::string_view kHistory =
    "edit the file, and replace the credential where it was issued";

constexpr auto kHome = Place::home;
constexpr auto kTmp = Place::tmp;
constexpr auto kWork = Place::workspace;
constexpr auto kAuto = Remedy::automatic;
constexpr auto kAsk = Remedy::on_request;
constexpr auto kHand = Remedy::by_hand;

// clang-format off
constexpr ResidueClass kClasses[] = {
    {"claude-login",       kHome, ".claude/.credentials.json",          Shape::file, kAsk, 0, nullptr, "Claude Code's login", kLogout},
    {"claude-state",       kHome, ".claude.json",                       Shape::file, kHand, 0, holds_claude_account, "Claude Code's state, with an account, approved keys or servers' environment", "run claude /logout and look through the file"},
    {"claude-backups",     kHome, ".claude/backups",                    Shape::tree, kAsk, 0, nullptr, "copies of Claude Code's state", kDelete},
    {"claude-transcripts", kHome, ".claude/projects",                   Shape::tree, kAsk, 0, nullptr, "Claude Code's transcripts: every file and output it has read", kDelete},
    {"claude-history",     kHome, ".claude/history.jsonl",              Shape::file, kAsk, 0, nullptr, "prompts typed to Claude Code", kDelete},
    {"claude-shell",       kHome, ".claude/shell-snapshots",            Shape::tree, kAsk, 0, nullptr, "the shell's functions and variables, as Claude Code saved them", kDelete},
    {"claude-environment", kHome, ".claude/session-env",                Shape::tree, kAsk, 0, nullptr, "environments of Claude Code's sessions", kDelete},
    {"claude-debug",       kHome, ".claude/debug",                      Shape::tree, kAuto, 1, nullptr, "Claude Code's debug logs", kDelete},
    {"codex-login",        kHome, ".codex/auth.json",                   Shape::file, kAsk, 0, nullptr, "Codex's login", kLogout},
    {"codex-history",      kHome, ".codex/history.jsonl",               Shape::file, kAsk, 0, nullptr, "prompts typed to Codex", kDelete},
    {"codex-transcripts",  kHome, ".codex/sessions",                    Shape::tree, kAsk, 0, nullptr, "Codex's transcripts", kDelete},
    {"codex-log",          kHome, ".codex/log",                         Shape::tree, kAuto, 1, nullptr, "Codex's logs", kDelete},
    {"gemini-login",       kHome, ".gemini/oauth_creds.json",           Shape::file, kAsk, 0, nullptr, "Gemini CLI's login", kLogout},
    {"gemini-transcripts", kHome, ".gemini/tmp",                        Shape::tree, kAsk, 0, nullptr, "Gemini CLI's prompts and transcripts", kDelete},
    {"opencode-login",     kHome, ".local/share/opencode/auth.json",    Shape::file, kAsk, 0, nullptr, "opencode's logins", kLogout},
    {"opencode-transcripts", kHome, ".local/share/opencode/storage",    Shape::tree, kAsk, 0, nullptr, "opencode's transcripts", kDelete},
    {"opencode-log",       kHome, ".local/share/opencode/log",          Shape::tree, kAuto, 1, nullptr, "opencode's logs", kDelete},
    {"anthropic-login",    kHome, ".config/anthropic/credentials/*.json", Shape::file, kAsk, 0, nullptr, "a login for Anthropic's API", kLogout},
    {"huggingface-token",  kHome, ".cache/huggingface/token",           Shape::file, kAsk, 0, nullptr, "a Hugging Face token", kLogout},
    {"huggingface-token",  kHome, ".cache/huggingface/stored_tokens",   Shape::file, kAsk, 0, nullptr, "Hugging Face tokens", kLogout},
    {"huggingface-token",  kHome, ".huggingface/token",                 Shape::file, kAsk, 0, nullptr, "a Hugging Face token", kLogout},
    {"git-credentials",    kHome, ".git-credentials",                   Shape::file, kAsk, 0, holds_url_login, "passwords that git credential-store keeps in clear", "use a credential helper of the system, then delete the file"},
    {"netrc",              kHome, ".netrc",                             Shape::file, kHand, 0, holds_password_entry, "passwords that curl and git send by themselves", "take the entries out that nobody needs"},
    {"docker-login",       kHome, ".docker/config.json",                Shape::file, kHand, 0, holds_docker_login, "registry passwords in clear (base64)", "run docker logout, and set a credsStore"},
    {"git-settings",       kHome, ".gitconfig",                         Shape::git_config, kAsk, 0, nullptr, "credentials in git's settings", kSettings},
    {"git-settings",       kHome, ".config/git/config",                 Shape::git_config, kAsk, 0, nullptr, "credentials in git's settings", kSettings},
    {"shell-history",      kHome, ".bash_history",                      Shape::history, kHand, 0, nullptr, "credentials typed to a shell", kHistory},
    {"shell-history",      kHome, ".zsh_history",                       Shape::history, kHand, 0, nullptr, "credentials typed to a shell", kHistory},
    {"shell-history",      kHome, ".local/share/fish/fish_history",     Shape::history, kHand, 0, nullptr, "credentials typed to a shell", kHistory},
    {"shell-history",      kHome, ".python_history",                    Shape::history, kHand, 0, nullptr, "credentials typed to Python", kHistory},
    {"shell-history",      kHome, ".node_repl_history",                 Shape::history, kHand, 0, nullptr, "credentials typed to Node", kHistory},
    {"gcp-credentials",    kWork, "gha-creds-*.json",                   Shape::file, kAuto, 0, nullptr, "Google credentials that google-github-actions/auth wrote into the workspace", kDelete},
    {"git-settings",       kWork, ".git/config",                        Shape::git_config, kAuto, 0, nullptr, "credentials in the repository's settings", kSettings},
    {"git-settings",       kWork, ".git/config.worktree",               Shape::git_config, kAuto, 0, nullptr, "credentials in the working tree's settings", kSettings},
    {"git-settings",       kWork, ".git/modules/*/config",              Shape::git_config, kAuto, 0, nullptr, "credentials in a submodule's settings", kSettings},
    {"git-settings",       kWork, ".git/modules/*/*/config",            Shape::git_config, kAuto, 0, nullptr, "credentials in a submodule's settings", kSettings},
    {"git-settings",       kWork, ".git/modules/*/modules/*/config",    Shape::git_config, kAuto, 0, nullptr, "credentials in a submodule's settings", kSettings},
    {"claude-temp",        kTmp,  "claude-*",                           Shape::tree, kAuto, 1, nullptr, "Claude Code's temporary files", kDelete},
    {"claude-temp",        kTmp,  "cc-daemon-*",                        Shape::tree, kAuto, 1, nullptr, "Claude Code's temporary files", kDelete},
    {"claude-socket",      kTmp,  "cc-socks*/*.sock",                   Shape::socket, kAuto, 0, nullptr, "a socket between Claude Code's sessions that nobody serves", kDelete},
    {"ssh-agent-socket",   kTmp,  "ssh-*/agent.*",                      Shape::socket, kAuto, 0, nullptr, "an ssh-agent's socket that nobody serves", kDelete},
};
// clang-format on

}  // namespace

std::span<const ResidueClass> residue_classes() { return kClasses; }

}  // namespace berm::residue
