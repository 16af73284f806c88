// download-execute: code from the network that runs without anybody having looked at it.
#include <algorithm>

#include "rules/tools/packs/pack.h"

namespace berm {
namespace {

constexpr std::string_view kLook = "download it, look at it, then run the file";

bool is_downloader(std::string_view program) {
  return is_one_of(program, "curl wget wget2 aria2c fetch http https xh lynx axel");
}

bool is_shell(std::string_view program) {
  return is_one_of(program, "sh bash dash zsh ksh mksh ash fish csh tcsh");
}

// True if the interpreter takes its program from standard input: no file, no -c, no -m.
bool reads_program(const Invocation& c) {
  if (is_shell(c.program())) {
    for (const ShellWord* word : c.words()) {
      if (is_one_of(word->text, "- -s --")) return true;
      if (word->text == "-c" || (!word->text.starts_with('-') && !word->text.starts_with('+'))) {
        return false;
      }
      if (word->text.find('s') != std::string::npos && word->text.size() <= 4) return true;
    }
    return true;
  }
  if (!is_one_of(c.program(), "python node perl ruby php deno bun lua Rscript pwsh")) return false;
  return c.words().empty() || c.words().front()->text == "-";
}

const SimpleCommand* piped(const ScriptView& view, bool (*is_source)(const Invocation&)) {
  for (const Invocation& sink : view.commands) {
    if (sink.command().stage == 0 || !reads_program(sink)) continue;
    const bool fed = std::ranges::any_of(view.commands, [&](const Invocation& source) {
      return source.command().pipeline == sink.command().pipeline &&
             source.command().stage < sink.command().stage && is_source(source);
    });
    if (fed) return &sink.command();
  }
  return nullptr;
}

const SimpleCommand* pipes_download(const ScriptView& view) {
  return piped(view, [](const Invocation& c) { return is_downloader(c.program()); });
}

const SimpleCommand* pipes_decoded(const ScriptView& view) {
  return piped(view, [](const Invocation& c) {
    if (is_one_of(c.program(), "base64 base32 basenc")) return c.has("-d -D --decode");
    if (c.program() == "xxd") return c.has("-r -p");
    if (c.program() == "openssl") return c.has("-d");
    return c.program() == "rev" || c.program() == "uudecode";
  });
}

// `bash <(curl …)`, `sh -c "$(curl …)"`, `eval "$(wget …)"`: the shell names the part it cannot
// know, and the download stands in it.
const SimpleCommand* runs_substitution(const ScriptView& view) {
  for (const Unclear& unclear : view.script.unclear) {
    if (unclear.kind != Obscurity::dynamic_code && unclear.kind != Obscurity::piped_code &&
        unclear.kind != Obscurity::dynamic_command) {
      continue;
    }
    for (const Invocation& c : view.commands) {
      if (is_downloader(c.program()) && !c.command().source.empty() &&
          unclear.text.find(c.command().source) != std::string::npos) {
        return &c.command();
      }
    }
  }
  return nullptr;
}

// Where the download goes: -o FILE, -O (the address's last part), wget's default, or "> FILE".
std::vector<std::string> downloaded_files(const Invocation& c) {
  std::vector<std::string> out;
  if (!is_downloader(c.program())) return out;
  for (const FileUse& use : files_of(c)) {
    if (use.write) out.push_back(use.path);
  }
  const bool by_name = c.program() == "wget" || c.has("-O --remote-name -OJ");
  for (const ShellWord* word : c.operands()) {
    const std::size_t at = word->text.rfind('/');
    if (!by_name || at == std::string::npos || at + 1 == word->text.size()) continue;
    out.push_back(normal_path(word->text.substr(at + 1), c.cwd(), c.context().home));
  }
  return out;
}

// The file that the command runs as a program; "" if none.
std::string run_file(const Invocation& c) {
  if (c.command().words.empty()) return "";
  const ShellWord& program = c.command().words.front();
  if (program.text.find('/') != std::string::npos) return c.path(program);
  const bool interpreter = is_shell(c.program()) ||
                           is_one_of(c.program(), "python node perl ruby php deno bun source .");
  if (!interpreter) return "";
  if (c.has("-c -e -m --eval")) return "";
  return c.operands().empty() ? "" : c.path(*c.operands().front());
}

const SimpleCommand* runs_download(const ScriptView& view) {
  std::vector<std::string> files;
  for (const Invocation& c : view.commands) {
    const std::string file = run_file(c);
    if (!file.empty() && std::ranges::find(files, file) != files.end()) return &c.command();
    for (std::string& name : downloaded_files(c)) files.push_back(std::move(name));
  }
  return nullptr;
}

bool is_remote(std::string_view package) {
  return package.starts_with("http://") || package.starts_with("https://") ||
         package.starts_with("git+") || package.starts_with("git://") ||
         package.starts_with("git@") || package.starts_with("github:") ||
         package.starts_with("gitlab:") || package.starts_with("ssh://") ||
         package.find(" @ http") != std::string_view::npos ||
         package.find("@git+") != std::string_view::npos ||
         package.find("@https://") != std::string_view::npos;
}

bool names_remote(const Invocation& c, std::size_t from) {
  for (std::size_t i = from; i < c.operands().size(); ++i) {
    if (is_remote(c.operands()[i]->text)) return true;
  }
  return false;
}

bool runs_remote_package(const Invocation& c) {
  if (is_one_of(c.program(), "npx bunx uvx")) {
    return is_remote(c.operand(0)) || is_remote(c.value("-p --package --from"));
  }
  if (c.program() == "deno") return c.verb("run") && is_remote(c.operand(1));
  if (c.program() == "go") return false;
  const bool runs = is_one_of(c.operand(0), "dlx exec x run") || c.verb("tool run");
  return runs && (names_remote(c, 1) || is_remote(c.value("--from --spec")));
}

bool installs_remote(const Invocation& c) {
  if (c.program() == "uv") {
    return (c.verb("pip install") || c.verb("add") || c.verb("tool install")) && names_remote(c, 1);
  }
  if (c.program() == "cargo") return c.verb("install") && !c.value("--git").empty();
  if (c.program() == "gem") return c.verb("install") && !c.value("-s --source").empty();
  return is_one_of(c.operand(0), "install i add") && names_remote(c, 1);
}

constexpr CommandRule kCommands[] = {
    {"remote-package", "npx bunx uvx pnpm yarn npm bun pipx uv deno", runs_remote_package,
     "it runs a package straight from an address, past registry and lock file",
     "use a published version"},
    {"install-from-address", "pip npm pnpm yarn bun uv pipx cargo gem poetry pdm", installs_remote,
     "it installs code straight from an address, past registry and lock file",
     "use a published version, or leave it to the user"},
};

constexpr ScriptRule kScripts[] = {
    {"pipe-to-interpreter", pipes_download, "it runs a download that nobody has looked at", kLook},
    {"decode-and-run", pipes_decoded, "it runs code that cannot be read here",
     "write the command itself"},
    {"substitute-download", runs_substitution, "it runs a download that nobody has looked at",
     kLook},
    {"download-then-run", runs_download, "it runs a file that it has just downloaded",
     "download it, look at it, then run it in a call of its own"},
};

}  // namespace

const Pack kDownloadExecutePack = {
    "download-execute",
    "Code from the network that runs without anybody having looked at it.",
    kCommands,
    {},
    kScripts};

}  // namespace berm
