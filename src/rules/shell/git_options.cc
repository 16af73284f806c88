// git runs programs that its settings and options name: git-config(1), git(1).
#include "base/glob.h"
#include "base/text.h"
#include "rules/shell/options.h"
#include "rules/shell/programs.h"

namespace berm::shell {
namespace {

// Lower case; '*' stands for anything, a subsection too.
constexpr std::string_view kKeys[] = {"core.pager",
                                      "core.editor",
                                      "core.sshcommand",
                                      "core.fsmonitor",
                                      "core.hookspath",
                                      "core.askpass",
                                      "core.gitproxy",
                                      "core.alternaterefscommand",
                                      "sequence.editor",
                                      "diff.external",
                                      "diff.*.command",
                                      "diff.*.textconv",
                                      "difftool.*",
                                      "merge.*.driver",
                                      "mergetool.*",
                                      "filter.*",
                                      "credential.helper",
                                      "credential.*.helper",
                                      "gpg.program",
                                      "gpg.*",
                                      "pager.*",
                                      "alias.*",
                                      "browser.*",
                                      "man.*",
                                      "interactive.difffilter",
                                      "uploadpack.packobjectshook",
                                      "remote.*.uploadpack",
                                      "remote.*.receivepack",
                                      "remote.*.vcs",
                                      "remote.*.proxy",
                                      "protocol.*",
                                      "include.path",
                                      "includeif.*",
                                      "init.templatedir",
                                      "submodule.*.update",
                                      "trailer.*",
                                      "sendemail.*",
                                      "web.browser",
                                      "instaweb.*",
                                      "guitool.*",
                                      "imap.tunnel",
                                      "url.*",
                                      "tar.*.command",
                                      "help.browser",
                                      "remotehelper.*",
                                      "hook.*"};
constexpr std::string_view kHarmlessValues = "cat less more true false : nano vim vi 0 1 never";

bool ends_with_star(std::string_view pattern, std::string_view key) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == key;
  const std::string_view head = pattern.substr(0, star);
  const std::string_view tail = pattern.substr(star + 1);
  return key.size() >= head.size() + tail.size() && key.starts_with(head) && key.ends_with(tail);
}

bool is_dangerous_key(std::string_view key) {
  const std::string small = lower(key);
  for (const std::string_view pattern : kKeys) {
    if (ends_with_star(pattern, small)) return true;
  }
  return false;
}

// "key=value" of -c.
bool is_dangerous_setting(const Word& word) {
  const std::size_t equals = word.text.find('=');
  const std::string key = word.text.substr(0, equals);
  if (key.find(kUnknownPart) != std::string::npos) return true;
  if (!is_dangerous_key(key)) return false;
  if (equals == std::string::npos || word.unknown) return true;
  const std::string value = word.text.substr(equals + 1);
  return !value.empty() && value != "/dev/null" && !is_in_list(kHarmlessValues, value);
}

void see_alias(Answer& answer, const Draft& draft, std::string_view key, std::string_view value) {
  const bool shell = value.starts_with('!');
  answer.unclear(shell ? Obscurity::injected_code : Obscurity::redefinition, draft.source);
  static_cast<void>(key);
}

// Options of subcommands whose value is a program.
bool names_program(std::string_view text, std::string_view verb) {
  for (const std::string_view option :
       {"--upload-p", "--receive-p", "--open-files", "--exec-path=", "--config-env",
        "--smtp-server", "--sendmail-cmd", "--tool-help=", "--template", "--extcmd", "--to-cmd",
        "--cc-cmd", "--env-filter", "--tree-filter", "--index-filter", "--msg-filter",
        "--commit-filter", "--parent-filter", "--tag-name-filter"}) {
    if (text.starts_with(option)) return true;
  }
  if (text.starts_with("ext::") || text.starts_with("fd::")) return true;
  if (text.starts_with("--exec") && verb != "rebase") return text != "--exec-path";
  if (verb == "grep" && text.starts_with("-O")) return true;
  if (verb == "difftool" && text.starts_with("-x")) return true;
  if ((verb == "clone" || verb == "ls-remote") && text == "-u") return true;
  return false;
}

void see_config(Answer& answer, const Draft& draft, std::size_t at) {
  for (; at < draft.words.size(); ++at) {
    const Word& word = draft.words[at];
    if (word.text.starts_with('-') || word.text == "set" || word.text == "get") {
      // Reading and removing changes nothing.
      if (is_in_list("--get --get-all --get-regexp --list -l --unset --unset-all --remove-section",
                     word.text) ||
          word.text == "get") {
        return;
      }
      continue;
    }
    const bool sets = at + 1 < draft.words.size();
    if (!sets) return;
    const std::string value = draft.words[at + 1].text;
    const bool harmless = value.empty() || is_in_list(kHarmlessValues, value);
    if (lower(word.text).starts_with("alias.")) return see_alias(answer, draft, word.text, value);
    if ((is_dangerous_key(word.text) && !harmless) ||
        word.text.find(kUnknownPart) != std::string::npos) {
      answer.unclear(Obscurity::injected_code, draft.source);
    }
    return;
  }
}

Context code_context(const Draft& draft) {
  Context context{.wrappers = draft.wrappers, .in = draft.in, .depth = draft.depth + 1};
  context.wrappers.emplace_back("git");
  return context;
}

void read_word(Answer& answer, const Draft& draft, const Word& word, std::size_t skip) {
  if (word.unknown) return answer.unclear(Obscurity::dynamic_code, draft.source);
  read_code(answer, std::string_view(word.text).substr(skip), code_context(draft));
}

// rebase -x CODE, submodule foreach CODE.
void see_code(Answer& answer, const Draft& draft, std::size_t at, std::string_view verb) {
  for (std::size_t i = at; i < draft.words.size(); ++i) {
    const std::string& text = draft.words[i].text;
    const bool next = i + 1 < draft.words.size();
    if (verb == "rebase" && (text == "-x" || text == "--exec") && next) {
      read_word(answer, draft, draft.words[i + 1], 0);
    } else if (verb == "rebase" && text.starts_with("--exec=")) {
      read_word(answer, draft, draft.words[i], 7);
    } else if (verb == "rebase" && text.starts_with("-x")) {
      read_word(answer, draft, draft.words[i], 2);
    } else if (verb == "submodule" && text == "foreach" && next) {
      std::size_t code = i + 1;
      while (code < draft.words.size() && draft.words[code].text.starts_with("--")) ++code;
      Word joined_words;
      joined_words.text = joined(draft.words, code);
      joined_words.unknown = any_unknown(draft.words, code);
      return read_word(answer, draft, joined_words, 0);
    }
  }
}

}  // namespace

