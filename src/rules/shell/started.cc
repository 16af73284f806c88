// Programs that stay commands of their own and start others: find, ssh, containers, runners.
#include <algorithm>

#include "rules/shell/wrappers.h"

namespace berm::shell {
namespace {

std::vector<Word> from(const std::vector<Word>& words, std::size_t at) {
  at = std::min(at, words.size());
  return {words.begin() + static_cast<std::ptrdiff_t>(at), words.end()};
}

Word code_from(const std::vector<Word>& words, std::size_t at) {
  Word code;
  code.text = joined(words, at);
  code.unknown = any_unknown(words, at);
  return code;
}

// The command behind `operands` words that follow the options.
void add_command(Started& out, const std::vector<Word>& words, const Options& options,
                 std::size_t operands) {
  if (!options.known || options.uncertain) out.unknown = true;
  std::size_t at = options.next + operands;
  for (std::size_t i = options.next; i < std::min(at, words.size()); ++i) {
    out.unknown = out.unknown || words[i].splits;
  }
  if (at < words.size() && words[at].text == "--") ++at;
  if (out.unknown || at >= words.size()) return;
  out.commands.push_back(from(words, at));
}

// ssh joins its arguments with blanks; the other side's shell reads them.
Started started_by_ssh(const std::vector<Word>& words) {
  constexpr OptionTable kSsh = {"46AaCfGgKkMNnqsTtVvXxYy", "BbcDEeFIiJLlmOoPpQRSWw", "", ""};
  Started out;
  const Options options = read_options(words, 1, kSsh);
  // Options may stand behind the host: OpenSSH goes on reading them there.
  const Options more = read_options(words, std::min(options.next + 1, words.size()), kSsh);
  if (!options.known || !more.known || options.uncertain || more.uncertain) out.unknown = true;
  if (options.next < words.size() && words[options.next].splits) out.unknown = true;
  if (more.next < words.size() && !out.unknown) out.codes.push_back(code_from(words, more.next));
  return out;
}

// A package's program by name: `npx eslint .`, `uv run pytest`, `bundle exec rake`.
struct Runner {
  std::string_view name;
  std::string_view verbs;  ///< the words that must come first: "run", "exec --"; "" for none
  OptionTable options;
  std::size_t operands = 0;
};
constexpr Runner kRunners[] = {
    {"npx",
     "",
     {"yqnc", "pw", "yes no quiet no-install prefer-offline ignore-existing",
      "package workspace call"}},
    {"bunx", "", {"p", "", "bun verbose silent", "package"}},
    {"npm", "exec", {"yqc", "pw", "yes no quiet", "package workspace call prefix"}},
    {"npm", "x", {"yqc", "pw", "yes no quiet", "package workspace call prefix"}},
    {"pnpm", "exec", {"rc", "C", "recursive parallel shell-mode", "filter dir"}},
    {"pnpm", "dlx", {"sc", "", "silent shell-mode", "package"}},
    {"yarn", "exec", {}},
    {"yarn", "dlx", {"q", "p", "quiet", "package"}},
    {"uvx",
     "",
     {"qvn", "p", "offline no-cache quiet isolated", "from with python with-requirements"}},
    {"uv",
     "run",
     {"qvnsm", "p",
      "offline no-cache quiet isolated frozen locked no-sync no-project all-extras no-dev active "
      "exact no-editable dev all-packages module script",
      "from with python with-requirements with-editable extra group directory project package "
      "env-file"}},
    {"pipx", "run", {"", "", "no-cache verbose", "spec python pip-args"}},
    {"poetry", "run", {"qvn", "CP", "quiet", "directory project"}},
    {"pipenv", "run", {}},
    {"pdm", "run", {"sv", "p", "", "project"}},
    {"hatch", "run", {}},
    {"rye", "run", {}},
    {"bundle", "exec", {"", "", "keep-file-descriptors", "gemfile"}},
    {"conda", "run", {"v", "np", "no-capture-output live-stream", "name prefix cwd"}},
    {"mamba", "run", {"v", "np", "no-capture-output live-stream", "name prefix cwd"}},
    {"micromamba", "run", {"v", "np", "", "name prefix cwd"}},
    {"direnv", "exec", {}, 1},
    {"rbenv", "exec", {}},
    {"pyenv", "exec", {}},
    {"nodenv", "exec", {}},
    {"asdf", "exec", {}},
    {"volta", "run", {"", "", "", "node npm yarn"}},
    {"git", "bisect run", {}},
    {"perf", "record", {"agqFvi", "eocpC", "call-graph all-cpus", "event output freq"}},
    {"perf", "stat", {"adrvi", "eopC", "", "event output repeat"}},
    {"sem", "", {"", "j", "fg wait", "id jobs"}},
    {"cgexec", "", {"", "g", "sticky", ""}},
    {"dotenv", "run", {"", "f", "", "file"}},
    {"ip", "netns exec", {}, 1},
    {"aws-vault", "exec", {}, 1},
    {"op", "run", {"", "", "no-masking", "env-file"}},
    {"doppler", "run", {"", "pc", "", "project config"}},
};
// Start something, in a way that we do not read.
constexpr std::string_view kOpaque =
    "tmux screen dtach abduco expect start-stop-daemon daemonize hyperfine pssh parallel-ssh rsh "
    "mosh adb "
    "lxc incus machinectl vagrant ansible gnome-terminal konsole xterm nix-shell nix guix devbox "
    "mise "
    "fzf entr inotifywait-run run-parts crontab proxychains-ng wsl cmd cmd.exe doas-edit sg "
    "newgrp "
    "x-terminal-emulator nohup-run watchexec nodemon concurrently watchman jshell";

bool starts_with_verbs(const std::vector<Word>& words, std::string_view verbs, std::size_t& at) {
  at = 1;
  while (!verbs.empty()) {
    const std::size_t blank = std::min(verbs.find(' '), verbs.size());
    if (at >= words.size() || words[at].text != verbs.substr(0, blank)) return false;
    ++at;
    verbs.remove_prefix(std::min(blank + 1, verbs.size()));
  }
  return true;
}

}  // namespace

Started started_by_runner(const std::vector<Word>& words, std::string_view name) {
  Started out;
  for (const Runner& runner : kRunners) {
    std::size_t at = 0;
    if (runner.name != name || !starts_with_verbs(words, runner.verbs, at)) continue;
    // npx -c CODE, npm exec -c CODE, pnpm exec -c WORDS: code for a shell.
    for (std::size_t i = at;
         i + 1 < words.size() && runner.options.flags.find('c') != std::string_view::npos; ++i) {
      if (words[i].text == "-c" || words[i].text == "--call") {
        out.codes.push_back(words[i + 1]);
        return out;
      }
      if (words[i].text.starts_with("--call=")) {
        out.codes.push_back(words[i]);
        out.codes.back().text.erase(0, 7);
        return out;
      }
      if (!words[i].text.starts_with('-')) break;
    }
    const Options options = read_options(words, at, runner.options);
    add_command(out, words, options, runner.operands);
    if (!out.commands.empty() && (options.has("m") || options.has("module"))) out.commands.clear();
    return out;
  }
  if (is_in_list(kOpaque, name)) {
    const bool asks =
        words.size() == 1 ||
        (words.size() == 2 && (words[1].text == "--version" || words[1].text == "-V" ||
                               words[1].text == "--help" || words[1].text == "-l"));
    // `tmux ls`, `nix build`: starting nothing of the command line's.
    const bool lists =
        words.size() >= 2 && (words[1].text == "ls" || words[1].text == "list" ||
                              (name == "nix" && words[1].text != "run" &&
                               words[1].text != "develop" && words[1].text != "shell"));
    out.unknown = !asks && !lists;
  }
  return out;
}

// find(1): -exec … \; and -exec … {} +.
Started started_by_find(const std::vector<Word>& words) {
  Started out;
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (!is_in_list("-exec -execdir -ok -okdir", words[i].text)) continue;
    std::vector<Word> inner;
    std::size_t at = i + 1;
    for (; at < words.size() && words[at].text != ";"; ++at) {
      if (words[at].text == "+" && words[at - 1].text == "{}") break;
      inner.push_back(words[at]);
      make_unknown(inner.back(), "{}");
    }
    if (at >= words.size() || inner.empty()) out.unknown = true;
    if (!inner.empty()) out.commands.push_back(std::move(inner));
    i = at;
  }
  return out;
}

