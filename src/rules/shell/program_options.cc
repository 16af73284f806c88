// Options by which programs other than interpreters run what they are told.
#include "base/text.h"
#include "rules/shell/options.h"
#include "rules/shell/programs.h"

namespace berm::shell {
namespace {

struct Dangerous {
  std::string_view program;
  std::string_view option;         ///< a prefix of the word
  std::string_view harmless = "";  ///< values (the rest of the word, or the next one) that are fine
};
// From the programs' manuals; GTFOBins lists most of them.
constexpr Dangerous kOptions[] = {
    {"tar", "--checkpoint-a"},
    {"tar", "--to-c"},
    {"tar", "--rsh-c"},
    {"tar", "--rmt-c"},
    {"tar", "--info-s"},
    {"tar", "--new-v"},
    {"tar", "-F"},
    {"tar", "--use-c", "gzip pigz zstd xz bzip2 pbzip2 lz4 lzip lzma zstdmt pixz"},
    {"tar", "-I", "gzip pigz zstd xz bzip2 pbzip2 lz4 lzip lzma zstdmt pixz"},
    {"rsync", "-e", "ssh"},
    {"rsync", "--rsh", "ssh"},
    {"rsync", "--rsync-path", "rsync"},
    {"zip", "-TT"},
    {"zip", "--unzip-command"},
    {"man", "-P", "cat less more"},
    {"man", "--pager", "cat less more"},
    {"man", "-H"},
    {"man", "--html"},
    {"less", "+!"},
    {"less", "++!"},
    {"more", "+!"},
    {"ssh", "-oProxyCommand"},
    {"ssh", "-oLocalCommand"},
    {"ssh", "-oKnownHostsCommand"},
    {"ssh", "-oProxyUseFdpass"},
    {"ssh", "-oPKCS11Provider"},
    {"ssh", "-I"},
    {"ssh", "-F", "/dev/null none"},
    {"ssh", "ProxyCommand", "=none"},
    {"ssh", "LocalCommand"},
    {"ssh", "KnownHostsCommand"},
    {"ssh", "PKCS11Provider"},
    {"ssh", "PermitLocalCommand=y"},
    {"ssh", "proxycommand"},
    {"ssh", "localcommand"},
    {"ssh", "knownhostscommand"},
    {"ssh", "pkcs11provider"},
    {"scp", "-S"},
    {"scp", "ProxyCommand"},
    {"scp", "-oProxyCommand"},
    {"scp", "proxycommand"},
    {"scp", "-oproxycommand"},
    {"sftp", "-S"},
    {"sftp", "ProxyCommand"},
    {"sftp", "-oProxyCommand"},
    {"sftp", "-D"},
    {"ssh-keygen", "-D"},
    {"ssh-add", "-s"},
    {"ssh-agent", "-P"},
    {"make", "--eval"},
    {"make", "-E"},
    {"make", "SHELL="},
    {"make", ".SHELLFLAGS="},
    {"gmake", "--eval"},
    {"gmake", "SHELL="},
    {"go", "-exec"},
    {"go", "--exec"},
    {"go", "-toolexec"},
    {"go", "--toolexec"},
    {"go", "-vettool"},
    {"go", "--vettool"},
    {"go", "-overlay"},
    {"go", "-extld"},
    {"cargo", "--config"},
    {"gcc", "-wrapper"},
    {"gcc", "-fplugin"},
    {"gcc", "-specs"},
    {"gcc", "--specs"},
    {"g++", "-wrapper"},
    {"g++", "-fplugin"},
    {"g++", "-specs"},
    {"cc", "-wrapper"},
    {"cc", "-fplugin"},
    {"clang", "-fplugin"},
    {"clang", "-load"},
    {"clang++", "-fplugin"},
    {"clang++", "-load"},
    {"sort", "--compress-p", "gzip zstd lz4"},
    {"split", "--filter"},
    {"wget", "--use-askpass"},
    {"wget", "--use-a"},
    {"wget", "-e"},
    {"wget", "--execute"},
    {"wget", "--config"},
    {"apt", "-o"},
    {"apt-get", "-o"},
    {"apt", "--option"},
    {"apt-get", "--option"},
    {"apt-get", "-c"},
    {"apt", "-c"},
    {"dpkg", "--pre-invoke"},
    {"dpkg", "--post-invoke"},
    {"dpkg", "--admindir"},
    {"dpkg", "--status-logger"},
    {"nc", "-e"},
    {"nc", "-c"},
    {"ncat", "-e"},
    {"ncat", "-c"},
    {"ncat", "--exec"},
    {"ncat", "--sh-exec"},
    {"ncat", "--lua-exec"},
    {"nc.traditional", "-e"},
    {"nc.traditional", "-c"},
    {"netcat", "-e"},
    {"netcat", "-c"},
    {"socat", "EXEC:"},
    {"socat", "SYSTEM:"},
    {"socat", "exec:"},
    {"socat", "system:"},
    {"socat", "SHELL:"},
    {"socat", "shell:"},
    {"socat", "Exec:"},
    {"socat", "System:"},
    {"tcpdump", "-z"},
    {"nmap", "--script"},
    {"nmap", "--interactive"},
    {"mutt", "-e"},
    {"npm", "--script-shell"},
    {"npm", "--node-options"},
    {"npm", "--ignore-scripts=false"},
    {"yarn", "--script-shell"},
    {"pnpm", "--script-shell"},
    {"npm", "script-shell"},
    {"xargs", "--process-slot-var"},
    {"openssl", "-engine"},
    {"openssl", "-provider-path"},
    {"openssl", "-config"},
    {"openvpn", "--up"},
    {"openvpn", "--script-security"},
    {"dmsetup", "-"},
    {"logrotate", "-m"},
    {"logrotate", "--mail"},
    {"mysql", "--pager"},
    {"mysql", "\\!"},
    {"mysql", "system "},
    {"psql", "\\!"},
    {"psql", "\\copy"},
    {"sqlite3", ".shell"},
    {"sqlite3", ".system"},
    {"sqlite3", ".load"},
    {"pip", "--python"},
    {"pip3", "--python"},
    {"virtualenv", "--app-data"},
    {"bazel", "--run_under"},
    {"cmake", "-P"},
    {"cmake", "-D_LAUNCHER"},
    {"ctags", "--options"},
    {"gdb", "-iex"},
    {"strace", "--daemonize"},
    {"rg", "--pre"},
    {"ripgrep", "--pre"},
    {"rg", "--hostname-bin"},
    {"bat", "--pager", "=never =cat never cat less"},
    {"journalctl", "--pager"},
    {"curl", "--engine"},
    {"curl", "-K"},
    {"curl", "--config"},
    {"ffmpeg", "-f_plugin"},
    {"docker", "--cli-plugin"},
    {"jq", "-L"},
    {"ansible", "--connection"},
    {"date", "--debug-exec"},
    {"watch", "--exec"},
    {"pytest", "-p", "no:cacheprovider no:warnings no:randomly xdist"},
    {"python", "--check-hash"},
    {"terraform", "-plugin-dir"},
    {"msgfilter", "-"},
    {"run-mailcap", ""},
    {"xdg-open", ""},
    {"env_parallel", ""},
    {"cpio", "--rsh-command"},
    {"gimp", "-b"},
    {"tshark", "-Xlua_script"},
    {"rpm", "--eval"},
    {"rpm", "-E"},
    {"rpm", "--pipe"},
    {"puppet", "-e"},
    {"octave", "--eval"},
    {"octave", "-eval"},
    {"ghc", "-e"},
    {"jrunscript", "-e"},
    {"scala", "-e"},
    {"kotlin", "-e"},
    {"groovy", "-e"},
    {"erl", "-eval"},
    {"erl", "-s"},
    {"elixir", "-e"},
    {"elixir", "--eval"},
    {"iex", "-e"},
    {"mix", "eval"},
    {"swipl", "-g"},
    {"guile", "-c"},
    {"racket", "-e"},
    {"sbcl", "--eval"},
    {"clisp", "-x"},
    {"ocaml", "-e"},
    {"gjs", "-c"},
    {"busctl", "call"},
    {"dbus-send", ""},
    {"gdbus", "call"},
};

// True if `text` at word `i` is `option` with a harmless value.
bool is_harmless(const std::vector<Word>& words, std::size_t i, const Dangerous& option) {
  if (option.harmless.empty()) return false;
  std::string value = words[i].text.substr(option.option.size());
  const bool is_long = option.option.starts_with("--");
  if (is_long) {
    const std::size_t equals = words[i].text.find('=');
    value = equals == std::string::npos ? "" : words[i].text.substr(equals + 1);
  }
  bool unknown = words[i].unknown;
  if (value.empty() && i + 1 < words.size()) {
    value = words[i + 1].text;
    unknown = words[i + 1].unknown;
  }
  const std::string first = value.substr(0, value.find(' '));
  const bool more = value.find("-o") != std::string::npos ||
                    value.find_first_of(";|&`$") != std::string::npos ||
                    value.find(" -F") != std::string::npos;
  return !unknown && !more && is_in_list(option.harmless, first);
}

// "-ae ssh": a letter that takes a value may close a group of letters.
bool is_grouped(std::string_view text, std::string_view option) {
  if (option.size() != 2 || option[0] != '-' || text.size() < 3 || text[0] != '-' || text[1] == '-')
    return false;
  return text.back() == option[1];
}

}  // namespace

void check_options(Answer& answer, const Draft& draft, std::string_view name) {
  for (const Dangerous& option : kOptions) {
    if (option.program != name) continue;
    for (std::size_t i = 1; i < draft.words.size(); ++i) {
      const std::string& text = draft.words[i].text;
      const bool grouped =
          (name == "rsync" || name == "nc" || name == "ncat") && is_grouped(text, option.option);
      if (!text.starts_with(option.option) && !grouped) continue;
      Dangerous found = option;
      if (grouped) found.option = text;
      if (!is_harmless(draft.words, i, found))
        answer.unclear(Obscurity::injected_code, draft.source);
    }
  }
  // A makefile, a table of jobs from the input.
  const bool reads_program = is_in_list("make gmake crontab", name);
  for (std::size_t i = 1; reads_program && i < draft.words.size(); ++i) {
    const std::string& text = draft.words[i].text;
    if (text == "-" || text == "-f-" || is_descriptor_file(text))
      answer.unclear(Obscurity::piped_code, draft.source);
  }
}

}  // namespace berm::shell
