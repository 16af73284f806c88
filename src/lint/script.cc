#include "lint/script.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "lint/agents.h"
#include "rules/shell/shell.h"

namespace berm::lint {
namespace {

// What a template will be is known when it is filled in. Of the same length, so that offsets stay,
// and a word to the shell wherever it stands: a variable that nobody has set.
std::string without_templates(std::string_view text) {
  std::string out(text);
  const auto hide = [&](std::string_view open, std::string_view close, auto is_template) {
    for (std::size_t at = out.find(open); at != std::string::npos; at = out.find(open, at + 1)) {
      const std::size_t end = out.find(close, at);
      if (end == std::string::npos) return;
      const std::size_t inside = at + open.size();
      if (!is_template(trim(std::string_view(out).substr(inside, end - inside)))) continue;
      const std::size_t size = end + close.size() - at;
      out.replace(at, size, "$" + std::string(size - 1, '_'));
    }
  };
  hide("${{", "}}", [](std::string_view) { return true; });
  // CircleCI's; "<<EOF" is a here-document.
  hide("<<", ">>", [](std::string_view inside) {
    return inside.starts_with("parameters.") || inside.starts_with("pipeline.");
  });
  return out;
}

// Each word behind the one before; one that is not there as it is (an escape, an expansion) is
// where its command is.
void place_words(std::string_view text, Command& command) {
  std::size_t at = command.span.begin;
  for (Word& word : command.words) {
    word.span = command.span;
    if (word.text.empty()) continue;
    const std::size_t found = text.find(word.text, at);
    if (found == text.npos || found + word.text.size() > command.span.end) continue;
    word.span = {found, found + word.text.size()};
    at = word.span.end;
  }
}

void place(std::string_view text, std::string_view source, std::size_t& cursor, Command& command) {
  std::size_t found = text.find(source, cursor);
  if (found == text.npos) found = text.find(source);
  command.span = {0, text.size()};
  if (found == text.npos) return;
  command.span = {found, found + source.size()};
  cursor = found;
}

// PowerShell, a broken line: its lines are commands, their blanks part words.
std::vector<Command> by_lines(std::string_view text) {
  std::vector<Command> out;
  for (std::size_t line = 0; line < text.size();) {
    const std::size_t end = std::min(text.find('\n', line), text.size());
    Command command{.words = {}, .wrappers = {}, .assignments = {}, .span = {line, end}};
    for (std::size_t at = line; at < end;) {
      const std::size_t begin = text.find_first_not_of(" \t\r'\"", at);
      if (begin >= end) break;
      at = std::min(text.find_first_of(" \t\r\n'\"", begin), end);
      command.words.push_back(
          {.text = std::string(text.substr(begin, at - begin)), .span = {begin, at}});
    }
    if (!command.words.empty() && !command.words[0].text.starts_with('#'))
      out.push_back(std::move(command));
    line = end + 1;
  }
  return out;
}

bool is_unread(const ShellScript& script) {
  return std::ranges::any_of(script.unclear, [](const Unclear& one) {
    return one.kind == Obscurity::unparsable || one.kind == Obscurity::too_long;
  });
}

std::vector<Command> by_shell(std::string_view text, const ShellScript& read) {
  std::vector<Command> out;
  std::size_t cursor = 0;
  for (const SimpleCommand& one : read.commands) {
    Command command{.words = {},
                    .wrappers = one.wrappers,
                    .assignments = {},
                    .span = {},
                    .pipeline = one.pipeline,
                    .stage = one.stage};
    for (const ShellWord& word : one.words)
      command.words.push_back({.text = word.text, .span = {}});
    for (const Assignment& assignment : one.assignments) {
      command.assignments.emplace_back(assignment.name, assignment.value.text);
    }
    place(text, one.source, cursor, command);
    place_words(text, command);
    out.push_back(std::move(command));
  }
  return out;
}

// Asking for its version, or logging in, is no work of an agent's.
bool is_harmless(std::string_view word) {
  static constexpr std::array<std::string_view, 16> kWords = {
      "--version", "-v",  "-V",     "--help", "-h",     "doctor",     "update", "upgrade",
      "install",   "mcp", "config", "login",  "logout", "completion", "plugin", "setup-token"};
  return std::ranges::find(kWords, word) != kWords.end();
}

// Names that other programs have, too (a migration tool, AWS Copilot): only with the words by which
// an agent is set to work.
bool is_set_to_work(std::string_view program, const std::vector<Word>& words, std::size_t at) {
  const auto has = [&](std::initializer_list<std::string_view> any) {
    return std::any_of(words.begin() + static_cast<std::ptrdiff_t>(at) + 1, words.end(),
                       [&](const Word& word) {
                         return std::find(any.begin(), any.end(), word.text) != any.end();
                       });
  };
  if (program == "goose") return has({"run", "session"});
  if (program == "copilot") return has({"-p", "--prompt", "--allow-all-tools", "--allow-tool"});
  if (program == "amp") return has({"-x", "--execute", "--dangerously-allow-all"});
  if (program == "droid") return has({"exec"});
  if (program == "crush") return has({"run", "-p"});
  return at + 1 >= words.size() || !is_harmless(words[at + 1].text);
}

// "npx -y @anthropic-ai/claude-code@2.1 -p": the package stands for its program.
std::string_view without_version(std::string_view package) {
  const std::size_t at = package.rfind('@');
  return at == 0 || at == package.npos ? package : package.substr(0, at);
}

}  // namespace

std::string_view Command::program() const {
  if (words.empty()) return "";
  const std::string_view first = words[0].text;
  return first.substr(first.rfind('/') + 1);
}

bool Command::has(std::string_view word) const {
  return std::ranges::any_of(words, [&](const Word& one) { return one.text == word; });
}

Span Script::in_file(Span part) const {
  return span_in(*file, *node, part.begin, part.end - part.begin);
}

Script read_script(const Source& file, const Node* scalar) {
  Script out{.file = &file, .node = follow(scalar), .commands = {}};
  if (!is_scalar(scalar)) return out;
  const std::string& value = out.node->value;
  const std::string text = without_templates(value);
  const ShellScript read = understand_shell(text);
  out.commands = is_unread(read) ? by_lines(value) : by_shell(text, read);
  return out;
}

std::optional<AgentStart> agent_start(const Command& command) {
  static constexpr std::array<std::string_view, 6> kRunners = {"npx",  "bunx", "pnpx",
                                                               "pnpm", "bun",  "uvx"};
  const std::vector<Word>& words = command.words;
  if (words.empty()) return std::nullopt;
  std::size_t at = 0;
  bool in_berm = false;
  const std::string_view program = command.program();
  if (program == "berm" && words.size() > 1 && words[1].text == "run") {
    in_berm = true;
    at = 2;
    while (at < words.size() && !is_agent_program(words[at].text)) ++at;
  } else if (std::ranges::find(kRunners, program) != kRunners.end()) {
    at = 1;
    while (at < words.size() && (words[at].text.starts_with('-') || words[at].text == "dlx" ||
                                 words[at].text == "exec" || words[at].text == "x"))
      ++at;
  }
  if (at >= words.size()) return std::nullopt;
  const std::string_view word = words[at].text;
  if (!is_agent_program(word) && !(at > 0 && is_agent_package(without_version(word))))
    return std::nullopt;
  if (!is_set_to_work(word.substr(word.rfind('/') + 1), words, at)) return std::nullopt;
  return AgentStart{.program = at, .in_berm = in_berm};
}

bool may_start_agent(std::string_view script) {
  static constexpr std::array<std::string_view, 13> kNames = {
      "claude", "codex",   "gemini", "opencode", "aider", "cursor-agent", "amp",
      "goose",  "copilot", "qwen",   "droid",    "crush", "berm run"};
  return std::ranges::any_of(kNames, [&](std::string_view name) {
    for (std::size_t at = script.find(name); at != script.npos; at = script.find(name, at + 1)) {
      const char before = at == 0 ? ' ' : lower(script.substr(at - 1, 1))[0];
      if (before < 'a' || before > 'z') return true;
    }
    return false;
  });
}

}  // namespace berm::lint
