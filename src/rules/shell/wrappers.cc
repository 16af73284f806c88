#include "rules/shell/wrappers.h"

#include <algorithm>
#include <utility>

namespace berm::shell {
namespace {

enum class Special : std::uint8_t {
  none, env, su, xargs, flock, watch, script, shell_without, lookup, exec_itself, applet, parallel, numeric
};

struct Wrapper {
  std::string_view name;
  OptionTable options;
  std::size_t operands = 0;  ///< words between the options and the command
  bool assignments = false;  ///< NAME=value in front of the command
  Special special = Special::none;
  std::string_view no_command = "";  ///< with one of these options it starts nothing
};

// From the programs' manual pages: GNU coreutils 9, util-linux 2.38, sudo 1.9, bash 5.2.
// clang-format off
constexpr Wrapper kWrappers[] = {
  {"env", {"i0v", "uCS", "ignore-environment null debug list-signal-handling block-signal default-signal ignore-signal", "unset chdir split-string"}, 0, true, Special::env},
  {"sudo", {"AbBEHkKnNPSisVlv", "CcDghpRrtTUu", "askpass background bell preserve-env set-home non-interactive preserve-groups stdin login shell reset-timestamp no-update list validate remove-timestamp version", "close-from chdir group host prompt chroot role type command-timeout other-user user"}, 0, true, Special::shell_without, "l v V k K list validate version remove-timestamp"},
  {"doas", {"LnS", "aCu", "", ""}, 0, true, Special::none, "L C"},
  {"su", {"lmpfP", "cgGsw", "login preserve-environment fast pty", "command session-command group supp-group shell whitelist-environment"}, 0, false, Special::su},
  {"runuser", {"lmpfP", "cgGsuw", "login preserve-environment fast pty", "command session-command group supp-group shell user whitelist-environment"}, 0, false, Special::su},
  {"nohup", {}},
  {"setsid", {"cfw", "", "ctty fork wait", ""}},
  {"timeout", {"fpv", "ks", "foreground preserve-status verbose", "kill-after signal"}, 1},
  {"gtimeout", {"fpv", "ks", "foreground preserve-status verbose", "kill-after signal"}, 1},
  {"time", {"apqvV", "fo", "append portability quiet verbose", "format output"}, 0, true},
  {"nice", {"", "n", "", "adjustment"}, 0, false, Special::numeric},
  {"ionice", {"t", "cnpPu", "ignore", "class classdata pid pgid uid"}, 0, false, Special::none, "p P u pid pgid uid"},
  {"chrt", {"abdefimorRv", "TPDp", "all-tasks batch deadline fifo idle max other rr reset-on-fork verbose ext", "sched-runtime sched-period sched-deadline pid"}, 1, false, Special::none, "p m pid max"},
  {"stdbuf", {"", "ioe", "", "input output error"}},
  {"unbuffer", {"p", "", "", ""}},
  {"command", {"pvV", "", "", ""}, 0, false, Special::lookup, "v V"},
  {"builtin", {}},
  {"exec", {"cl", "a", "", ""}, 0, false, Special::exec_itself},
  {"noglob", {}}, {"nocorrect", {}}, {"-", {}},
  {"xargs", {"0oprtx", "adEILnPs", "null open-tty interactive no-run-if-empty verbose exit show-limits eof replace max-lines", "arg-file delimiter max-args max-procs max-chars process-slot-var"}, 0, false, Special::xargs},
  {"parallel", {"0kmuXqtv", "jNnIdaSlL", "null keep-order ungroup line-buffer lb bar progress eta dry-run will-cite no-notice quote halt-on-error xargs plain verbose tag", "jobs max-args delimiter arg-file halt timeout delay retries joblog colsep C"}, 0, false, Special::parallel},
  {"flock", {"sxenuoFv", "wEc", "shared exclusive nonblock nb unlock close no-fork verbose", "timeout wait conflict-exit-code command"}, 1, false, Special::flock},
  {"watch", {"bdegtxpcCwr", "nq", "beep differences errexit chgexit no-title exec precise color no-color no-wrap", "interval equexit"}, 0, false, Special::watch},
  {"strace", {"cCdDfFhiknqrtTvVwxyYzZ", "abeEIoOpPsSuUX", "follow-forks seccomp-bpf summary-only summary decode-fds relative-timestamps", "trace output string-limit attach env user"}, 0, false, Special::none, "p attach V h"},
  {"ltrace", {"bcCfhiLrStTV", "aAdDeFlnopsuwx", "", "output library where"}, 0, false, Special::none, "p V h"},
  {"script", {"aefqt", "cEIoBOTm", "append return flush quiet force", "command echo log-in log-out log-io log-timing output-limit logging-format"}, 0, false, Special::script},
  {"unshare", {"muinpUCTfrc", "SGRwl", "mount uts ipc net pid user cgroup time fork map-root-user map-current-user map-auto keep-caps kill-child mount-proc", "map-user map-group map-users map-groups propagation setgroups setuid setgid root wd monotonic boottime"}, 0, false, Special::shell_without},
  {"nsenter", {"amuinpUCTrwFZ", "tSG", "all mount uts ipc net pid user cgroup time root wd preserve-credentials no-fork follow-context", "target setuid setgid"}, 0, false, Special::shell_without},
  {"chroot", {"", "", "skip-chdir", "userspec groups"}, 1, false, Special::shell_without},
  {"taskset", {"acp", "", "all-tasks cpu-list pid", ""}, 1, false, Special::none, "p pid"},
  {"numactl", {"lasHh", "ipmNCwP", "localalloc all show hardware balancing", "interleave preferred membind cpunodebind physcpubind"}, 0, false, Special::none, "s H show hardware"},
  {"prlimit", {"", "po", "noheadings raw verbose as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack", "pid output"}, 0, false, Special::none, "p pid"},
  {"setpriv", {"dn", "", "dump no-new-privs clear-groups keep-groups init-groups reset-env nnp", "reuid regid ruid euid rgid egid groups inh-caps ambient-caps bounding-set securebits pdeathsig selinux-label apparmor-profile"}, 0, false, Special::none, "d dump"},
  {"systemd-run", {"dGPqrStT", "EHMpu", "user system scope wait pty pipe quiet collect no-block remain-after-exit same-dir send-sighup shell slice-inherit no-ask-password", "unit property description slice uid gid nice working-directory setenv machine host service-type on-active on-boot on-calendar timer-property"}, 0, false, Special::shell_without},
  {"systemd-inhibit", {"", "", "list", "what who why mode"}},
  {"busybox", {}, 0, false, Special::applet}, {"toybox", {}, 0, false, Special::applet},
  {"faketime", {"fmp", "", "exclude-monotonic date-prog", ""}, 1},
  {"dbus-run-session", {"", "", "", "config-file dbus-daemon"}},
  {"xvfb-run", {"al", "efnpsw", "auto-servernum listen-tcp auto-display", "error-file auth-file server-num xauth-protocol server-args wait"}},
  {"catchsegv", {}}, {"fakeroot", {"hv", "lsibc", "unknown-is-real", "lib faked"}}, {"torsocks", {"iqd", "uapP", "isolate quiet", ""}}, {"torify", {}},
  {"proxychains4", {"q", "f", "", ""}}, {"proxychains", {"q", "f", "", ""}}, {"eatmydata", {}}, {"chronic", {"ev", "", "", ""}},
  {"rlwrap", {"aAcimNrRvW", "bCDefghHlnopPqsStwz", "always-readline case-insensitive no-children", "history-filename file prompt-colour"}},
  {"setarch", {"3BFILRSTXZv", "", "addr-no-randomize verbose", ""}, 1}, {"linux32", {"R", "", "", ""}}, {"linux64", {"R", "", "", ""}},
  {"sshpass", {"eVhv", "pfdP", "", ""}}, {"pkexec", {"", "u", "disable-internal-agent keep-cwd", "user"}},
  {"valgrind", {"qvd", "", "quiet verbose leak-check tool error-exitcode track-origins show-leak-kinds suppressions log-file num-callers trace-children", ""}},
  {"caffeinate", {"dimsu", "tw", "", ""}}, {"entr", {"acdnprsz", "", "", ""}, 0, false, Special::none},
  {"firejail", {"c", "", "noprofile quiet private net seccomp noroot nosound nodbus profile whitelist blacklist read-only private-tmp private-dev caps.drop env rlimit-as timeout allow-debuggers deterministic-exit-code", ""}, 0, false, Special::shell_without},
  {"proot", {"0vV", "rRSbmwqkip", "kill-on-exit link2symlink netcoop", "rootfs bind mount cwd pwd qemu kernel-release change-id"}, 0, false, Special::shell_without},
  {"bwrap", {"", "", "unshare-all unshare-user unshare-user-try unshare-ipc unshare-pid unshare-net unshare-uts unshare-cgroup unshare-cgroup-try share-net die-with-parent new-session as-pid-1 clearenv disable-userns", "proc dev tmpfs mqueue dir remount-ro chdir hostname uid gid perms size unsetenv lock-file cap-add cap-drop argv0"}, 0, false, Special::none},
  {"ld.so", {"", "", "list verify inhibit-cache", "library-path argv0 inhibit-rpath glibc-hwcaps-prepend glibc-hwcaps-mask"}, 0, false, Special::none, "list verify"},
};
// clang-format on

const Wrapper* find_wrapper(std::string_view name) {
  // The dynamic loader starts what it is given: /lib64/ld-linux-x86-64.so.2 /bin/rm.
  if (name.starts_with("ld-") && name.find(".so") != std::string_view::npos) name = "ld.so";
  if (name.starts_with("ld-musl")) name = "ld.so";
  for (const Wrapper& wrapper : kWrappers) {
    if (wrapper.name == name) return &wrapper;
  }
  return nullptr;
}

// "A=1" in front of the inner command; true if the word was one.
bool take_assignment(const Word& word, Draft& draft) {
  const std::size_t equals = word.text.find('=');
  if (equals == std::string::npos || !is_name(word.text.substr(0, equals))) return false;
  ShellWord value = word;
  value.text = word.text.substr(equals + 1);
  draft.assignments.push_back({word.text.substr(0, equals), std::move(value)});
  return true;
}

void drop(Draft& draft, std::size_t count) {
  count = std::min(count, draft.words.size());
  draft.words.erase(draft.words.begin(), draft.words.begin() + static_cast<std::ptrdiff_t>(count));
}

// bwrap's options with two values.
void take_pairs(std::vector<Word>& words) {
  constexpr std::string_view kPairs =
      "--bind --bind-try --dev-bind --dev-bind-try --ro-bind --ro-bind-try --symlink --setenv --file "
      "--bind-data --ro-bind-data --chmod";
  for (std::size_t i = 1; i + 2 < words.size();) {
    if (is_in_list(kPairs, words[i].text)) {
      const auto at = words.begin() + static_cast<std::ptrdiff_t>(i);
      words.erase(at, at + 3);
    } else if (words[i].text.starts_with("--") && words[i].text != "--") {
      ++i;
      if (!words[i].text.starts_with("--") && !words[i].text.starts_with("/")) return;
      if (words[i].text.starts_with("/")) ++i;
    } else {
      return;
    }
  }
}

// env -S: words without expansions; anything that env(1) would interpret is not known to us.
bool split_string(const Word& word, std::vector<Word>& out) {
  if (word.unknown || word.text.find_first_of("\\$'\"#") != std::string::npos) return false;
  std::string part;
  for (const char c : word.text + " ") {
    if (c != ' ' && c != '\t' && c != '\n') {
      part += c;
    } else if (!part.empty()) {
      Word made;
      made.text = std::exchange(part, {});
      out.push_back(std::move(made));
    }
  }
  return true;
}

Unwrapped unwrap_su(Draft& draft, const Wrapper& wrapper, const Options& first) {
  std::vector<Word> words = draft.words;
  Options options = first;
  // GNU getopt permutes: `su root -c x`.
  if (!options.has("c") && !options.has("command") && options.next < words.size()) {
    if (wrapper.name == "runuser" && (options.has("u") || options.has("user"))) {
      drop(draft, options.next);
      return {Unwrapping::taken_off};
    }
    std::size_t at = options.next;
    while (at < words.size() && (words[at].text == "-" || !words[at].text.starts_with('-'))) ++at;
    options = read_options(words, at, wrapper.options);
    if (!options.known) return {Unwrapping::unknown};
  }
  for (const std::string_view name : {"c", "command", "session-command"}) {
    if (const Option* option = options.find(name)) return {Unwrapping::code, option->value};
  }
  return {Unwrapping::shell};
}

Unwrapped unwrap_xargs(Draft& draft, const Options& options) {
  std::string placeholder;
  if (const Option* option = options.find("I")) placeholder = option->value.text;
  if (const Option* option = options.find("replace")) {
    placeholder = option->value.text.empty() ? "{}" : option->value.text;
  }
  drop(draft, options.next);
  if (draft.words.empty()) {
    Word echo;
    echo.text = "echo";
    draft.words.push_back(std::move(echo));
  }
  for (Word& word : draft.words) make_unknown(word, placeholder);
  if (placeholder.empty()) {
    Word more = unknown_word();
    more.splits = true;
    draft.words.push_back(std::move(more));
  }
  draft.in = {.kind = Stdin::Kind::literal};  // /dev/null
  return {Unwrapping::taken_off};
}

// parallel puts its arguments into a line for a shell.
Unwrapped unwrap_parallel(Draft& draft, const Options& options) {
  drop(draft, options.next);
  std::vector<Word> line;
  for (const Word& word : draft.words) {
    if (word.text.starts_with(":::")) break;
    line.push_back(word);
  }
  if (line.empty()) return {Unwrapping::unknown};  // each argument is a command
  Word code;
  code.text = joined(line, 0);
  code.unknown = any_unknown(line, 0) || code.text.find('{') != std::string::npos;
  // Known words and nothing for the shell to interpret: the command with arguments of its own.
  if (code.text.find_first_of("|&;<>()$`\\\"'*?[#~=%!\n") == std::string::npos) {
    draft.words = line;
    for (Word& word : draft.words) {
      if (word.text.find('{') != std::string::npos) word = unknown_word();
    }
    draft.words.push_back(unknown_word());
    return {Unwrapping::taken_off};
  }
  return {Unwrapping::code, code};
}

Unwrapped unwrap_env(Draft& draft, const Options& options) {
  const Option* split = options.find("S");
  if (split == nullptr) split = options.find("split-string");
  std::vector<Word> rest(draft.words.begin() + static_cast<std::ptrdiff_t>(options.next),
                         draft.words.end());
  if (split != nullptr) {
    std::vector<Word> words = {draft.words[0]};
    if (!split_string(split->value, words)) return {Unwrapping::unknown};
    words.insert(words.end(), rest.begin(), rest.end());
    draft.words = std::move(words);
    return unwrap(draft, "env");
  }
  draft.words = std::move(rest);
  while (!draft.words.empty() && draft.words[0].text == "-") drop(draft, 1);
  return {Unwrapping::taken_off};
}

Unwrapped joined_code(const Draft& draft, std::size_t from) {
  Unwrapped out{Unwrapping::code};
  out.code.text = joined(draft.words, from);
  out.code.unknown = any_unknown(draft.words, from);
  return out;
}

Unwrapped special(Draft& draft, const Wrapper& wrapper, const Options& options) {
  switch (wrapper.special) {
    case Special::env: return unwrap_env(draft, options);
    case Special::su: return unwrap_su(draft, wrapper, options);
    case Special::xargs: return unwrap_xargs(draft, options);
    case Special::parallel: return unwrap_parallel(draft, options);
    case Special::watch:
      if (options.next >= draft.words.size()) return {Unwrapping::none};
      if (!options.has("x") && !options.has("exec")) return joined_code(draft, options.next);
      break;
    case Special::script:
      for (const std::string_view name : {"c", "command"}) {
        if (const Option* option = options.find(name)) return {Unwrapping::code, option->value};
      }
      // `script -q /dev/null cmd` is BSD's, `script file -c cmd` GNU's.
      for (std::size_t i = options.next; i + 1 < draft.words.size(); ++i) {
        if (draft.words[i].text == "-c") return {Unwrapping::code, draft.words[i + 1]};
      }
      return {options.next + 1 < draft.words.size() ? Unwrapping::unknown : Unwrapping::shell};
    case Special::flock:
      for (std::size_t i = options.next; i + 1 < draft.words.size(); ++i) {
        if (draft.words[i].text == "-c") return {Unwrapping::code, draft.words[i + 1]};
      }
      if (const Option* option = options.find("c")) return {Unwrapping::code, option->value};
      if (options.next + 1 >= draft.words.size()) return {Unwrapping::none};
      break;
    default: break;
  }
  drop(draft, options.next);
  return {Unwrapping::taken_off};
}

}  // namespace

Word unknown_word() {
  Word word;
  word.text = std::string(1, kUnknownPart);
  word.unknown = true;
  return word;
}

void make_unknown(Word& word, std::string_view placeholder) {
  if (placeholder.empty()) return;
  for (std::size_t at = word.text.find(placeholder); at != std::string::npos;
       at = word.text.find(placeholder, at + 1)) {
    word.text.replace(at, placeholder.size(), std::string(1, kUnknownPart));
    word.unknown = true;
  }
}

Unwrapped unwrap(Draft& draft, std::string_view name) {
  const Wrapper* wrapper = find_wrapper(name);
  if (wrapper == nullptr || draft.words.size() < (wrapper->special == Special::su ? 1U : 2U)) {
    const bool starts_shell = wrapper != nullptr && wrapper->special == Special::shell_without;
    return {starts_shell && name != "sudo" && name != "systemd-run" ? Unwrapping::shell
                                                                    : Unwrapping::none};
  }
  if (name == "bwrap") take_pairs(draft.words);
  std::size_t from = 1;
  // "nice -10 cmd", "chrt -f 10 cmd": the number is an option only for nice.
  if (wrapper->special == Special::numeric && draft.words[1].text.size() > 1 &&
      draft.words[1].text.find_first_not_of("-+0123456789") == std::string::npos) {
    ++from;
  }
  const Options options = read_options(draft.words, from, wrapper->options);
  if (!options.known) {
    // What a listing option prints starts nothing, whatever else is there.
    if (draft.words[1].text == "--help" || draft.words[1].text == "--version") return {};
    return {Unwrapping::unknown};
  }
  for (const Option& option : options.found) {
    if (is_in_list(wrapper->no_command, option.name)) return {};
  }
  const bool login = options.has("s") || options.has("i") || options.has("shell") || options.has("login");
  Draft inner = draft;
  Unwrapped out = special(inner, *wrapper, options);
  out.uncertain = out.uncertain || options.uncertain;
  if (out.kind != Unwrapping::taken_off) return out;
  for (std::size_t i = 0; i < wrapper->operands && !inner.words.empty(); ++i) {
    out.uncertain = out.uncertain || inner.words[0].splits || inner.words[0].glob;
    drop(inner, 1);
  }
  if (wrapper->operands > 0 && !inner.words.empty() && inner.words[0].text == "--") drop(inner, 1);
  while (wrapper->assignments && !inner.words.empty() && take_assignment(inner.words[0], inner)) {
    drop(inner, 1);
  }
  if (inner.words.empty()) {
    const bool shell = wrapper->special == Special::shell_without && (name != "sudo" || login) &&
                       name != "systemd-run";
    if (wrapper->assignments) draft.assignments = inner.assignments;
    return {shell ? Unwrapping::shell : Unwrapping::none};
  }
  draft = std::move(inner);
  return out;
}

}  // namespace berm::shell
