// src/lint/expression.h: "${{ … }}" of GitHub Actions, as its evaluator reads it. Pure.
// https://docs.github.com/actions/reference/evaluate-expressions-in-workflows-and-actions
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lint/source.h"

namespace berm::lint {

struct Expression {
  enum class Kind : std::uint8_t { literal, context, call, index, negation, binary };
  Kind kind = Kind::literal;
  std::string
      text;  ///< of a literal its value; of a context its name; of a call the function's, in
             ///< lower case; of a binary one its operator; of an index by a name the name
  bool is_string = false;         ///< a literal in quotes
  bool filter = false;            ///< an index that is "*", or an expression: anything
  std::vector<Expression> parts;  ///< arguments; what is indexed, and what by
  Span span;                      ///< in the text that was parsed
};

/// nullopt: no expression.
[[nodiscard]] std::optional<Expression> parse_expression(std::string_view text);

/// A "${{ … }}" of a text, or the whole of an `if:`.
struct Embedded {
  Span span;                             ///< with its braces
  std::optional<Expression> expression;  ///< nullopt: it cannot be read
};
[[nodiscard]] std::vector<Embedded> expressions_in(std::string_view text);

/// A chain such as github.event.issue.title or github['event'].*.body: "github.event.issue.title",
/// "github.event.*.body", in lower case; "" for what is no chain from a context.
[[nodiscard]] std::string path_of(const Expression& expression);
/// Every such chain in it, the longest each.
struct ContextPath {
  std::string path;
  Span span;
};
[[nodiscard]] std::vector<ContextPath> contexts_in(const Expression& expression);

/// True for what whoever opens an issue, a pull request or a comment decides: titles, bodies, names
/// of branches and authors. (securitylab.github.com/resources/github-actions-untrusted-input)
[[nodiscard]] bool is_untrusted(std::string_view path);

}  // namespace berm::lint
