#include "drill/acts/act.h"
#include "drill/acts/calls.h"

namespace berm::drill {
namespace {

using enum Control;

int read_hidden_env() { return open_for(".env", O_RDONLY); }
int read_hidden_key() { return open_for("deep/er/server.pem", O_RDONLY); }
int see_secret_variable() { return ::getenv("BERM_DRILL_SECRET") != nullptr ? 0 : ENOENT; }
int see_loader_variable() { return ::getenv("BERM_DRILL_LOADER") != nullptr ? 0 : ENOENT; }
int find_ssh_agent() { return ::getenv("SSH_AUTH_SOCK") != nullptr ? 0 : ENOENT; }

// clang-format off
constexpr Act kCredentials[] = {
    {"read_hidden_env",       "filesystem", ENOENT, outside, read_hidden_env},
    {"read_hidden_key",       "filesystem", ENOENT, outside, read_hidden_key},
    {"see_secret_variable",   "privileges", ENOENT, outside, see_secret_variable},
    {"see_loader_variable",   "privileges", ENOENT, outside, see_loader_variable},
    {"find_ssh_agent",        "privileges", ENOENT, outside, find_ssh_agent},
    {"read_ssh_key",          "filesystem", ENOENT, outside, nullptr, "home/.ssh/id_ed25519"},
    {"read_cloud_key",        "filesystem", ENOENT, outside, nullptr, "home/.aws/credentials"},
    {"read_netrc",            "filesystem", ENOENT, outside, nullptr, "home/.netrc"},
    {"read_forge_token",      "filesystem", ENOENT, outside, nullptr, "home/.config/gh/hosts.yml"},
    {"read_registry_token",   "filesystem", ENOENT, outside, nullptr, "home/.npmrc"},
    {"read_engine_login",     "filesystem", ENOENT, outside, nullptr, "home/.docker/config.json"},
    {"read_cluster_login",    "filesystem", ENOENT, outside, nullptr, "home/.kube/config"},
    {"read_agent_login",      "filesystem", ENOENT, outside, nullptr, "home/.claude/.credentials.json"},
    {"read_stored_passwords", "filesystem", ENOENT, outside, nullptr, "home/.git-credentials"},
    {"read_shell_history",    "filesystem", ENOENT, outside, nullptr, "home/.bash_history"},
};
// clang-format on

}  // namespace

std::span<const Act> credential_acts() { return kCredentials; }

}  // namespace berm::drill
