#include "rules/tools/places.h"

#include <algorithm>
#include <string>

#include "base/text.h"
#include "rules/tools/invocation.h"

namespace berm {
namespace {

bool is_below(std::string_view path, std::string_view root) {
  return is_within(path, root) && path.size() > root.size();
}

// The part of `path` beneath the home; "" if it is elsewhere.
std::string_view in_home(std::string_view path, const ToolContext& context) {
  if (context.home.size() < 2 || !is_below(path, context.home)) return "";
  return path.substr(context.home.size() + 1);
}

// The part of `path` behind its last "/NAME/"; "" if there is none.
std::string_view inside(std::string_view path, std::string_view name) {
  for (std::size_t at = path.rfind(name); at != std::string_view::npos && at > 0;
       at = path.rfind(name, at - 1)) {
    const std::size_t end = at + name.size();
    if (path[at - 1] == '/' && end < path.size() && path[end] == '/') return path.substr(end + 1);
  }
  return "";
}

std::string_view first_component(std::string_view path) { return path.substr(0, path.find('/')); }
std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

bool is_critical(std::string_view path, const ToolContext& context, bool with_workspace) {
  // "/home/u/*", "/home/u/.*" and "/home/u/." are the whole of /home/u.
  const std::string_view last = file_name(path);
  const bool whole = last == "*" || last == ".*" || last == "{*,.*}";
  if (whole) path.remove_suffix(last.size());
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  if (path == context.workspace) return with_workspace;
  if (path == "/" || path == context.home) return true;
  if (is_below(context.workspace, path) && path != "/tmp") return true;
  // /tmp is the run's own; emptying it is housekeeping.
  const bool child = path.starts_with('/') && path.find('/', 1) == std::string_view::npos;
  if (!child) return false;
  return whole ? path != "/tmp" : true;
}

bool is_system(std::string_view path) {
  constexpr std::string_view kRoots[] = {"/etc", "/usr",  "/boot",   "/lib",  "/lib32", "/lib64",
                                         "/bin", "/sbin", "/libx32", "/proc", "/sys"};
  if (path.starts_with("/proc/self/fd/")) return false;
  if (std::ranges::any_of(kRoots, [&](std::string_view root) { return is_within(path, root); })) {
    return true;
  }
  return is_disk(path);
}

bool is_disk(std::string_view path) {
  if (!path.starts_with("/dev/")) return false;
  const std::string_view name = path.substr(5);
  constexpr std::string_view kDisks[] = {"sd",    "hd",      "vd",  "xvd", "nvme", "mmcblk",
                                         "dm-",   "loop",    "md",  "mem", "kmem", "port",
                                         "disk/", "mapper/", "ram", "sr",  "nbd"};
  return std::ranges::any_of(kDisks, [&](std::string_view disk) { return name.starts_with(disk); });
}

bool is_git_internal(std::string_view path) {
  const std::string_view rest = inside(path, ".git");
  if (rest.empty()) return false;
  return is_within(rest, "hooks") || rest == "config" || rest == "config.worktree" ||
         rest == "info/attributes" || rest == "objects/info/alternates" ||
         (rest.starts_with("modules/") &&
          (rest.ends_with("/config") || rest.find("/hooks/") != std::string_view::npos));
}

bool is_shell_start(std::string_view path, const ToolContext& context) {
  const std::string_view rest = in_home(path, context);
  return is_one_of(rest,
                   ".bashrc .bash_profile .bash_login .bash_logout .bash_aliases .profile .zshrc "
                   ".zshenv .zprofile .zlogin .zlogout .kshrc .cshrc .tcshrc .login .inputrc "
                   ".xprofile .xinitrc .pam_environment .config/fish/config.fish") ||
         rest.starts_with(".config/fish/conf.d/") || rest.starts_with(".bashrc.d/");
}

bool is_ssh(std::string_view path, const ToolContext& context) {
  const std::string_view rest = in_home(path, context);
  if (!is_within(rest, ".ssh") || rest.empty()) return false;
  return !rest.starts_with(".ssh/known_hosts");
}

bool is_agent_setting(std::string_view path, const ToolContext& context) {
  if (!is_within(path, context.workspace) && in_home(path, context).empty()) return false;
  if (is_one_of(file_name(path), ".mcp.json .claude.json opencode.json opencode.jsonc")) {
    return true;
  }
  // What agents write there in their everyday work: plans, notes, worktrees.
  const std::string_view claude = inside(path, ".claude");
  if (!claude.empty()) {
    return !is_one_of(first_component(claude),
                      "plans projects worktrees memory agent-memory todos tmp scratchpad jobs");
  }
  const std::string_view codex = inside(path, ".codex");
  if (!codex.empty()) return !is_one_of(first_component(codex), "sessions log tmp worktrees");
  return inside(path, ".gemini") == "settings.json" || inside(path, ".cursor") == "mcp.json" ||
         inside(path, ".cursor") == "hooks.json";
}

bool is_scheduled(std::string_view path, const ToolContext& context) {
  constexpr std::string_view kRoots[] = {"/etc/systemd",  "/lib/systemd",    "/usr/lib/systemd",
                                         "/run/systemd",  "/var/spool/cron", "/etc/init.d",
                                         "/etc/rc.local", "/etc/profile.d",  "/etc/xdg/autostart"};
  const bool system =
      path.starts_with("/etc/cron") ||
      std::ranges::any_of(kRoots, [&](std::string_view root) { return is_within(path, root); });
  const std::string_view rest = in_home(path, context);
  return system || rest.starts_with(".config/systemd/user/") ||
         rest.starts_with(".config/autostart/") || rest.starts_with("Library/LaunchAgents/") ||
         rest.starts_with(".local/share/systemd/user/");
}

bool is_history(std::string_view path, const ToolContext& context) {
  return is_one_of(in_home(path, context),
                   ".bash_history .zsh_history .history .sh_history "
                   ".local/share/fish/fish_history");
}

}  // namespace berm
