#include "rules/shell/reader.h"

#include <algorithm>
#include <optional>

namespace berm::shell {
namespace {

constexpr unsigned kMaxNesting = 100;
constexpr std::string_view kSimple[] = {"command",
                                        "declaration_command",
                                        "unset_command",
                                        "file_redirect",
                                        "variable_assignments",
                                        "variable_assignment",
                                        "herestring_redirect"};
constexpr std::string_view kCompound[] = {
    "subshell",      "compound_statement",    "if_statement",   "while_statement",
    "for_statement", "c_style_for_statement", "case_statement", "function_definition"};
constexpr std::string_view kTransparent[] = {"list", "pipeline", "negated_command", "program",
                                             "ERROR"};

template <std::size_t N>
bool is_one_of(std::string_view type, const std::string_view (&list)[N]) {
  for (const std::string_view candidate : list) {
    if (type == candidate) return true;
  }
  return false;
}

// An '&' that is neither "&&" nor part of a redirection; one in quotes does no harm.
bool has_background(std::string_view text) {
  for (std::size_t at = text.find('&'); at != std::string_view::npos; at = text.find('&', at + 1)) {
    const char before = at > 0 ? text[at - 1] : ' ';
    const char after = at + 1 < text.size() ? text[at + 1] : ' ';
    if (before != '&' && after != '&' && before != '<' && before != '>' && after != '>')
      return true;
  }
  return false;
}

}  // namespace

Reader::Reader(Answer& answer, std::string_view text, const Context& context)
    : answer_(answer),
      text_(text),
      context_(context),
      syntax_(text),
      variables_(text),
      limit_(text.size()),
      background_(has_background(text)) {}

void Reader::read() {
  if (!syntax_.valid()) {
    answer_.unclear(Obscurity::too_long, text_);
    return;
  }
  if (syntax_.has_error()) answer_.unclear(Obscurity::unparsable, text_);
  // The grammar starts its root behind leading blanks and comments; the frame is all of the text.
  frame({syntax_.root()}, 0, text_.size(), context_);
}

// One stretch of text that bash reads on its own: the whole, or the inside of a substitution.
void Reader::frame(const std::vector<Node>& nodes, std::size_t begin, std::size_t end,
                   const Context& context) {
  Spans outer = std::exchange(covered_, {});
  const std::size_t outer_to = std::exchange(covered_to_, 0);
  const std::size_t outer_limit = std::exchange(limit_, end);
  Flow flow{.in = context.in};
  all(nodes, context, flow);
  const std::size_t stray = first_uncovered(begin, end);
  if (stray < end) misread(stray, end);
  limit_ = outer_limit;
  covered_ = std::move(outer);
  covered_to_ = outer_to;
}

void Reader::cover(std::size_t begin, std::size_t end) {
  covered_.emplace_back(begin, end);
  covered_to_ = std::max(covered_to_, end);
}

void Reader::all(const std::vector<Node>& nodes, const Context& context, Flow& flow) {
  for (const Node& node : nodes) walk(node, context, flow);
}

void Reader::walk(const Node& node, const Context& context, Flow& flow) {
  if (!node.named || node.begin == node.end) return;
  if (nesting_ >= kMaxNesting) {
    answer_.unclear(Obscurity::too_deep, text_.substr(node.begin, node.end - node.begin));
    return;
  }
  ++nesting_;
  // "[ … ]" is a command; "((x = 1))" the grammar takes for one.
  const std::string_view opening = text_.substr(node.begin, 2);
  const bool test = node.type == "test_command" || node.type == "command";
  if ((test && (opening == "((" || opening == "[[")) || is_one_of(node.type, kCompound)) {
    compound(node, context, flow);
  } else if (node.type == "test_command" || is_one_of(node.type, kSimple)) {
    simple(node.begin, context, flow);
  } else if (node.type == "redirected_statement" || node.type == "heredoc_redirect") {
    redirected(node, context, flow);
  } else if (is_one_of(node.type, kTransparent)) {
    all(syntax_.children(node), context, flow);
  }
  --nesting_;
}

// Its redirections are read with the command or behind the compound; only statements matter here.
void Reader::redirected(const Node& node, const Context& context, Flow& flow) {
  const std::vector<Node> nodes = syntax_.children(node);
  bool bare = node.type == "redirected_statement";
  for (const Node& child : nodes) {
    const bool redirect = child.type.ends_with("_redirect");
    if (bare && redirect) simple(node.begin, context, flow);
    bare = false;
    if (child.type == "heredoc_redirect" || !redirect) walk(child, context, flow);
  }
}

void Reader::misread(std::size_t begin, std::size_t end) {
  answer_.unclear(Obscurity::unparsable, text_.substr(begin, end - begin));
}

bool Reader::begin_statement(std::size_t at, Flow& flow, const Context& context) {
  if (inside_covered(at)) {
    misread(at, std::min(text_.find('\n', at), text_.size()));
    return false;
  }
  if (flow.link == Link::pipe) {
    ++flow.stage;
  } else {
    flow.pipeline = answer_.new_pipeline();
    flow.stage = 0;
    flow.in = context.in;
  }
  return true;
}

void Reader::end_statement(std::size_t end, Flow& flow, std::optional<std::string> output) {
  flow.link = link_after(end);
  if (flow.link != Link::pipe) return;
  flow.in = Stdin{.kind = output ? Stdin::Kind::literal : Stdin::Kind::unknown,
                  .text = output ? *std::move(output) : "",
                  .piped = true};
}

Link Reader::link_after(std::size_t end) const {
  const std::size_t at = skip_blanks(end);
  const std::string_view next = text_.substr(at, at + 2 <= limit_ ? 2 : limit_ - at);
  if (next == "&&" || next == "||") return Link::conditional;
  return next.starts_with('|') ? Link::pipe : Link::none;
}

bool Reader::is_straight(const Context& context, const Flow& flow, std::size_t end) const {
  if (!context.straight || flow.link != Link::none) return false;
  const Link next = link_after(end);
  if (next == Link::pipe || (next == Link::conditional && background_)) return false;
  const std::size_t at = skip_blanks(end);
  return next == Link::conditional || at >= limit_ || text_[at] != '&';
}

void Reader::simple(std::size_t begin, const Context& context, Flow& flow) {
  if (!begin_statement(begin, flow, context)) return;
  Lexed lexed;
  Lexer lexer(text_, limit_, syntax_, context.repeated ? nullptr : &variables_);
  if (!lexer.simple_command(begin, lexed) || lexed.end == begin) {
    const std::size_t line = std::min(text_.find('\n', begin), limit_);
    misread(begin, line);
    cover(begin, std::max(begin + 1, std::min(lexed.end, line)));
    end_statement(line, flow, std::nullopt);
    return;
  }
  cover(begin, lexed.end);
  Draft draft = lexed.draft;
  draft.pipeline = flow.pipeline;
  draft.stage = flow.stage;
  draft.wrappers = context.wrappers;
  draft.source = shortened(text_.substr(begin, lexed.end - begin));
  draft.in = redirected_stdin(flow.in, draft.redirections);
  draft.depth = context.depth;
  if (answer_.spoken != nullptr && !draft.words.empty() && context.wrappers.empty()) {
    std::vector<std::string>& words = answer_.spoken->emplace_back();
    for (const Word& word : draft.words) words.push_back(word.text);
  }
  const bool assigns = draft.words.empty();
  Conclusion conclusion = conclude(answer_, std::move(draft));
  collect(lexed, context);
  if (assigns) assign(lexed, is_straight(context, flow, lexed.end));
  if (conclusion.changes_variables) variables_.forget_all();
  end_statement(lexed.end, flow, std::move(conclusion.output));
}

void Reader::assign(const Lexed& lexed, bool straight) {
  for (std::size_t i = 0; straight && i < lexed.assigned_at.size(); ++i) {
    if (lexed.assigned_at[i] == std::string_view::npos) continue;
    const Assignment& assignment = lexed.draft.assignments[i];
    variables_.assign(assignment.name, assignment.value, lexed.assigned_at[i]);
  }
}

// What every lexed piece brings along: bodies of here-documents, notes, code inside of words.
void Reader::collect(const Lexed& lexed, const Context& context) {
  for (const auto& [begin, end] : lexed.bodies) cover(begin, end);
  for (const Unclear& note : lexed.unclear) answer_.unclear(note.kind, note.text);
  inner(lexed.inner, context);
}

void Reader::inner(const std::vector<InnerCode>& codes, const Context& context) {
  for (const InnerCode& code : codes) {
    Context inside = context;
    inside.straight = false;
    if (nesting_ >= kMaxNesting) {
      answer_.unclear(Obscurity::too_deep, text_);
      return;
    }
    if (code.substitution == nullptr) {
      ++inside.depth;
      read_code(answer_, code.backticks, inside);
      continue;
    }
    const Node& node = code.substitution->node;
    if (text_[node.begin] == '>') inside.in = {.kind = Stdin::Kind::unknown, .piped = true};
    ++nesting_;
    frame(syntax_.children(node), node.begin + 2, node.end - 1, inside);
    --nesting_;
  }
}

Stdin redirected_stdin(Stdin in, const std::vector<Redirection>& redirections) {
  for (const Redirection& redirection : redirections) {
    const bool here = redirection.kind == RedirectionKind::here_document ||
                      redirection.kind == RedirectionKind::here_string;
    if (here && !redirection.target.unknown) {
      in = {.kind = Stdin::Kind::literal, .text = redirection.target.text, .piped = false};
    } else if (here || redirection.target.unknown) {
      in = {.kind = Stdin::Kind::unknown, .text = "", .piped = false};
    } else if (redirection.kind == RedirectionKind::read) {
      const bool empty = redirection.target.text == "/dev/null";
      in = {
          .kind = empty ? Stdin::Kind::literal : Stdin::Kind::unknown, .text = "", .piped = false};
    }
  }
  return in;
}

}  // namespace berm::shell