void check_git(Answer& answer, const Draft& draft) {
  std::size_t at = 1;
  for (; at < draft.words.size() && draft.words[at].text.starts_with('-'); ++at) {
    const std::string& text = draft.words[at].text;
    if (names_program(text, "")) answer.unclear(Obscurity::injected_code, draft.source);
    const bool takes =
        is_in_list("-c -C --git-dir --work-tree --namespace --super-prefix --config-env", text);
    if (!takes) continue;
    ++at;
    if (at >= draft.words.size() || text != "-c") continue;
    const Word& setting = draft.words[at];
    const std::size_t equals = std::min(setting.text.find('='), setting.text.size());
    if (lower(setting.text).starts_with("alias.")) {
      see_alias(answer, draft, setting.text,
                setting.text.substr(std::min(equals + 1, setting.text.size())));
    } else if (is_dangerous_setting(setting)) {
      answer.unclear(Obscurity::injected_code, draft.source);
    }
  }
  if (at >= draft.words.size()) return;
  const std::string verb = draft.words[at].text;
  if (draft.words[at].unknown) answer.unclear(Obscurity::injected_code, draft.source);
  for (std::size_t i = at + 1; i < draft.words.size(); ++i) {
    const std::string& text = draft.words[i].text;
    if (names_program(text, verb)) answer.unclear(Obscurity::injected_code, draft.source);
    const bool clone_setting =
        verb == "clone" && (text == "-c" || text == "--config") && i + 1 < draft.words.size();
    if (clone_setting && is_dangerous_setting(draft.words[i + 1])) {
      answer.unclear(Obscurity::injected_code, draft.source);
    }
  }
  if (verb == "config") see_config(answer, draft, at + 1);
  see_code(answer, draft, at + 1, verb);
}

}  // namespace berm::shell
