// Interpreters of other languages, and editors with a language of their own.
#include <algorithm>

#include "base/text.h"
#include "rules/shell/options.h"
#include "rules/shell/programs.h"

namespace berm::shell {
namespace {

struct Interpreter {
  std::string_view names;
  std::string_view language;
  std::string_view code_letters;   ///< of options whose value is code
  std::string_view value_letters;  ///< of options with another value
  std::string_view code_names;     ///< the same as long options
  std::string_view value_names;
};
constexpr Interpreter kInterpreters[] = {
    {"python python2 python3 pypy pypy3 pythonw", "python", "c", "mWXQ", "",
     "check-hash-based-pycs"},
    {"perl", "perl", "eE", "I", "", ""},
    {"ruby jruby truffleruby", "ruby", "e", "rICEKT", "", "encoding external-encoding"},
    {"node nodejs", "node", "ep", "rC", "eval print",
     "require import loader experimental-loader conditions env-file input-type"},
    {"php php-cli", "php", "rBRE", "dcfFtzSH", "run process-begin process-code process-end",
     "define php-ini file"},
    {"lua luajit", "lua", "e", "l", "", ""},
    {"Rscript R", "R", "e", "", "", ""},
    {"julia", "julia", "eE", "JLpt", "eval print", "load project threads"},
    {"osascript", "osascript", "e", "l", "", ""},
    {"tclsh wish", "tcl", "", "", "", ""},
    {"expect", "expect", "c", "f", "", ""},
    {"bun", "bun", "ep", "rd", "eval print", "cwd preload"},
    {"ts-node tsx", "node", "ep", "rP", "eval print", "require project"},
};

const Interpreter* find_interpreter(std::string_view name) {
  // python3.11, perl5.36.0, lua5.4
  std::string_view stem = name;
  while (!stem.empty() && ((stem.back() >= '0' && stem.back() <= '9') || stem.back() == '.'))
    stem.remove_suffix(1);
  if (stem.ends_with('-')) stem.remove_suffix(1);
  for (const Interpreter& interpreter : kInterpreters) {
    if (is_in_list(interpreter.names, name) || is_in_list(interpreter.names, stem))
      return &interpreter;
  }
  return nullptr;
}

void see_code(Answer& answer, const Draft& draft, std::string_view language, const Word& code) {
  if (code.unknown) {
    answer.unclear(Obscurity::dynamic_code, draft.source);
  } else if (is_dangerous_code(language, code.text)) {
    answer.unclear(Obscurity::inline_code, draft.source);
  }
}

Word rest_of(const Word& word, std::size_t from) {
  Word rest = word;
  rest.text = word.text.substr(std::min(from, word.text.size()));
  return rest;
}

// What an interpreter does with its arguments: how far the options went, whether it got a program.
struct Seen {
  bool program = false;  ///< code, a module, or nothing to run ("--version")
  std::size_t next = 1;
};

void read_letters(Answer& answer, const Draft& draft, const Interpreter& interpreter, Seen& seen) {
  const std::vector<Word>& words = draft.words;
  const Word& word = words[seen.next];
  const std::string& text = word.text;
  if (word.unknown && text.find(kUnknownPart) <= 1)
    answer.unclear(Obscurity::dynamic_code, draft.source);
  for (std::size_t i = 1; i < text.size(); ++i) {
    const bool code = interpreter.code_letters.find(text[i]) != std::string_view::npos;
    const bool value = interpreter.value_letters.find(text[i]) != std::string_view::npos;
    if (!code && !value) {
      // perl -i.bak, -0777, -F: what follows them in the word belongs to them.
      if (interpreter.language == "perl" &&
          (text[i] == 'i' || text[i] == 'F' || text[i] == 'M' || text[i] == 'm'))
        return;
      if (text[i] == 'v' || text[i] == 'V' || text[i] == 'h') seen.program = true;
      continue;
    }
    // node's "-pe" is "-p -e": its letters take no value from their own word.
    const bool attached = i + 1 < text.size() && interpreter.language != "node";
    if (!attached) ++seen.next;
    if (!attached && seen.next >= words.size()) return;
    const Word argument = attached ? rest_of(word, i + 1) : words[seen.next];
    if (code) see_code(answer, draft, interpreter.language, argument);
    if (code || (interpreter.language == "python" && text[i] == 'm')) seen.program = true;
    if (interpreter.language == "python" && text[i] == 'm') seen.next = words.size();
    if (interpreter.language == "php" && (text[i] == 'f' || text[i] == 'F' || text[i] == 'S'))
      seen.program = true;
    if (interpreter.language == "php" && text[i] == 'd' && argument.text.starts_with("auto_")) {
      answer.unclear(Obscurity::injected_code, draft.source);
    }
    return;
  }
}

void read_long(Answer& answer, const Draft& draft, const Interpreter& interpreter, Seen& seen) {
  const std::string& text = draft.words[seen.next].text;
  const std::size_t equals = text.find('=');
  const std::string name = text.substr(2, equals == std::string::npos ? equals : equals - 2);
  const bool code = is_in_list(interpreter.code_names, name);
  if (name == "version" || name == "help") seen.program = true;
  if (is_in_list("test check build", name)) seen.program = true;
  if (!code && !is_in_list(interpreter.value_names, name)) return;
  const bool attached = equals != std::string::npos;
  if (!attached) ++seen.next;
  if (seen.next >= draft.words.size()) return;
  if (!code) return;
  seen.program = true;
  see_code(answer, draft, interpreter.language,
           attached ? rest_of(draft.words[seen.next], equals + 1) : draft.words[seen.next]);
}

// perl opens what it is told to read: 'rm -rf / |' is a command there.
void see_magic_files(Answer& answer, const Draft& draft, std::size_t from) {
  for (std::size_t i = from; i < draft.words.size(); ++i) {
    const std::string_view text = trim(draft.words[i].text);
    if (text.starts_with('|') || text.ends_with('|'))
      answer.unclear(Obscurity::injected_code, draft.source);
  }
}

void check_generic(Answer& answer, const Draft& draft, const Interpreter& interpreter) {
  Seen seen;
  const std::vector<Word>& words = draft.words;
  for (; seen.next < words.size(); ++seen.next) {
    const std::string& text = words[seen.next].text;
    if (text.size() < 2 || text[0] != '-') break;
    if (text == "--") {
      ++seen.next;
      break;
    }
    if (text.starts_with("--")) {
      read_long(answer, draft, interpreter, seen);
    } else {
      read_letters(answer, draft, interpreter, seen);
    }
  }
  if (interpreter.language == "perl") see_magic_files(answer, draft, seen.next);
  if (seen.program) return;
  if (seen.next >= words.size() || is_descriptor_file(words[seen.next].text)) {
    const bool silent = draft.in.kind == Stdin::Kind::inherited ||
                        (draft.in.kind == Stdin::Kind::literal && !draft.in.piped);
    if (draft.in.kind == Stdin::Kind::literal) {
      Word code;
      code.text = draft.in.text;
      see_code(answer, draft, interpreter.language, code);
    }
    if (!silent) answer.unclear(Obscurity::piped_code, draft.source);
    if (seen.next < words.size() && words[seen.next].text != "-" && silent) {
      answer.unclear(Obscurity::dynamic_code, draft.source);
    }
    return;
  }
  const Word& file = words[seen.next];
  const bool beneath = file.text.size() > 2 && file.text[1] == '/' && !file.splits;
  if (file.unknown && file.text[0] == kUnknownPart && !beneath)
    answer.unclear(Obscurity::dynamic_code, draft.source);
}

void check_deno(Answer& answer, const Draft& draft) {
  const std::vector<Word>& words = draft.words;
  if (words.size() < 2) return;
  const bool runs_stdin = words[1].text == "run" && words.back().text == "-";
  if (runs_stdin && draft.in.kind != Stdin::Kind::inherited)
    answer.unclear(Obscurity::piped_code, draft.source);
  if (words[1].text != "eval" && words[1].text != "repl") return;
  for (std::size_t i = 2; i < words.size(); ++i) {
    if (!words[i].text.starts_with('-') || words[i].text.starts_with("--eval"))
      see_code(answer, draft, "deno", words[i]);
  }
}

// A program as first operand or behind -e; "-f FILE" takes its place.
void check_stream_editor(Answer& answer, const Draft& draft, bool awk) {
  const std::vector<Word>& words = draft.words;
  constexpr OptionTable kAwk = {
      "bcCghIkMnNoOPrsStV", "FveflijWEdDLp",
      "posix traditional csv re-interval lint sandbox bignum version help characters-as-bytes "
      "non-decimal-data optimize no-optimize gen-pot use-lc-numeric",
      "field-separator assign source file exec include load debug profile dump-variables "
      "pretty-print"};
  constexpr OptionTable kSed = {"nErsuziSb", "efl",
                                "quiet silent regexp-extended separate unbuffered null-data posix "
                                "sandbox debug follow-symlinks in-place version help binary",
                                "expression file line-length"};
  bool program = false;
  std::size_t first_operand = words.size();
  const auto see = [&](const Word& code) {
    program = true;
    if (code.unknown) return answer.unclear(Obscurity::dynamic_code, draft.source);
    const bool bad = awk ? is_dangerous_awk(code.text) : is_dangerous_sed(code.text);
    if (bad) answer.unclear(Obscurity::inline_code, draft.source);
  };
  for (std::size_t at = 1; at < words.size();) {
    // sed's -i takes its suffix from the same word only.
    const bool in_place = !awk && words[at].text.starts_with("-i") && words[at].text.size() > 2 &&
                          words[at].text[1] == 'i';
    if (in_place) {
      ++at;
      continue;
    }
    Options options = read_options({words.begin(), words.end()}, at, awk ? kAwk : kSed);
    if (!options.known) {
      // "-ni.bak", an option of another sed: the rest is looked at as if it were code.
      for (std::size_t i = at; i < words.size(); ++i) see(words[i]);
      return;
    }
    for (const Option& option : options.found) {
      const bool code = is_in_list(awk ? "e source" : "e expression", option.name);
      const bool file = is_in_list("f file E exec", option.name);
      if (code) see(option.value);
      if (file) program = true;
      if (file && is_descriptor_file(option.value.text))
        answer.unclear(Obscurity::piped_code, draft.source);
      if (awk && is_in_list("l load i include d debug D", option.name))
        answer.unclear(Obscurity::inline_code, draft.source);
    }
    first_operand = std::min(first_operand, options.next);
    if (awk) break;
    // GNU sed permutes: options may follow the operands.
    at = options.next + 1;
    while (at < words.size() && !words[at].text.starts_with("-")) ++at;
  }
  if (!program && first_operand < words.size()) see(words[first_operand]);
}

constexpr std::string_view kEditors = "vim vi nvim ex view rvim gvim vimdiff nvimdiff";

bool is_dangerous_editor_command(std::string_view command) {
  if (command.find('!') != std::string_view::npos) return true;
  for (const std::string_view sign :
       {"system", "call",     "exe",     "lua",      "py",   "perl", "ruby",
        "tcl",    "term",     "source",  "so ",      "norm", "make", "grep",
        "job",    "feedkeys", "luafile", "diffexpr", "mz",   "eval", "="}) {
    if (command.find(sign) != std::string_view::npos) return true;
  }
  return false;
}

void check_editor(Answer& answer, const Draft& draft, std::string_view name) {
  const std::vector<Word>& words = draft.words;
  bool silent = name == "ex";
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string& text = words[i].text;
    Word command;
    if ((text == "-c" || text == "--cmd" || text == "-S" || text == "-u" || text == "-s" ||
         text == "-W") &&
        i + 1 < words.size()) {
      command = words[i + 1];
      const bool file = text == "-S" || text == "-s";
      if (file && is_descriptor_file(command.text))
        answer.unclear(Obscurity::piped_code, draft.source);
      if (text != "-c" && text != "--cmd") continue;
    } else if (text.starts_with('+')) {
      command = rest_of(words[i], 1);
    } else {
      silent = silent || text == "-es" || text == "-e" || text == "-Es";
      continue;
    }
    if (command.unknown) answer.unclear(Obscurity::dynamic_code, draft.source);
    if (is_dangerous_editor_command(command.text))
      answer.unclear(Obscurity::inline_code, draft.source);
  }
  if (silent && draft.in.kind == Stdin::Kind::unknown)
    answer.unclear(Obscurity::piped_code, draft.source);
  if (draft.in.kind == Stdin::Kind::literal && is_dangerous_editor_command(draft.in.text)) {
    answer.unclear(Obscurity::inline_code, draft.source);
  }
}

// Line editors and debuggers: a line that starts with '!' or "shell".
void check_ed(Answer& answer, const Draft& draft) {
  if (draft.in.kind == Stdin::Kind::unknown) answer.unclear(Obscurity::piped_code, draft.source);
  const bool bang = draft.in.text.find('!') != std::string::npos;
  if (draft.in.kind == Stdin::Kind::literal && bang)
    answer.unclear(Obscurity::inline_code, draft.source);
  for (std::size_t i = 1; i < draft.words.size(); ++i) {
    if (draft.words[i].text.starts_with('!')) answer.unclear(Obscurity::inline_code, draft.source);
  }
}

void check_debugger(Answer& answer, const Draft& draft) {
  const std::vector<Word>& words = draft.words;
  for (std::size_t i = 1; i + 1 < words.size(); ++i) {
    const std::string& text = words[i].text;
    if (text == "--args" || text == "--") return;
    if (!is_in_list("-ex --ex -iex -eval-command --eval-command -o -O --one-line", text)) continue;
    const std::string& command = words[i + 1].text;
    const std::string verb = command.substr(0, command.find_first_of(" ("));
    const bool plain = is_in_list(
        "run r bt backtrace quit q continue c break b info print p where list l set thread up down",
        verb);
    const bool calls =
        command.find('(') != std::string::npos || command.find('!') != std::string::npos;
    if (words[i + 1].unknown) answer.unclear(Obscurity::dynamic_code, draft.source);
    if (!plain || calls) answer.unclear(Obscurity::inline_code, draft.source);
  }
  if (draft.in.kind != Stdin::Kind::inherited) answer.unclear(Obscurity::piped_code, draft.source);
}

}  // namespace

