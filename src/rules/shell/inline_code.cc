// Whether a piece of another language's code can start programs or run code that it made up. A list
// of names: "help, not the boundary". An obfuscated call needs one of the indirections listed.
#include "base/text.h"
#include "rules/shell/options.h"
#include "rules/shell/programs.h"

namespace berm::shell {
namespace {

constexpr std::string_view kAnyLanguage =
    "system exec execl execle execlp execlpe execv execve execveat execvp execvpe execFile "
    "execFileSync execSync "
    "popen popen2 popen3 popen4 Popen spawn spawnSync spawnl spawnle spawnlp spawnv spawnve "
    "spawnvp spawnvpe posix_spawn "
    "posix_spawnp fork forkpty vfork eval syscall subprocess child_process dlopen";
constexpr std::string_view kPython =
    "pty ctypes cffi getattr setattr attrgetter methodcaller getmembers __import__ importlib "
    "import_module imp zipimport "
    "runpy builtins __builtins__ __globals__ __class__ __subclasses__ __dict__ __getattribute__ "
    "globals vars pickle marshal "
    "startfile multiprocessing create_subprocess_exec create_subprocess_shell getoutput "
    "getstatusoutput breakpoint "
    "InteractiveConsole InteractiveInterpreter runcode runsource timeit cProfile pdb bdb "
    "webbrowser pipepager";
constexpr std::string_view kNode =
    "worker_threads Function constructor binding _load runInThisContext runInNewContext "
    "runInContext compileFunction vm "
    "createRequire mainModule globalThis Reflect inspector Command Worker";
constexpr std::string_view kLua = "execute load loadstring dofile loadfile";
constexpr std::string_view kPerl = "readpipe qx do require open sysopen IPC";
constexpr std::string_view kRuby =
    "send method load open instance_eval class_eval module_eval instance_exec define_method "
    "__send__ public_send const_get "
    "Kernel Process IO Open3 fiddle Fiddle";
constexpr std::string_view kPhp =
    "assert include require include_once require_once mail putenv shell_exec proc_open passthru "
    "pcntl_exec create_function "
    "call_user_func call_user_func_array array_map array_filter usort preg_replace_callback";
constexpr std::string_view kR = "system2 pipe shell source parse";
constexpr std::string_view kJulia = "run pipeline include ccall";
constexpr std::string_view kTcl = "exec open source load uplevel subst";

std::string_view own_names(std::string_view language) {
  const struct {
    std::string_view language, names;
  } kOwn[] = {{"lua", kLua},       {"perl", kPerl}, {"ruby", kRuby},   {"php", kPhp},
              {"python", kPython}, {"R", kR},       {"julia", kJulia}, {"tcl", kTcl},
              {"expect", kTcl},    {"node", kNode}, {"deno", kNode},   {"bun", kNode}};
  for (const auto& own : kOwn) {
    if (own.language == language) return own.names;
  }
  return "";
}

bool is_identifier(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool has_dangerous_name(std::string_view language, std::string_view code) {
  const std::string_view own = own_names(language);
  for (std::size_t at = 0; at < code.size();) {
    if (!is_identifier(code[at])) {
      ++at;
      continue;
    }
    std::size_t end = at;
    while (end < code.size() && is_identifier(code[end])) ++end;
    const std::string_view name = code.substr(at, end - at);
    const bool platform = code.substr(0, at).ends_with("platform.");  // platform.system() is a name
    if (platform && name == "system") {
      at = end;
      continue;
    }
    if (is_in_list(kAnyLanguage, name) || is_in_list(own, name)) return true;
    at = end;
  }
  return false;
}

// `require(x)` and `import(x)` of anything but a quoted name.
bool requires_computed(std::string_view code) {
  for (const std::string_view call : {"require", "import"}) {
    for (std::size_t at = code.find(call); at != std::string_view::npos;
         at = code.find(call, at + 1)) {
      std::size_t open = at + call.size();
      while (open < code.size() && code[open] == ' ') ++open;
      if (open >= code.size() || code[open] != '(') {
        if (call == "require") return true;  // an alias of it
        continue;
      }
      const char quote = open + 1 < code.size() ? code[open + 1] : '\0';
      const std::size_t close =
          quote == '\'' || quote == '"' ? code.find(quote, open + 2) : std::string_view::npos;
      if (close == std::string_view::npos || close + 1 >= code.size() || code[close + 1] != ')')
        return true;
      if (code.substr(open + 2, close - open - 2).find('\\') != std::string_view::npos) return true;
    }
  }
  return false;
}

// obj['ex' + 'ec'], obj[x]: a member whose name is put together. Numbers and plain names are not.
bool has_computed_member(std::string_view code) {
  for (std::size_t at = code.find('['); at != std::string_view::npos; at = code.find('[', at + 1)) {
    const std::size_t close = std::min(code.find(']', at), code.size());
    const std::string_view inside = code.substr(at, close - at);
    const bool quoted = inside.find_first_of("'\"`") != std::string_view::npos;
    if (quoted && inside.find_first_of("+\\$") != std::string_view::npos) return true;
  }
  return false;
}

// Letters that Python takes for ASCII ones (PEP 3131, NFKC).
bool has_lookalikes(std::string_view code) {
  for (std::size_t at = 0; at < code.size();) {
    char32_t c = 0;
    const std::size_t length = decode_utf8(code, at, c);
    if (length == 0) return true;
    if (c == 0xaa || c == 0xba || c == 0x17f || (c >= 0x1d2c && c <= 0x1dbf) ||
        (c >= 0x2070 && c <= 0x209c) || (c >= 0x2100 && c <= 0x218f) ||
        (c >= 0x2460 && c <= 0x24ff) || (c >= 0xff00 && c <= 0xffef) ||
        (c >= 0x1d400 && c <= 0x1d7ff)) {
      return true;
    }
    at += length;
  }
  return false;
}

bool has_substring(std::string_view code, std::initializer_list<std::string_view> signs) {
  for (const std::string_view sign : signs) {
    if (code.find(sign) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

bool is_dangerous_code(std::string_view language, std::string_view code) {
  if (has_dangerous_name(language, code)) return true;
  if (language == "python")
    return has_lookalikes(code) ||
           has_substring(code, {"os.exec", "sys.modules", "compile(c", " compile("});
  if (language == "perl" || language == "ruby" || language == "php") {
    if (has_substring(
            code, {"`", "%x", "&{", "&$", "->can", "<|", "|'", "|\"", "$$", "${\"", "/ee", "}ee"}))
      return true;
  }
  if (language == "julia") return has_substring(code, {"`"});
  if (language == "osascript")
    return has_substring(code, {"do shell script", "run script", "tell app"});
  if (language == "node" || language == "deno" || language == "bun") {
    if (has_substring(code, {"\\u", "\\x", "Bun.$", "Bun[", "Deno[", "process["})) return true;
    return requires_computed(code) || has_computed_member(code);
  }
  return false;
}

}  // namespace berm::shell
