#include "tiers/container/harden.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "rules/shell/shell.h"

namespace berm {
namespace {

constexpr std::string_view kFlags[] = {"--detach",
                                       "--disable-content-trust",
                                       "--init",
                                       "--interactive",
                                       "--no-healthcheck",
                                       "--oom-kill-disable",
                                       "--privileged",
                                       "--publish-all",
                                       "--quiet",
                                       "--read-only",
                                       "--rm",
                                       "--sig-proxy",
                                       "--tty",
                                       "--no-hosts",
                                       "--replace",
                                       "--tls-verify",
                                       "--env-host",
                                       "--http-proxy",
                                       "--no-hostname",
                                       "--passwd",
                                       "--read-only-tmpfs",
                                       "--rmi",
                                       "--rootfs",
                                       "--use-api-socket"};
constexpr std::string_view kShortFlags = "ditPq";

struct Option {
  std::string name;  ///< long form where we know it
  std::string value;
  std::vector<std::string> words;  ///< as given
};

std::string long_name(char letter) {
  switch (letter) {
    case 'v':
      return "--volume";
    case 'u':
      return "--user";
    case 'p':
      return "--publish";
    case 'P':
      return "--publish-all";
    case 'm':
      return "--memory";
    default:
      return std::string("-") + letter;
  }
}

bool is_flag(std::string_view name) { return std::ranges::find(kFlags, name) != std::end(kFlags); }

// One option from `words[at]` on; `at` moves behind it.
Option read_option(const std::vector<std::string>& words, std::size_t& at) {
  const std::string& word = words[at++];
  Option option{.name = word, .value = "", .words = {word}};
  const auto take_next = [&] {
    if (at >= words.size()) return;
    option.value = words[at];
    option.words.push_back(words[at++]);
  };
  if (word.starts_with("--")) {
    const std::size_t equals = word.find('=');
    option.name = word.substr(0, equals);
    if (equals != std::string::npos) {
      option.value = word.substr(equals + 1);
    } else if (!is_flag(word)) {
      take_next();
    }
    return option;
  }
  // -it, -dv /a:/b, -v/a:/b: the first letter that takes a value takes the rest, or the next word.
  const std::size_t letter = word.find_first_not_of(kShortFlags, 1);
  if (letter == std::string::npos) {
    if (word.find('P') != std::string::npos) option.name = "--publish-all";
    return option;
  }
  option.name = long_name(word[letter]);
  option.value = word.substr(letter + 1);
  if (option.value.starts_with('=')) option.value.erase(0, 1);
  if (option.value.empty()) take_next();
  return option;
}

// An option that we take for one with a value and is none would hide the next one from us.
bool is_doubtful(const Option& option) {
  return option.words.size() == 2 && option.value.size() > 1 && option.value.front() == '-' &&
         !(option.value[1] >= '0' && option.value[1] <= '9');
}

// Where on the host a mount comes from; "" for a named volume or nothing.
std::string mount_source(const Option& option) {
  if (option.name == "--volume") {
    const std::string from = option.value.substr(0, option.value.find(':'));
    return from.starts_with('/') || from.starts_with('~') || from.starts_with('.') ? from : "";
  }
  if (option.name != "--mount") return "";
  for (const std::string_view part : split(option.value, ',')) {
    for (const std::string_view key : {"src=", "source="}) {
      if (part.starts_with(key)) return std::string(part.substr(key.size()));
    }
  }
  return "";
}

std::string why_not_mount(std::string from) {
  while (from.size() > 1 && from.ends_with('/')) from.pop_back();
  if (from.ends_with(".sock") || from == "/run" || from == "/var/run") {
    return "a daemon's socket: who talks to an engine is root on the host";
  }
  if (from.starts_with("~") && from.find('/') == std::string::npos) return "a whole home directory";
  if (from.starts_with("/home/") && from.find('/', 6) == std::string::npos) {
    return "a whole home directory";
  }
  if (from.starts_with("..") || from.find("/../") != std::string::npos || from.ends_with("/.."))
    return "leads upwards";
  for (const std::string_view tree :
       {"/", "/proc", "/sys", "/dev", "/etc", "/root", "/home", "/var", "/boot"}) {
    if (from == tree) return "a part of the host itself, with its secrets or its devices";
  }
  for (const std::string_view tree :
       {"/proc/", "/sys/", "/dev/", "/etc/", "/root/", "/boot/", "/run/", "/var/"}) {
    if (from.starts_with(tree)) return "a part of the host itself, with its secrets or its devices";
  }
  for (const std::string_view part :
       {"/.ssh", "/.aws", "/.docker", "/.kube", "/.config/gcloud", "/.gnupg", "/.netrc"}) {
    if (from.find(part) != std::string::npos) return "credentials of yours";
  }
  return "";
}

struct Refused {
  std::string_view name;
  std::string_view value;  ///< "" = whatever it is
  std::string_view why;
};
constexpr Refused kRefused[] = {
    {"--privileged", "", "every capability, every device, no seccomp: root on the host"},
    {"--cap-add", "", "no agent needs a capability"},
    {"--device", "", "a device of the host"},
    {"--device-cgroup-rule", "", "devices of the host"},
    {"--pid", "", "the host's processes, or another container's"},
    {"--ipc", "", "shared memory of others"},
    {"--uts", "", "the host's name"},
    {"--userns", "host", "root inside is root outside"},
    {"--env-host", "", "every variable of yours, tokens too"},
    {"--use-api-socket", "", "who talks to an engine is root on the host"},
    {"--rootfs", "", "a directory of the host as the root"},
    {"--cgroupns", "", "the host's control groups"},
    {"--cgroup-parent", "", "out of the engine's limits"},
    {"--volumes-from", "", "whatever another container was given"},
    {"--group-add", "", "groups of the host open files and sockets"},
    {"--oom-kill-disable", "", "memory would not be held"},
    {"--publish", "", "there is no network to publish from"},
    {"--publish-all", "", "there is no network to publish from"},
    {"--network", "", "reaches everything, cloud metadata and your own services too"},
    {"--net", "", "reaches everything, cloud metadata and your own services too"},
    {"--security-opt", "", "set again below, from nothing"},
    {"--cap-drop", "", "set again below, for all"},
    {"--sysctl", "", "the kernel's settings are not the agent's"},
};

std::string why_not(const Option& option) {
  for (const Refused& refused : kRefused) {
    if (option.name == refused.name && (refused.value.empty() || option.value == refused.value)) {
      return std::string(refused.why);
    }
  }
  const std::string user = option.value.substr(0, option.value.find(':'));
  if (option.name == "--user" &&
      (user == "root" || user.find_first_not_of('0') == std::string::npos)) {
    return "root inside is one bug away from root outside";
  }
  const std::string from = mount_source(option);
  return from.empty() ? "" : why_not_mount(from);
}

struct Wanted {
  std::string_view name;
  std::string_view value;
  std::string_view why;
};
constexpr Wanted kWanted[] = {
    {"--network", "none", "nothing leaves; 'berm run' grants names instead"},
    {"--read-only", "", "nothing it writes into the image stays"},
    {"--tmpfs", "/tmp:rw,nosuid,nodev,size=512m", "a place to write"},
    {"--cap-drop", "ALL", "an engine's default leaves fourteen"},
    {"--security-opt", "no-new-privileges", "a setuid program gives nothing"},
    {"--ipc", "private", "shared memory of its own"},
    {"--pids-limit", "512", "a fork bomb ends in here"},
    {"--memory", "4g", "the host's memory is not the agent's"},
    {"--user", "65534:65534", "nobody, not root"},
};

Result<std::vector<std::string>> words_of(std::string_view line) {
  const ShellScript script = understand_shell(line);
  const auto refuse = [](std::string_view why) {
    return failure(Errc::usage, fmt::format("understand the command line: {}", why),
                   "give one plain 'docker run …' or 'podman run …', in quotes");
  };
  if (script.commands.empty()) return refuse("there is no command in it");
  for (std::size_t i = 1; i < script.commands.size(); ++i) {
    // What runs inside is a command of its own; what stands beside is another.
    if (script.commands[i].wrappers.empty()) return refuse("there is more than one command in it");
  }
  const SimpleCommand& command = script.commands.front();
  if (!command.redirections.empty() || !command.assignments.empty()) {
    return refuse("it has redirections or assignments");
  }
  std::vector<std::string> words = command.wrappers;
  for (const ShellWord& word : command.words) {
    if (word.unknown || word.glob) return refuse("a part of it is only known when a shell runs it");
    words.push_back(word.text);
  }
  return words;
}

}  // namespace

std::string shell_line(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) {
    if (!out.empty()) out += ' ';
    constexpr std::string_view kPlain =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+./:,@%";
    if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) {
      out += word;
      continue;
    }
    out += '\'';
    for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    out += '\'';
  }
  return out;
}

