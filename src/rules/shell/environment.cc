// Variables that make a harmless program run code.
#include "base/text.h"
#include "rules/shell/options.h"
#include "rules/shell/programs.h"

namespace berm::shell {
namespace {

enum class When : std::uint8_t {
  always,
  program,      ///< unless its value is a viewer, an editor or nothing
  search_path,  ///< if it leads out of the checkout or to where anybody writes
  prompt,       ///< if it has a substitution in it
  loads,        ///< if an option in it loads code
};

struct Variable {
  std::string_view names;
  When when;
};
// From the manuals of the programs that read them.
constexpr Variable kVariables[] = {
    {"LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT DYLD_INSERT_LIBRARIES DYLD_LIBRARY_PATH GCONV_PATH "
     "OPENSSL_CONF "
     "OPENSSL_ENGINES OPENSSL_MODULES GIO_EXTRA_MODULES GTK_MODULES QT_PLUGIN_PATH "
     "BASH_ENV ENV PROMPT_COMMAND SHELLOPTS BASHOPTS ZDOTDIR FPATH CDPATH BASH_LOADABLES_PATH "
     "GIT_SSH GIT_SSH_COMMAND GIT_EXTERNAL_DIFF GIT_ASKPASS GIT_PROXY_COMMAND GIT_EXEC_PATH "
     "GIT_TEMPLATE_DIR "
     "GIT_CONFIG GIT_CONFIG_PARAMETERS GIT_CONFIG_COUNT GIT_ALLOW_PROTOCOL SSH_ASKPASS "
     "SUDO_ASKPASS "
     "LESSOPEN LESSCLOSE MANOPT PERL5DB PERL5LIB PERLLIB PERL5OPT PYTHONSTARTUP PYTHONHOME "
     "PYTHONBREAKPOINT "
     "PYTHONUSERBASE RUBYLIB LUA_INIT LUA_PATH LUA_CPATH JULIA_LOAD_PATH R_PROFILE R_PROFILE_USER "
     "R_ENVIRON PHPRC "
     "PHP_INI_SCAN_DIR VIMINIT EXINIT MYVIMRC TAR_OPTIONS RSYNC_RSH RSYNC_CONNECT_PROG CVS_RSH "
     "SVN_SSH "
     "RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER CARGO_BUILD_RUSTC_WRAPPER DOTNET_STARTUP_HOOKS "
     "CORECLR_PROFILER_PATH COR_PROFILER_PATH PSModulePath npm_config_script_shell "
     "NPM_CONFIG_SCRIPT_SHELL "
     "npm_config_node_options CLAUDE_CODE_SHELL_PREFIX SHELL TEXMFCNF GROFF_COMMAND_PREFIX "
     "ANT_OPTS GEM_PATH "
     "BROWSER FCEDIT HGRCPATH HGEDITOR KUBE_EDITOR PAGER_COMMAND WGETRC CURL_HOME INPUTRC IFS",
     When::always},
    {"PAGER MANPAGER GIT_PAGER SYSTEMD_PAGER GH_PAGER AWS_PAGER PSQL_PAGER BAT_PAGER DELTA_PAGER "
     "EDITOR VISUAL GIT_EDITOR "
     "GIT_SEQUENCE_EDITOR SUDO_EDITOR SYSTEMD_EDITOR",
     When::program},
    {"PATH PYTHONPATH NODE_PATH CLASSPATH GOPATH", When::search_path},
    {"PS0 PS1 PS2 PS3 PS4", When::prompt},
    {"NODE_OPTIONS RUBYOPT JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS MAVEN_OPTS GRADLE_OPTS "
     "MAKEFLAGS "
     "GNUMAKEFLAGS MFLAGS GOFLAGS LESS MORE RUSTFLAGS BUN_OPTIONS PYTHONWARNINGS",
     When::loads}};

// A viewer with options and nothing that would start more.
bool is_plain_program(std::string_view value) {
  constexpr std::string_view kPlain =
      "cat less more most bat true false : vim vi nvim nano emacs ed code /bin/cat /usr/bin/less "
      "/bin/true "
      "/usr/bin/true /usr/bin/cat";
  if (value.find_first_of("|&;<>()$`\\!\n{") != std::string_view::npos) return false;
  const std::vector<std::string_view> words = split(value, ' ');
  if (!is_in_list(kPlain, words[0]) && !value.empty()) return false;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const bool viewer = words[0] == "less" || words[0] == "code" || words[0] == "bat";
    if (!viewer || words[i].starts_with('+')) return false;
  }
  return true;
}

// Writable by anybody, or the working directory: not where programs are looked for.
bool is_odd_directory(std::string_view name, std::string_view directory) {
  for (const std::string_view prefix : {"/tmp", "/var/tmp", "/dev/shm", "/proc"}) {
    if (directory == prefix || directory.starts_with(std::string(prefix) + "/")) return true;
  }
  if (name != "PATH") return false;
  if (directory.empty() || directory == "." || directory == "..") return true;
  return directory[0] != '/' && directory[0] != '~' && directory[0] != kUnknownPart &&
         directory.find("node_modules/.bin") == std::string_view::npos;
}

bool loads_code(std::string_view value) {
  for (const std::string_view sign : {"-r",
                                      "--require",
                                      "--import",
                                      "loader",
                                      "--inspect",
                                      "agent",
                                      "-Xrun",
                                      "OnError",
                                      "OnOutOfMemory",
                                      "@",
                                      "-toolexec",
                                      "-exec",
                                      "vettool",
                                      "--eval",
                                      "SHELL",
                                      "!",
                                      "linker",
                                      "plugin",
                                      "-I",
                                      "env-file",
                                      "+",
                                      "bootclasspath",
                                      "Flags",
                                      "-x"}) {
    if (value.find(sign) != std::string_view::npos) return true;
  }
  return false;
}

bool is_dangerous(std::string_view name, const ShellWord& value, When when) {
  switch (when) {
    case When::always:
      return true;
    case When::program:
      return value.unknown || !is_plain_program(value.text);
    case When::search_path:
      for (const std::string_view directory : split(value.text, ':')) {
        if (is_odd_directory(name, directory)) return true;
      }
      return value.text.starts_with(kUnknownPart) && value.text.find(':') == std::string::npos &&
             value.text.size() == 1;
    case When::prompt:
      return value.unknown || value.text.find_first_of("$`") != std::string::npos;
    case When::loads:
      return value.unknown || loads_code(value.text);
  }
  return true;
}

void check(Answer& answer, const Assignment& assignment, const Draft& draft) {
  const std::string_view name = assignment.name;
  const bool by_prefix = name.starts_with("GIT_CONFIG_") || name.starts_with("BASH_FUNC_") ||
                         (name.starts_with("CARGO_TARGET_") && name.ends_with("_RUNNER")) ||
                         (name.starts_with("CARGO_TARGET_") && name.ends_with("_LINKER")) ||
                         name.starts_with("GIT_TRACE2");
  // These only take settings away.
  if ((name == "GIT_CONFIG_NOSYSTEM" || name == "GIT_CONFIG_GLOBAL" ||
       name == "GIT_CONFIG_SYSTEM") &&
      (assignment.value.text == "1" || assignment.value.text == "/dev/null")) {
    return;
  }
  if (name == "IFS" || name == "SHELL" || name == "CDPATH") return;
  bool dangerous = by_prefix;
  for (const Variable& variable : kVariables) {
    if (is_in_list(variable.names, name)) {
      dangerous = dangerous || is_dangerous(name, assignment.value, variable.when);
    }
  }
  if (dangerous) answer.unclear(Obscurity::injected_code, draft.source);
}

}  // namespace

void check_assignments(Answer& answer, const Draft& draft) {
  for (const Assignment& assignment : draft.assignments) check(answer, assignment, draft);
  // export and the like with words that are no assignments of their own: `export "$x"`.
  if (draft.words.empty() ||
      !is_in_list("export declare typeset readonly local", draft.words[0].text)) {
    return;
  }
  for (std::size_t i = 1; i < draft.words.size(); ++i) {
    const Word& word = draft.words[i];
    const std::size_t equals = word.text.find('=');
    if (equals == std::string::npos) {
      if (word.unknown) answer.unclear(Obscurity::injected_code, draft.source);
      continue;
    }
    ShellWord value = word;
    value.text = word.text.substr(equals + 1);
    Assignment assignment{.name = word.text.substr(0, equals), .value = std::move(value)};
    if (assignment.name.find(kUnknownPart) != std::string::npos) {
      answer.unclear(Obscurity::injected_code, draft.source);
    }
    check(answer, assignment, draft);
  }
}

}  // namespace berm::shell
