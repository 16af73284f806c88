#include "rules/shell/options.h"
#include "rules/shell/programs.h"

namespace berm::shell {
namespace {

constexpr std::string_view kShells =
    "sh bash dash zsh ksh ash fish mksh rbash rksh ksh93 yash posh lksh";
constexpr std::string_view kForeign = "csh tcsh pwsh powershell nu xonsh elvish rc es";
constexpr std::string_view kLongFlags =
    "login noediting noprofile norc posix restricted verbose version help debugger dump-strings "
    "dump-po-strings no-config private";
constexpr std::string_view kLongValues = "rcfile init-file";

bool takes_name(char letter) { return letter == 'o' || letter == 'O'; }

}  // namespace

bool is_shell(std::string_view name) { return is_in_list(kShells, name); }
bool is_foreign_shell(std::string_view name) { return is_in_list(kForeign, name); }

bool is_descriptor_file(std::string_view path) {
  return path == "-" || path == "/dev/stdin" || path.starts_with("/dev/fd/") ||
         (path.starts_with("/proc/") && path.find("/fd/") != std::string_view::npos);
}

// bash(1), "OPTIONS": -c takes the first word that is no option, wherever its letter stands.
ShellCall read_shell_call(const std::vector<Word>& words) {
  ShellCall call;
  bool code = false;
  bool from_stdin = false;
  std::size_t at = 1;
  for (; at < words.size(); ++at) {
    const std::string_view text = words[at].text;
    if (text == "--" || text == "-") {
      ++at;
      break;
    }
    if (text.size() < 2 || (text[0] != '-' && text[0] != '+')) break;
    if (words[at].unknown) call.unknown_option = true;
    if (text.starts_with("--")) {
      const std::string_view name = text.substr(2, text.find('=') - 2);
      if (is_in_list(kLongValues, name)) {
        call.injected = true;
        if (text.find('=') == std::string_view::npos) ++at;
      } else if (name == "command") {  // fish
        code = true;
      } else if (!is_in_list(kLongFlags, name)) {
        call.unknown_option = true;
      }
      continue;
    }
    std::size_t names = 0;
    for (const char letter : text.substr(1)) {
      code = code || (letter == 'c' && text[0] == '-');
      from_stdin = from_stdin || letter == 's';
      if (takes_name(letter)) ++names;
    }
    at += names;
  }
  if (code) {
    if (at < words.size()) {
      call.code = words[at];
      if (words[at].splits) call.code->unknown = true;
    }
  } else if (from_stdin || at >= words.size()) {
    call.reads_stdin = true;
  } else {
    call.file = words[at];
    // "$dir/x.sh" is a file wherever that is; "$x" may be an option too.
    const std::string_view text = words[at].text;
    if (text.size() > 2 && text[0] == kUnknownPart && text[1] == '/' && !words[at].splits) {
      call.file->unknown = false;
    } else if (words[at].unknown && !text.starts_with(kUnknownPart) && !words[at].splits) {
      call.file->unknown = false;
    }
  }
  return call;
}

}  // namespace berm::shell
