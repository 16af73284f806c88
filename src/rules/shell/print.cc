#include <fmt/format.h>

#include <utility>

#include "base/text.h"
#include "rules/shell/shell.h"

namespace berm {
namespace {

// "…" for what is only known when it runs; quotes where a reader would else see two words.
std::string shown(const ShellWord& word) {
  std::string out;
  std::string part;
  for (const char c : word.text) {
    if (c != kUnknownPart) {
      part += c;
      continue;
    }
    out += printable(std::exchange(part, {}));
    out += "\u2026";
  }
  out += printable(part);
  const bool bare = !out.empty() && out.find_first_of(" \"'") == std::string::npos;
  return bare ? out : fmt::format("'{}'", out);
}

std::string_view sign_of(RedirectionKind kind) {
  switch (kind) {
    case RedirectionKind::read:
      return "<";
    case RedirectionKind::write:
      return ">";
    case RedirectionKind::append:
      return ">>";
    case RedirectionKind::here_document:
      return "<<";
    case RedirectionKind::here_string:
      return "<<<";
    case RedirectionKind::duplicate:
      return ">&";
  }
  return "?";
}

std::string shown(const SimpleCommand& command) {
  std::string out = command.stage > 0 ? "| " : "";
  for (const std::string& wrapper : command.wrappers)
    out += fmt::format("[{}] ", printable(wrapper));
  for (const Assignment& assignment : command.assignments) {
    out += fmt::format("{}={} ", printable(assignment.name), shown(assignment.value));
  }
  for (const ShellWord& word : command.words) out += shown(word) + " ";
  for (const Redirection& redirection : command.redirections) {
    out += fmt::format("{} {} ", sign_of(redirection.kind), shown(redirection.target));
  }
  if (out.ends_with(' ')) out.pop_back();
  return out;
}

}  // namespace

std::string to_text(const ShellScript& script) {
  std::string out;
  for (const SimpleCommand& command : script.commands) out += "runs    " + shown(command) + "\n";
  for (const Unclear& unclear : script.unclear) {
    out += fmt::format("unclear {}: {}\n", name_of(unclear.kind), printable(unclear.text));
  }
  return out;
}

}  // namespace berm
