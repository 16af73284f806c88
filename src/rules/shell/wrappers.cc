#include "rules/shell/wrappers.h"

#include <algorithm>
#include <utility>

#include "rules/shell/wrapper_table.h"

namespace berm::shell {
namespace {

// "A=1" in front of the inner command; true if the word was one. env takes any name.
bool take_assignment(const Word& word, Draft& draft) {
  const std::size_t equals = word.text.find('=');
  if (equals == std::string::npos || equals == 0) return false;
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
      "--bind --bind-try --dev-bind --dev-bind-try --ro-bind --ro-bind-try --symlink --setenv "
      "--file "
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
  if (options.has("i")) placeholder = "{}";
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
  const bool blank = std::any_of(line.begin(), line.end(), [](const Word& word) {
    return word.text.find(' ') != std::string::npos;
  });
  if (!blank && code.text.find_first_of("|&;<>()$`\\\"'*?[#~=%!\n") == std::string::npos) {
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
    case Special::env:
      return unwrap_env(draft, options);
    case Special::su:
      return unwrap_su(draft, wrapper, options);
    case Special::xargs:
      return unwrap_xargs(draft, options);
    case Special::parallel:
      return unwrap_parallel(draft, options);
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
    default:
      break;
  }
  drop(draft, options.next);
  return {Unwrapping::taken_off};
}

// Without a command sudo needs -s or -i to start a shell; systemd-run starts none.
bool starts_shell(std::string_view name, bool asked) {
  return name != "systemd-run" && (name != "sudo" || asked);
}

// "nice -10 cmd": the number is an option for nice alone.
std::size_t first_option(const std::vector<Word>& words, const Wrapper& wrapper) {
  if (words.size() < 2) return 1;  // su alone
  const std::string& text = words[1].text;
  const bool number = wrapper.special == Special::numeric && text.size() > 1 &&
                      text.find_first_not_of("-+0123456789") == std::string::npos;
  return number ? 2 : 1;
}

// What stands between the options and the command: timeout's duration, env's assignments.
void take_operands(Draft& inner, const Wrapper& wrapper, Unwrapped& out) {
  for (std::size_t i = 0; i < wrapper.operands && !inner.words.empty(); ++i) {
    out.uncertain = out.uncertain || inner.words[0].splits || inner.words[0].glob;
    drop(inner, 1);
  }
  if (wrapper.operands > 0 && !inner.words.empty() && inner.words[0].text == "--") drop(inner, 1);
  while (wrapper.assignments && !inner.words.empty() && take_assignment(inner.words[0], inner)) {
    drop(inner, 1);
  }
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
  if (wrapper == nullptr) return {};
  if (draft.words.size() < (wrapper->special == Special::su ? 1U : 2U)) {
    const bool shell = wrapper->special == Special::shell_without && starts_shell(name, false);
    return {shell ? Unwrapping::shell : Unwrapping::none};
  }
  if (name == "bwrap") take_pairs(draft.words);
  const Options options =
      read_options(draft.words, first_option(draft.words, *wrapper), wrapper->options);
  if (!options.known) {
    // What prints how it is used starts nothing, whatever else is there.
    const bool asks = draft.words.size() > 1 &&
                      (draft.words[1].text == "--help" || draft.words[1].text == "--version");
    return {asks ? Unwrapping::none : Unwrapping::unknown};
  }
  for (const Option& option : options.found) {
    if (is_in_list(wrapper->no_command, option.name)) return {};
  }
  Draft inner = draft;
  Unwrapped out = special(inner, *wrapper, options);
  out.uncertain = out.uncertain || options.uncertain;
  if (out.kind != Unwrapping::taken_off) return out;
  take_operands(inner, *wrapper, out);
  if (inner.words.empty()) {
    const bool shell = wrapper->special == Special::shell_without &&
                       starts_shell(name, options.has("s") || options.has("i") ||
                                              options.has("shell") || options.has("login"));
    if (wrapper->assignments) draft.assignments = inner.assignments;
    return {shell ? Unwrapping::shell : Unwrapping::none};
  }
  // An option where we expected the command: not the wrapper that we know.
  if (inner.words[0].text.starts_with('-')) return {Unwrapping::unknown};
  draft = std::move(inner);
  return out;
}

}  // namespace berm::shell
