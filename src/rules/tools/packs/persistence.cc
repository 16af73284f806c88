// persistence: what runs later, when nobody looks any more.
#include <algorithm>

#include "rules/tools/packs/pack.h"

namespace berm {
namespace {

constexpr std::string_view kLeave = "leave it to the user";

// `crontab -l` lists; without operands it reads a new table from standard input.
bool schedules(const Invocation& c) {
  if (c.program() == "crontab") return !c.has("-l -T --help -h -V");
  if (is_one_of(c.program(), "at batch")) return !c.has("-l -q -c -V");
  return false;
}

bool enables_service(const Invocation& c) {
  const std::string_view verb = c.operand(0);
  if (c.program() == "systemctl") {
    return is_one_of(verb, "enable reenable link edit set-default preset add-wants mask");
  }
  if (c.program() == "launchctl") return is_one_of(verb, "load bootstrap enable submit");
  if (c.program() == "rc-update") return verb == "add";
  if (c.program() == "loginctl") return verb == "enable-linger";
  if (c.program() == "pm2") return is_one_of(verb, "startup save");
  return !c.has("--help --list");
}

bool changes_account(const Invocation& c) {
  if (c.has("--help --version -S --status -l")) return false;
  return c.program() != "visudo" || !c.has("-c --check");
}

// Often the wrapper of what goes on: `nohup npm run dev &`.
const SimpleCommand* detaches(const ScriptView& view) {
  constexpr std::string_view kPrograms = "nohup disown setsid daemonize systemd-run";
  for (const Invocation& c : view.commands) {
    const bool wrapped = std::ranges::any_of(
        c.command().wrappers, [&](const std::string& name) { return is_one_of(name, kPrograms); });
    if (wrapped || is_one_of(c.program(), kPrograms)) return &c.command();
  }
  return nullptr;
}

constexpr CommandRule kCommands[] = {
    {"schedule", "crontab at batch", schedules, "it runs later, when nobody looks", kLeave},
    {"service", "systemctl launchctl rc-update loginctl update-rc.d chkconfig pm2", enables_service,
     "it starts with the machine or the login", kLeave},
    {"account", "useradd usermod userdel adduser deluser groupadd passwd chpasswd visudo chsh",
     changes_account, "it changes who can log in, and as whom", kLeave},
};

constexpr ScriptRule kScripts[] = {
    {"detach", detaches, "it goes on when the call has ended",
     "use the tool's own way to run in the background", Weight::report},
};

constexpr WriteRule kWrites[] = {
    {"scheduled-file", is_scheduled, "it is run later, when nobody looks", kLeave},
    {"shell-start", is_shell_start, "the next shell runs it", "set variables in your own command"},
    {"login-key",
     [](std::string_view path, const ToolContext&) { return path.ends_with("/authorized_keys"); },
     "it lets somebody log in", kLeave},
    {"git-hook",
     [](std::string_view path, const ToolContext&) {
       return path.find("/.git/hooks/") != std::string_view::npos;
     },
     "git runs it later", kLeave},
};

}  // namespace

const Pack kPersistencePack = {"persistence", "What runs later, when nobody looks any more.",
                               kCommands, kWrites, kScripts};

}  // namespace berm
