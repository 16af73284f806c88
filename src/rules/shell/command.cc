// From a simple command's words to what it runs.
#include <algorithm>

#include "base/text.h"
#include "rules/shell/programs.h"
#include "rules/shell/wrappers.h"

namespace berm::shell {
namespace {

constexpr unsigned kMaxWrappers = 32;
constexpr std::string_view kReserved[] = {
    "if",    "then", "elif", "else", "fi",     "while",    "for",    "in", "do", "done", "case",
    "until", "esac", "{",    "}",    "select", "function", "coproc", "!",  "[[", "]]"};
constexpr std::string_view kChangeVariables[] = {
    "eval",    "source",  ".",     "read",   "mapfile", "readarray", "getopts",
    "declare", "typeset", "local", "printf", "unset",   "let",       "wait",
    "trap",    "enable",  "shopt", "set",    "export",  "readonly"};

void record(Answer& answer, const Draft& draft) {
  SimpleCommand command{.assignments = draft.assignments,
                        .redirections = draft.redirections,
                        .wrappers = draft.wrappers,
                        .pipeline = draft.pipeline,
                        .stage = draft.stage,
                        .source = draft.source};
  command.words.assign(draft.words.begin(), draft.words.end());
  answer.script.commands.push_back(std::move(command));
}

// What is left of a wrapper whose inner command is code: where it writes, what it sets.
void record_rest(Answer& answer, Draft draft) {
  draft.words.clear();
  if (!draft.assignments.empty() || !draft.redirections.empty()) record(answer, draft);
}

Context context_of(const Draft& draft, std::string_view wrapper) {
  Context context{.wrappers = draft.wrappers, .in = draft.in, .depth = draft.depth + 1};
  if (!wrapper.empty()) context.wrappers.emplace_back(wrapper);
  return context;
}

void read_inner(Answer& answer, const Draft& draft, const Word& code, std::string_view wrapper) {
  if (code.unknown) {
    answer.unclear(Obscurity::dynamic_code, draft.source);
    return;
  }
  read_code(answer, code.text, context_of(draft, wrapper));
}

// An interpreter of commands takes them from its input.
void program_from_stdin(Answer& answer, const Draft& draft, std::string_view wrapper) {
  if (draft.in.kind == Stdin::Kind::inherited) return;
  if (draft.in.kind == Stdin::Kind::unknown || draft.in.piped) {
    answer.unclear(Obscurity::piped_code, draft.source);
  }
  if (draft.in.kind == Stdin::Kind::literal) {
    Context context = context_of(draft, wrapper);
    context.in = {.kind = Stdin::Kind::literal};
    read_code(answer, draft.in.text, context);
  }
}

bool run_shell(Answer& answer, Draft& draft, std::string_view name) {
  const ShellCall call = read_shell_call(draft.words);
  if (call.unknown_option) answer.unclear(Obscurity::unknown_wrapper, draft.source);
  if (call.injected) answer.unclear(Obscurity::injected_code, draft.source);
  if (call.code) {
    record_rest(answer, draft);
    read_inner(answer, draft, *call.code, name);
    return true;
  }
  record(answer, draft);
  if (call.file && (call.file->unknown || is_descriptor_file(call.file->text))) {
    answer.unclear(Obscurity::dynamic_code, draft.source);
  }
  if (call.reads_stdin || (call.file && is_descriptor_file(call.file->text))) {
    program_from_stdin(answer, draft, name);
  }
  return true;
}

void run_eval(Answer& answer, const Draft& draft) {
  Word code;
  const std::size_t first = draft.words.size() > 1 && draft.words[1].text == "--" ? 2 : 1;
  code.text = joined(draft.words, first);
  code.unknown = any_unknown(draft.words, 1) || std::any_of(draft.words.begin(), draft.words.end(),
                                                            [](const Word& w) { return w.glob; });
  record_rest(answer, draft);
  read_inner(answer, draft, code, "eval");
}

void run_source(Answer& answer, const Draft& draft) {
  std::size_t at = 1;
  if (at < draft.words.size() && draft.words[at].text == "--") ++at;
  if (at >= draft.words.size()) return;
  const Word& file = draft.words[at];
  if (file.unknown || file.glob || is_descriptor_file(file.text)) {
    answer.unclear(Obscurity::dynamic_code, draft.source);
  }
}

void run_trap(Answer& answer, const Draft& draft) {
  std::size_t at = 1;
  if (at < draft.words.size() && draft.words[at].text == "--") ++at;
  if (at + 1 >= draft.words.size()) return;
  const std::string& text = draft.words[at].text;
  if (text == "-" || text == "-l" || text == "-p" || text.empty()) return;
  read_inner(answer, draft, draft.words[at], "trap");
}

void run_alias(Answer& answer, const Draft& draft, std::string_view name) {
  for (std::size_t i = 1; i < draft.words.size(); ++i) {
    const std::string& text = draft.words[i].text;
    const bool defines =
        name == "alias" && (text.find('=') != std::string::npos || draft.words[i].unknown);
    const bool hashes =
        name == "hash" && text.starts_with("-") && text.find('p') != std::string::npos;
    const bool loads =
        name == "enable" && text.starts_with("-") && text.find('f') != std::string::npos;
    if (defines || hashes) answer.unclear(Obscurity::redefinition, draft.source);
    if (loads) answer.unclear(Obscurity::injected_code, draft.source);
  }
}

// Callbacks of builtins: `mapfile -C code`, `complete -C`, `bind -x`, `fc -e`.
void run_callbacks(Answer& answer, const Draft& draft, std::string_view name) {
  constexpr std::string_view kCallbacks[] = {"mapfile -C",  "readarray -C", "complete -C",
                                             "complete -F", "compgen -C",   "compgen -F",
                                             "bind -x",     "fc -e",        "fc -s"};
  for (std::size_t i = 1; i < draft.words.size(); ++i) {
    for (const std::string_view callback : kCallbacks) {
      const std::size_t blank = callback.find(' ');
      if (callback.substr(0, blank) == name &&
          draft.words[i].text.starts_with(callback.substr(blank + 1))) {
        answer.unclear(Obscurity::injected_code, draft.source);
      }
    }
  }
}

// Arithmetic expands its operands once more: x='a[$(id)]'; echo $((x)).
void check_subscripts(Answer& answer, const Draft& draft, std::string_view name) {
  constexpr std::string_view kEvaluate =
      "let declare typeset local export readonly printf test [ unset read mapfile readarray wait";
  const auto hides_code = [](const std::string& text) {
    return text.find("[$(") != std::string::npos || text.find("[`") != std::string::npos;
  };
  for (const Assignment& assignment : draft.assignments) {
    if (hides_code(assignment.value.text)) answer.unclear(Obscurity::dynamic_code, draft.source);
  }
  if (!is_in_list(kEvaluate, name)) return;
  for (const Word& word : draft.words) {
    if (hides_code(word.text)) answer.unclear(Obscurity::dynamic_code, draft.source);
  }
}

void check_name(Answer& answer, const Draft& draft) {
  const Word& name = draft.words[0];
  if (name.unknown || name.glob || name.braces || name.splits) {
    answer.unclear(Obscurity::dynamic_command, draft.source);
    return;
  }
  for (const std::string_view word : kReserved) {
    // The grammar takes it for a program: bash does not.
    if (name.plain && name.text == word) answer.unclear(Obscurity::unparsable, draft.source);
  }
  bool control = false;
  for (const char c : name.text) {
    control = control || static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  }
  if (control) {
    answer.unclear(Obscurity::control_characters, draft.source);
  } else if (!is_printable_ascii(name.text)) {
    answer.unclear(Obscurity::not_ascii, draft.source);
  }
}

// A program that stays a command and starts others: find -exec, docker run, ssh.
void run_started(Answer& answer, const Draft& draft, std::string_view name) {
  Started started = started_by(draft.words, name);
  if (started.unknown) answer.unclear(Obscurity::unknown_wrapper, draft.source);
  for (std::vector<Word>& words : started.commands) {
    Draft inner = draft;
    inner.words = std::move(words);
    inner.assignments.clear();
    inner.redirections.clear();
    inner.wrappers.emplace_back(name);
    inner.pipeline = answer.new_pipeline();
    inner.stage = 0;
    static_cast<void>(conclude(answer, std::move(inner)));
  }
  for (const Word& code : started.codes) read_inner(answer, draft, code, name);
}

// What is left when no wrapper is in front any more.
void run_program(Answer& answer, Draft& draft, std::string_view name) {
  if (is_shell(name)) {
    run_shell(answer, draft, name);
    return;
  }
  if (name == "eval") return run_eval(answer, draft);
  record(answer, draft);
  if (name == "source" || name == ".") run_source(answer, draft);
  if (name == "trap") run_trap(answer, draft);
  if (name == "alias" || name == "hash" || name == "enable") run_alias(answer, draft, name);
  if (name == "at" || name == "batch") program_from_stdin(answer, draft, name);
  run_callbacks(answer, draft, name);
  check_interpreter(answer, draft, name);
  check_options(answer, draft, name);
  if (name == "git") check_git(answer, draft);
  run_started(answer, draft, name);
}

// True if `draft` is done with; else a wrapper was taken off and there is more to look at.
bool unwrap_once(Answer& answer, Draft& draft, const std::string& name) {
  Unwrapped unwrapped = unwrap(draft, name);
  if (unwrapped.uncertain) answer.unclear(Obscurity::dynamic_command, draft.source);
  switch (unwrapped.kind) {
    case Unwrapping::taken_off:
      draft.wrappers.push_back(name);
      return false;
    case Unwrapping::none:
      run_program(answer, draft, name);
      return true;
    case Unwrapping::unknown:
      answer.unclear(Obscurity::unknown_wrapper, draft.source);
      record(answer, draft);
      return true;
    case Unwrapping::shell:
      record(answer, draft);
      program_from_stdin(answer, draft, name);
      return true;
    case Unwrapping::code:
      record_rest(answer, draft);
      read_inner(answer, draft, unwrapped.code, name);
      return true;
  }
  return true;
}

}  // namespace

Conclusion conclude(Answer& answer, Draft draft) {
  Conclusion out;
  std::string name;
  for (unsigned count = 0;; ++count) {
    name = draft.words.empty() ? "" : std::string(base_name(draft.words[0].text));
    check_subscripts(answer, draft, name);
    if (draft.words.empty()) {
      check_assignments(answer, draft);
      record_rest(answer, std::move(draft));
      return out;
    }
    check_name(answer, draft);
    out.changes_variables = out.changes_variables ||
                            std::ranges::find(kChangeVariables, name) != std::end(kChangeVariables);
    if (draft.words[0].unknown || draft.words[0].glob) {
      check_assignments(answer, draft);
      record(answer, draft);
      return out;
    }
    if (count > kMaxWrappers) {
      answer.unclear(Obscurity::too_deep, draft.source);
      record(answer, draft);
      return out;
    }
    if (unwrap_once(answer, draft, name)) break;
  }
  check_assignments(answer, draft);
  if (!draft.words.empty()) out.output = literal_output(draft, name);
  return out;
}

}  // namespace berm::shell