Started started_by(const std::vector<Word>& words, std::string_view name) {
  if (name == "find" || name == "gfind") return started_by_find(words);
  if (name == "fd" || name == "fdfind") {
    Started out;
    for (std::size_t i = 1; i + 1 < words.size(); ++i) {
      if (!is_in_list("-x -X --exec --exec-batch", words[i].text)) continue;
      std::vector<Word> inner = from(words, i + 1);
      for (Word& word : inner) {
        if (word.text.find('{') != std::string::npos) word = unknown_word();
      }
      inner.push_back(unknown_word());
      out.commands.push_back(std::move(inner));
      return out;
    }
    return out;
  }
  if (name == "gdb" || name == "lldb") {
    Started out;
    const auto args = std::find_if(words.begin(), words.end(), [&](const Word& word) {
      return word.text == "--args" || (name == "lldb" && word.text == "--");
    });
    if (args != words.end() && args + 1 != words.end())
      out.commands.emplace_back(args + 1, words.end());
    return out;
  }
  if (name == "ssh" || name == "autossh") return started_by_ssh(words);
  if (is_in_list("docker podman nerdctl docker-compose podman-compose kubectl oc", name)) {
    return started_by_container(words, name);
  }
  return started_by_runner(words, name);
}

}  // namespace berm::shell