void check_interpreter(Answer& answer, const Draft& draft, std::string_view name) {
  if (is_foreign_shell(name)) {
    const bool code = std::any_of(draft.words.begin() + 1, draft.words.end(),
                                  [](const Word& word) { return word.text.starts_with('-'); });
    if (code) answer.unclear(Obscurity::inline_code, draft.source);
    if (draft.words.size() == 1 && draft.in.kind != Stdin::Kind::inherited)
      answer.unclear(Obscurity::piped_code, draft.source);
  } else if (is_in_list("awk gawk mawk nawk", name)) {
    check_stream_editor(answer, draft, true);
  } else if (is_in_list("sed gsed ssed", name)) {
    check_stream_editor(answer, draft, false);
  } else if (is_in_list(kEditors, name)) {
    check_editor(answer, draft, name);
  } else if (name == "ed" || name == "red") {
    check_ed(answer, draft);
  } else if (name == "emacs" || name == "emacsclient") {
    for (const Word& word : draft.words) {
      if (is_in_list("--eval -eval -e --execute -l --load -f --funcall --script", word.text))
        answer.unclear(Obscurity::inline_code, draft.source);
    }
  } else if (name == "gdb" || name == "lldb") {
    check_debugger(answer, draft);
  } else if (name == "deno") {
    check_deno(answer, draft);
  } else if (name == "bun" && draft.words.size() > 1 && !draft.words[1].text.starts_with('-')) {
    return;  // bun run, bun install, bun test
  } else if (const Interpreter* interpreter = find_interpreter(name)) {
    check_generic(answer, draft, *interpreter);
  }
}

}  // namespace berm::shell
