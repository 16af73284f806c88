// filesystem: files that other programs believe or run, and what changes how the tree is seen.
#include <algorithm>

#include "rules/tools/packs/pack.h"

namespace berm {
namespace {

constexpr std::string_view kWorkspace = "write below the workspace, or leave it to the user";

// "4755", "u+s", "a=rxs": whoever runs the file then runs it as its owner.
bool sets_id(std::string_view mode) {
  const bool octal = mode.size() >= 4 && mode.size() <= 5 &&
                     mode.find_first_not_of("01234567") == std::string_view::npos;
  if (octal) return (mode[mode.size() - 4] - '0') >= 2;
  const std::size_t at = mode.find_first_of("+=");
  return at != std::string_view::npos && mode.find_first_not_of("ugoa") == at &&
         mode.find('s', at) != std::string_view::npos;
}

bool makes_setuid(const Invocation& c) {
  if (c.program() == "setcap") return !c.has("-r -v");
  if (c.program() == "install") return sets_id(c.value("-m --mode"));
  return sets_id(c.operand(0));
}

// Without operands, mount only lists.
bool mounts(const Invocation& c) {
  if (is_one_of(c.program(), "mount umount")) return !c.operands().empty() || c.has("-a --all");
  if (c.program() == "losetup") return !c.operands().empty();
  return !c.has("--help --version");
}

bool makes_device(const Invocation& c) { return is_one_of(c.operand(1), "b c u"); }

// A link in the workspace to what lies outside makes later writes land there.
bool links_to_critical(const Invocation& c) {
  const std::size_t targets =
      c.operands().size() < 2 ? c.operands().size() : c.operands().size() - 1;
  for (std::size_t i = 0; i < targets; ++i) {
    const ShellWord& word = *c.operands()[i];
    if (!word.text.starts_with('/') && !word.text.starts_with('~')) continue;
    const std::string path = c.path(word);
    if (is_critical(path, c.context(), false) || is_ssh(path, c.context()) ||
        is_one_of(path,
                  "/etc/shadow /etc/passwd /etc/sudoers /var/run/docker.sock "
                  "/run/docker.sock") ||
        path == c.context().home + "/.ssh") {
      return true;
    }
  }
  return false;
}

constexpr CommandRule kCommands[] = {
    {"setuid", "chmod install setcap", makes_setuid,
     "whoever runs the file gets its owner's privileges", "leave the special bits out"},
    {"mount", "mount umount losetup pivot_root fusermount fusermount3", mounts,
     "it changes what the file tree shows", "leave it to the user"},
    {"device", "mknod", makes_device, "it makes a device", "leave it to the user"},
    {"link-critical", "ln", links_to_critical,
     "the link leads to a system directory, the home or its keys", "link within the workspace"},
};

constexpr WriteRule kWrites[] = {
    {"git-internals",
     [](std::string_view path, const ToolContext&) { return is_git_internal(path); },
     "git runs or believes what stands there", "use git's own commands, or leave it to the user"},
    {"ssh", is_ssh, "it decides who can log in, and as whom", "leave it to the user"},
    {"shell-start", is_shell_start, "the next shell runs it", "set variables in your own command"},
    {"agent-settings", is_agent_setting, "it decides what agents may do", "leave it to the user"},
    {"system", [](std::string_view path, const ToolContext&) { return is_system(path); },
     "it belongs to the system", kWorkspace},
};

}  // namespace

const Pack kFilesystemPack = {"filesystem",
                              "Files that other programs believe or run, and what changes how the "
                              "tree is seen.",
                              kCommands,
                              kWrites,
                              {}};

}  // namespace berm
