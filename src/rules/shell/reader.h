// src/rules/shell/reader.h: walks one text. The tree says where statements start; where a simple
// command ends and what joins it to the next one is read from the text.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "rules/shell/lexer.h"
#include "rules/shell/parts.h"
#include "rules/shell/syntax.h"
#include "rules/shell/variables.h"

namespace berm::shell {

/// How a statement is joined to the one before it in the same sequence.
enum class Link : std::uint8_t { none, pipe, conditional };

struct Flow {
  Link link = Link::none;
  std::uint32_t pipeline = 0;
  std::uint32_t stage = 0;
  Stdin in;  ///< of the next stage, if `link` is a pipe
};

class Reader {
 public:
  Reader(Answer& answer, std::string_view text, const Context& context);
  void read();

 private:
  using Spans = std::vector<std::pair<std::size_t, std::size_t>>;

  // reader.cc
  void frame(const std::vector<Node>& nodes, std::size_t begin, std::size_t end,
             const Context& context);
  void all(const std::vector<Node>& nodes, const Context& context, Flow& flow);
  void walk(const Node& node, const Context& context, Flow& flow);
  void redirected(const Node& node, const Context& context, Flow& flow);
  void simple(std::size_t begin, const Context& context, Flow& flow);
  void inner(const std::vector<InnerCode>& codes, const Context& context);
  [[nodiscard]] bool begin_statement(std::size_t at, Flow& flow, const Context& context);
  void end_statement(std::size_t end, Flow& flow, std::optional<std::string> output);
  [[nodiscard]] Link link_after(std::size_t end) const;
  [[nodiscard]] bool is_straight(const Context& context, const Flow& flow, std::size_t end) const;
  void assign(const Lexed& lexed, bool straight);
  void collect(const Lexed& lexed, const Context& context);
  void misread(std::size_t begin, std::size_t end);
  // compound.cc
  void compound(const Node& node, const Context& context, Flow& flow);
  void parts(const Node& node, const Context& context);
  void loop_header(const std::vector<Node>& nodes, const Context& context);
  void case_parts(const std::vector<Node>& nodes, const Context& context);
  void case_item(const Node& node, const Context& context);
  void function(const std::vector<Node>& nodes, const Context& context);
  void one_word(std::size_t at, const Context& context);
  void region(std::size_t begin, std::size_t end, Region kind, const Context& context);
  void cover(std::size_t begin, std::size_t end);
  [[nodiscard]] std::size_t trailing_redirections(std::size_t at, Context& context);
  // coverage.cc
  [[nodiscard]] bool ends_well(std::size_t at) const;
  [[nodiscard]] std::size_t first_uncovered(std::size_t begin, std::size_t end) const;
  [[nodiscard]] std::size_t skip_blanks(std::size_t at) const;
  [[nodiscard]] bool inside_covered(std::size_t at) const;

  Answer& answer_;
  std::string_view text_;
  const Context& context_;
  Syntax syntax_;
  Variables variables_;
  Spans covered_;
  std::size_t covered_to_ = 0;  ///< the largest end among them
  std::size_t limit_ = 0;
  unsigned nesting_ = 0;
  bool background_ = false;  ///< an '&' somewhere: what "a && b &" assigns is lost
};

/// What a program reads after `redirections`, if it would read `in` without them.
[[nodiscard]] Stdin redirected_stdin(Stdin in, const std::vector<Redirection>& redirections);

}  // namespace berm::shell
