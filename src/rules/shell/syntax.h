// src/rules/shell/syntax.h: tree-sitter's tree of one text. It says where statements and
// substitutions lie; what their words are, lexer.h reads from the text itself.
#pragma once

#include <tree_sitter/api.h>

#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace berm::shell {

/// A node with what is asked of it most often. Positions are bytes of the text.
struct Node {
  TSNode raw{};
  std::size_t begin = 0;  ///< leading blanks skipped: some tokens of the grammar start with them
  std::size_t end = 0;
  std::string_view type;
  bool named = false;
};

enum class Span : std::uint8_t { command, process, arithmetic };

/// A part of a word that the tree found: $(…), <(…), $((…)).
struct Substitution {
  Span kind = Span::command;
  Node node;
};

struct HereDocument {
  std::size_t body = 0;  ///< its first byte that is no blank
};

class Syntax {
 public:
  /// Parses `text`, which must outlive it. `valid()` is false if the parser gave up.
  explicit Syntax(std::string_view text);

  [[nodiscard]] bool valid() const { return tree_ != nullptr && !too_large_; }
  [[nodiscard]] bool has_error() const;
  [[nodiscard]] Node root() const;
  [[nodiscard]] std::vector<Node> children(const Node& node) const;
  [[nodiscard]] const Substitution* substitution_at(std::size_t at) const;
  [[nodiscard]] const HereDocument* here_document_at(std::size_t operator_at) const;

 private:
  [[nodiscard]] Node wrap(TSNode raw) const;
  void index();
  void index_one(const Node& node);

  std::string_view text_;
  std::unique_ptr<TSTree, void (*)(TSTree*)> tree_;
  bool too_large_ = false;
  std::unordered_map<std::size_t, Substitution> substitutions_;
  std::unordered_map<std::size_t, HereDocument> here_documents_;
};

}  // namespace berm::shell
