// core: what makes a machine, a home or the workspace unusable.
#include <algorithm>

#include "rules/tools/packs/pack.h"

namespace berm {
namespace {

constexpr std::string_view kLeave = "name the exact files below the workspace instead";

bool is_recursive(const Invocation& c) { return c.has("-r -R --recursive"); }

bool removes_critical(const Invocation& c) {
  const bool tree = is_recursive(c) || c.program() == "rmdir";
  return std::ranges::any_of(c.operands(), [&](const ShellWord* word) {
    if (word->unknown || (!tree && !word->glob)) return false;
    return is_critical(c.path(*word), c.context(), true);
  });
}

// `rm -rf "$DIR"/*`: with DIR empty or unset this is "/*". `${DIR:?}` cannot be empty.
bool removes_behind_unknown(const Invocation& c) {
  constexpr std::string_view kSystem =
      "* .* bin boot dev etc home lib lib64 opt proc root run sbin srv sys usr var Users";
  if (!is_recursive(c) || c.command().source.find(":?") != std::string::npos) return false;
  return std::ranges::any_of(c.operands(), [&](const ShellWord* word) {
    std::string_view text = word->text;
    if (text.empty() || text.front() != kUnknownPart) return false;
    while (!text.empty() && text.front() == kUnknownPart) text.remove_prefix(1);
    if (!text.starts_with('/')) return false;
    text.remove_prefix(1);
    return text.empty() || is_one_of(text.substr(0, text.find('/')), kSystem);
  });
}

bool removes_unknown(const Invocation& c) {
  return is_recursive(c) && c.has("-f --force") &&
         std::ranges::any_of(c.operands(), [](const ShellWord* word) {
           return !word->text.empty() && word->text.front() == kUnknownPart;
         });
}

bool finds_and_deletes(const Invocation& c) {
  bool deletes = false;
  bool selects = false;
  for (std::size_t i = 0; i < c.words().size(); ++i) {
    const std::string_view word = c.words()[i]->text;
    if (word == "-delete") deletes = true;
    if (is_one_of(word, "-exec -execdir -ok") && i + 1 < c.words().size()) {
      const std::string_view program = program_name(c.words()[i + 1]->text);
      deletes = deletes || is_one_of(program, "rm shred unlink");
    }
    selects = selects || is_one_of(word,
                                   "-name -iname -path -ipath -regex -iregex -empty -newer "
                                   "-mtime -mmin -size -wholename -inum -lname");
  }
  if (!deletes || c.words().empty()) return false;
  const ShellWord& start = *c.words().front();
  if (start.text.starts_with('-')) return !selects;
  const std::string path = c.path(start);
  return path == "/" || (!selects && is_critical(path, c.context(), true));
}

bool changes_critical_tree(const Invocation& c) {
  if (!is_recursive(c)) return false;
  return std::ranges::any_of(c.operands(), [&](const ShellWord* word) {
    return !word->unknown && is_critical(c.path(*word), c.context(), false);
  });
}

bool moves_critical(const Invocation& c) {
  const std::size_t sources = c.operands().size() < 2 ? 0 : c.operands().size() - 1;
  for (std::size_t i = 0; i < sources; ++i) {
    const ShellWord& word = *c.operands()[i];
    // `mv * sub/` moves within the workspace: nothing is lost.
    if (!word.unknown && is_critical(c.path(word), c.context(), !word.glob)) return true;
  }
  return false;
}

bool destroys_device(const Invocation& c) {
  if (c.program() == "shred" || c.program() == "badblocks" || c.program() == "hdparm") {
    if (c.program() == "badblocks" && !c.has("-w")) return false;
    if (c.program() == "hdparm" && !c.has("--security-erase --trim-sector-ranges")) return false;
  }
  if (is_one_of(c.program(), "fdisk parted sgdisk sfdisk") && c.has("-l --list -p --print")) {
    return false;
  }
  return std::ranges::any_of(c.operands(),
                             [&](const ShellWord* word) { return is_disk(c.path(*word)); });
}

// In `kill -9 -1` the last word is a process id: everybody we may signal. In `kill -1 77` it is the
// signal.
bool kills_everything(const Invocation& c) {
  if (c.program() == "killall5") return true;
  bool signal_seen = false;
  for (const ShellWord* word : c.words()) {
    const std::string_view text = word->text;
    if (text == "-1" && signal_seen) return true;
    if (text.starts_with('-')) signal_seen = true;
  }
  return false;
}

bool switches_off(const Invocation& c) {
  if (c.program() == "systemctl") {
    return is_one_of(c.operand(0), "reboot poweroff halt kexec suspend hibernate emergency rescue");
  }
  if (c.program() == "init" || c.program() == "telinit") return is_one_of(c.operand(0), "0 1 6");
  return !c.has("--help --version -c --show");
}

bool wipes_history(const Invocation& c) {
  if (c.program() == "history") return c.has("-c");
  return c.operand(0) == "HISTFILE";
}

bool loads_module(const Invocation& c) {
  if (c.program() == "sysctl") return c.has("-w --write -p --load --system");
  return !c.has("--help --version -n --dry-run --show-depends");
}

// `:(){ :|:& };:` under any name: a function that pipes itself into itself, in the background.
const SimpleCommand* is_fork_bomb(const ScriptView& view) {
  std::string text;
  for (const char c : view.text) {
    if (c != ' ' && c != '\t' && c != '\n') text += c;
  }
  const std::size_t at = text.find("(){");
  if (at == std::string::npos || view.script.commands.empty()) return nullptr;
  std::size_t begin = at;
  while (begin > 0 && std::string_view(";&|){}(").find(text[begin - 1]) == std::string_view::npos) {
    --begin;
  }
  std::string_view name = std::string_view(text).substr(begin, at - begin);
  if (name.starts_with("function")) name.remove_prefix(8);
  if (name.empty()) return nullptr;
  const std::string self = std::string(name) + "|" + std::string(name) + "&";
  return text.find(self, at) == std::string::npos ? nullptr : &view.script.commands.front();
}

constexpr CommandRule kCommands[] = {
    {"remove-critical", "rm rmdir", removes_critical,
     "it removes a system directory, the home, or the whole workspace", kLeave},
    {"remove-behind-unknown", "rm", removes_behind_unknown,
     "with the variable empty it removes '/' or a system directory",
     "write \"${NAME:?}/…\", or the path itself"},
    {"find-delete", "find", finds_and_deletes,
     "it deletes everything below a system directory, the home, or the workspace",
     "begin at a directory below the workspace, with a test such as -name"},
    {"change-critical-tree", "chmod chown chgrp setfacl", changes_critical_tree,
     "it changes the permissions of a whole system directory or the home", kLeave},
    {"move-critical", "mv", moves_critical,
     "it moves a system directory, the home or the workspace away", kLeave},
    {"destroy-device",
     "mkfs mkfs.ext2 mkfs.ext3 mkfs.ext4 mkfs.xfs mkfs.btrfs mkfs.vfat mkswap wipefs shred "
     "blkdiscard fdisk parted sgdisk sfdisk badblocks hdparm cryptsetup",
     destroys_device, "it destroys what is on a device", "use a file in the workspace as an image"},
    {"kill-everything", "kill killall5", kills_everything,
     "it ends every process that this user may signal", "name the process id"},
    {"power", "shutdown reboot halt poweroff init telinit systemctl", switches_off,
     "it stops the machine", "leave it to the user"},
    {"kernel", "insmod rmmod modprobe sysctl kexec", loads_module, "it changes the running kernel",
     "leave it to the user"},
    {"wipe-history", "history unset", wipes_history,
     "it removes the shell's history, which others read", "leave the history alone"},
    {"remove-unknown", "rm", removes_unknown, "what it removes is only known when it runs",
     "write the path itself", Asked::by_call, Weight::report},
};

constexpr WriteRule kWrites[] = {
    {"write-device", [](std::string_view path, const ToolContext&) { return is_disk(path); },
     "it writes over a device", "use a file in the workspace as an image"},
    {"write-history", is_history, "it removes or changes the shell's history, which others read",
     "leave the history alone"},
};

constexpr ScriptRule kScripts[] = {
    {"fork-bomb", is_fork_bomb, "it starts processes without end", "leave it out"},
};

}  // namespace

const Pack kCorePack = {"core", "What makes a machine, a home or the workspace unusable.",
                        kCommands, kWrites, kScripts};

}  // namespace berm
