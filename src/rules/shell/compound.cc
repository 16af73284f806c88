// Compound commands: groups, loops, conditions, functions.
#include "rules/shell/reader.h"

namespace berm::shell {
namespace {

// Commands that a function of the same name would stand in for, unseen by the next call.
constexpr std::string_view kKnownCommands[] = {
    "alias",   "apt",   "awk",    "bash",    "break", "builtin", "bundle",  "cargo",     "cat",
    "cd",      "chmod", "chown",  "command", "cp",    "curl",    "dd",      "declare",   "docker",
    "echo",    "env",   "eval",   "exec",    "exit",  "export",  "false",   "find",      "gem",
    "git",     "go",    "grep",   "head",    "ip",    "kill",    "kubectl", "less",      "ln",
    "ls",      "make",  "mkdir",  "mount",   "mv",    "nc",      "node",    "npm",       "npx",
    "perl",    "php",   "pip",    "pip3",    "pnpm",  "printf",  "ps",      "pwd",       "python",
    "python3", "read",  "rm",     "rmdir",   "rsync", "ruby",    "scp",     "sed",       "set",
    "sh",      "shift", "source", "ssh",     "sudo",  "tar",     "tee",     "terraform", "test",
    "touch",   "trap",  "true",   "type",    "unset", "wget",    "which",   "xargs",     "yarn",
    "zsh",     "[",     "."};

}  // namespace

void Reader::compound(const Node& node, const Context& context, Flow& flow) {
  if (!begin_statement(node.begin, flow, context)) return;
  Context inside = context;
  inside.in = flow.in;
  std::size_t end = node.end;
  const std::vector<Node> nodes = syntax_.children(node);
  if (node.type == "function_definition") {
    // The node has its redirections inside.
    for (const Node& child : nodes) {
      if (child.named && !child.type.ends_with("_redirect")) end = child.end;
    }
  }
  end = trailing_redirections(end, inside);
  inside.straight = node.type == "compound_statement" && is_straight(context, flow, end);
  const Link link_before = flow.link;
  parts(node, inside);
  if (!ends_well(end)) misread(node.begin, node.end);
  flow.link = link_before;
  end_statement(end, flow, std::nullopt);
}

// They hold for every command inside: `{ sh; } < file`.
std::size_t Reader::trailing_redirections(std::size_t at, Context& context) {
  Lexed lexed;
  Lexer lexer(text_, limit_, syntax_, context.repeated ? nullptr : &variables_);
  if (!lexer.redirections(at, lexed)) {
    misread(at, std::min(text_.find('\n', at), limit_));
    return at;
  }
  if (lexed.draft.redirections.empty()) return at;
  cover(at, lexed.end);
  Draft draft = lexed.draft;
  draft.pipeline = answer_.new_pipeline();
  draft.wrappers = context.wrappers;
  draft.source = shortened(text_.substr(at, lexed.end - at));
  draft.depth = context.depth;
  static_cast<void>(conclude(answer_, draft));
  collect(lexed, context);
  context.in = redirected_stdin(context.in, draft.redirections);
  return lexed.end;
}

void Reader::parts(const Node& node, const Context& context) {
  const std::vector<Node> nodes = syntax_.children(node);
  if (node.type == "test_command" || node.type == "command") {
    const bool arithmetic = text_.substr(node.begin, 2) == "((";
    cover(node.begin, node.end);
    if (node.end < node.begin + 4) return misread(node.begin, node.end);
    const std::string_view close = text_.substr(node.end - 2, 2);
    if (close != (arithmetic ? "))" : "]]")) return misread(node.begin, node.end);
    // "[[" and "]]" are words: "[[]] x" is a command of that name.
    const bool words =
        is_metacharacter(text_[node.begin + 2]) && is_metacharacter(text_[node.end - 3]);
    if (!arithmetic && !words) return misread(node.begin, node.end);
    region(node.begin + 2, node.end - 2, arithmetic ? Region::arithmetic : Region::test, context);
    return;
  }
  if (node.type == "function_definition") return function(nodes, context);
  if (node.type == "case_statement") return case_parts(nodes, context);
  Context inside = context;
  if (node.type.find("while") == 0 || node.type.find("for") != std::string_view::npos) {
    inside.repeated = true;
    if (node.type.find("for") != std::string_view::npos) loop_header(nodes, context);
  }
  Flow flow{.in = inside.in};
  for (const Node& child : nodes) {
    if (child.type == "do_group" || child.type == "elif_clause" || child.type == "else_clause" ||
        (child.type == "compound_statement" && node.type.find("for") != std::string_view::npos)) {
      parts(child, inside);
      flow = Flow{.in = inside.in};
    } else if (child.named && !inside_covered(child.begin)) {
      walk(child, inside, flow);  // not the words of a loop's header
    }
  }
}

// "for x in WORDS", "for ((…))": up to the ';' or line end.
void Reader::loop_header(const std::vector<Node>& nodes, const Context& context) {
  std::size_t open = 0;
  for (const Node& node : nodes) {
    if (node.type == "variable_name" && open == 0) cover(node.begin, node.end);
    if (node.type == "((") open = node.end;
    if (node.type == "))" && open > 0) {
      cover(open - 2, node.end);
      return region(open, node.begin, Region::arithmetic, context);
    }
    if (!node.named && node.type == "in") {
      Lexed lexed;
      Lexer lexer(text_, limit_, syntax_, nullptr);
      if (!lexer.words(node.end, lexed)) return misread(node.begin, limit_);
      cover(node.end, lexed.end);
      return collect(lexed, context);
    }
    if (node.type == "do_group") return;
  }
}

void Reader::case_parts(const std::vector<Node>& nodes, const Context& context) {
  bool word = false;
  for (const Node& node : nodes) {
    if (node.type == "case_item") {
      case_item(node, context);
    } else if (node.named && node.type != "comment" && !word) {
      one_word(node.begin, context);
      word = true;
    }
  }
}

void Reader::case_item(const Node& node, const Context& context) {
  Flow flow{.in = context.in};
  std::size_t begin = node.begin;
  bool in_pattern = true;
  for (const Node& child : syntax_.children(node)) {
    if (in_pattern && child.type == "(" && child.begin == node.begin) begin = child.end;
    if (in_pattern && child.type == ")") {
      cover(begin, child.begin);
      region(begin, child.begin, Region::pattern, context);
      in_pattern = false;
    } else if (!in_pattern) {
      walk(child, context, flow);
    }
  }
}

void Reader::function(const std::vector<Node>& nodes, const Context& context) {
  Context inside = context;
  inside.repeated = true;
  // Who calls it decides what it reads: `f() { sh; }; curl … | f`.
  inside.in = {.kind = Stdin::Kind::unknown, .text = "", .piped = true};
  bool named = false;
  for (const Node& node : nodes) {
    if (node.type == "word" && !named) {
      named = true;
      cover(node.begin, node.end);
      const std::string_view name = text_.substr(node.begin, node.end - node.begin);
      for (const std::string_view known : kKnownCommands) {
        if (name == known) answer_.unclear(Obscurity::redefinition, name);
      }
      if (name.find_first_of("\\'\"$`") != std::string_view::npos) misread(node.begin, node.end);
    } else if (node.named && !node.type.ends_with("_redirect") && node.type != "comment") {
      // Not as a statement of its own: what follows it was looked at for the definition.
      parts(node, inside);
    }
  }
}

void Reader::one_word(std::size_t at, const Context& context) {
  Lexed lexed;
  Lexer lexer(text_, limit_, syntax_, nullptr);
  if (!lexer.one_word(at, lexed)) return misread(at, limit_);
  cover(at, lexed.end);
  collect(lexed, context);
}

void Reader::region(std::size_t begin, std::size_t end, Region kind, const Context& context) {
  Lexed lexed;
  Lexer lexer(text_, limit_, syntax_, nullptr);
  if (!lexer.region(begin, end, kind, lexed)) return misread(begin, end);
  collect(lexed, context);
}

}  // namespace berm::shell