Result<Hardened> harden(std::string_view line) {
  const std::vector<std::string> words = BERM_TRY(words_of(line));
  if (words.size() < 3 || words[1] != "run" ||
      !(words[0].ends_with("docker") || words[0].ends_with("podman"))) {
    return failure(Errc::usage, "find 'docker run' or 'podman run' at its start",
                   "give the whole command line, without sudo");
  }
  Hardened out{.argv = {words[0], "run"}, .changes = {}};
  std::vector<std::string> kept;
  std::size_t at = 2;
  while (at < words.size() && words[at].starts_with('-') && words[at] != "--") {
    const Option option = read_option(words, at);
    if (is_doubtful(option)) {
      return failure(
          Errc::usage,
          fmt::format("tell whether '{}' takes a value", printable(option.words.front())),
          "write it as --option=value");
    }
    const std::string why = why_not(option);
    if (!why.empty()) {
      out.changes.push_back({"removed " + shell_line(option.words), why});
      continue;
    }
    kept.push_back(option.name);
    out.argv.insert(out.argv.end(), option.words.begin(), option.words.end());
  }
  for (const Wanted& wanted : kWanted) {
    if (std::ranges::find(kept, wanted.name) != kept.end()) continue;
    out.argv.push_back(wanted.value.empty() ? std::string(wanted.name)
                                            : fmt::format("{}={}", wanted.name, wanted.value));
    out.changes.push_back({"added " + out.argv.back(), std::string(wanted.why)});
  }
  out.argv.insert(out.argv.end(), words.begin() + static_cast<std::ptrdiff_t>(at), words.end());
  return out;
}

}  // namespace berm
