// src/rules/tools/places.h: the paths that packs care about. Internal.
#pragma once

#include <string_view>

#include "rules/tools/decide.h"

namespace berm {

/// "/", a directory that stands directly in it (but /tmp), the home, a parent of the workspace; and
/// with `with_workspace` the workspace itself. Also everything in one of them at once ("/*").
[[nodiscard]] bool is_critical(std::string_view path, const ToolContext& context,
                               bool with_workspace);

/// Beneath /etc, /usr, /boot, /lib …, /proc, /sys, or a device that is not a harmless one.
[[nodiscard]] bool is_system(std::string_view path);
/// A disk, memory, or another device whose bytes somebody lives on.
[[nodiscard]] bool is_disk(std::string_view path);
/// `.git/config`, `.git/hooks/…` and what else git runs or believes.
[[nodiscard]] bool is_git_internal(std::string_view path);
/// `~/.bashrc`, `~/.profile`, …: run by the next shell.
[[nodiscard]] bool is_shell_start(std::string_view path, const ToolContext& context);
/// `~/.ssh/…` except known_hosts.
[[nodiscard]] bool is_ssh(std::string_view path, const ToolContext& context);
/// What decides how an agent works: `.claude/settings.json`, `.codex/…`, `.mcp.json`.
[[nodiscard]] bool is_agent_setting(std::string_view path, const ToolContext& context);
/// cron tables, systemd units, autostart entries.
[[nodiscard]] bool is_scheduled(std::string_view path, const ToolContext& context);
/// `~/.bash_history` and its like.
[[nodiscard]] bool is_history(std::string_view path, const ToolContext& context);

}  // namespace berm
