#include "rules/shell/syntax.h"

extern "C" const TSLanguage* tree_sitter_bash(void);

namespace berm::shell {
namespace {

// The worst text found so far takes 0.7 s. A clock makes answers depend on the load of the machine,
// so this is far beyond: a last resort against a parser that never ends.
constexpr std::uint64_t kParseMicroseconds = 10'000'000;
constexpr std::size_t kMaxNodes = 400'000;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n'; }

TSTree* parse(std::string_view text) {
  const std::unique_ptr<TSParser, void (*)(TSParser*)> parser(ts_parser_new(), ts_parser_delete);
  if (!ts_parser_set_language(parser.get(), tree_sitter_bash())) return nullptr;
  ts_parser_set_timeout_micros(parser.get(), kParseMicroseconds);
  return ts_parser_parse_string(parser.get(), nullptr, text.data(),
                                static_cast<std::uint32_t>(text.size()));
}

class Cursor {
 public:
  explicit Cursor(TSNode node) : cursor_(ts_tree_cursor_new(node)) {}
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;
  ~Cursor() { ts_tree_cursor_delete(&cursor_); }
  TSNode node() const { return ts_tree_cursor_current_node(&cursor_); }
  bool down() { return ts_tree_cursor_goto_first_child(&cursor_); }
  bool next() { return ts_tree_cursor_goto_next_sibling(&cursor_); }
  bool up() { return ts_tree_cursor_goto_parent(&cursor_); }

 private:
  TSTreeCursor cursor_;
};

}  // namespace

Syntax::Syntax(std::string_view text) : text_(text), tree_(parse(text), ts_tree_delete) {
  if (tree_ != nullptr) index();
}

bool Syntax::has_error() const { return ts_node_has_error(ts_tree_root_node(tree_.get())); }

Node Syntax::root() const { return wrap(ts_tree_root_node(tree_.get())); }

Node Syntax::wrap(TSNode raw) const {
  Node node{.raw = raw,
            .begin = ts_node_start_byte(raw),
            .end = ts_node_end_byte(raw),
            .type = ts_node_type(raw),
            .named = ts_node_is_named(raw)};
  while (node.begin < node.end && is_blank(text_[node.begin])) ++node.begin;
  return node;
}

std::vector<Node> Syntax::children(const Node& node) const {
  std::vector<Node> found;
  Cursor cursor(node.raw);
  if (!cursor.down()) return found;
  do {
    found.push_back(wrap(cursor.node()));
  } while (cursor.next());
  return found;
}

void Syntax::index() {
  Cursor cursor(ts_tree_root_node(tree_.get()));
  for (std::size_t count = 0; count < kMaxNodes; ++count) {
    index_one(wrap(cursor.node()));
    if (cursor.down()) continue;
    while (!cursor.next()) {
      if (!cursor.up()) return;
    }
  }
  too_large_ = true;
}

void Syntax::index_one(const Node& node) {
  if (!node.named) return;
  if (node.type == "command_substitution") {
    substitutions_.try_emplace(node.begin, Substitution{Span::command, node});
  } else if (node.type == "process_substitution") {
    substitutions_.try_emplace(node.begin, Substitution{Span::process, node});
  } else if (node.type == "arithmetic_expansion") {
    substitutions_.try_emplace(node.begin, Substitution{Span::arithmetic, node});
  } else if (node.type == "heredoc_redirect") {
    const std::vector<Node> parts = children(node);
    std::size_t at = text_.size();
    std::size_t body = text_.size();
    for (const Node& part : parts) {
      if (part.type == "<<" || part.type == "<<-") at = part.begin;
      // The raw begin: a body may start with blanks. Without a body only its end is there.
      if (part.type == "heredoc_body") body = ts_node_start_byte(part.raw);
      if (part.type == "heredoc_end" && body == text_.size()) body = ts_node_start_byte(part.raw);
    }
    here_documents_.try_emplace(at, HereDocument{body});
  }
}

const Substitution* Syntax::substitution_at(std::size_t at) const {
  const auto found = substitutions_.find(at);
  return found == substitutions_.end() ? nullptr : &found->second;
}

const HereDocument* Syntax::here_document_at(std::size_t operator_at) const {
  const auto found = here_documents_.find(operator_at);
  return found == here_documents_.end() ? nullptr : &found->second;
}

}  // namespace berm::shell
