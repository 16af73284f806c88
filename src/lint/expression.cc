#include "lint/expression.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace berm::lint {
namespace {

constexpr int kDeepest = 100;

bool is_name(char c, bool first) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         (!first && ((c >= '0' && c <= '9') || c == '-'));
}

// Precedence climbs: ||, &&, ==, <, !, postfix.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::optional<Expression> whole() {
    std::optional<Expression> out = binary(0);
    skip();
    return out && at_ == text_.size() ? out : std::nullopt;
  }

 private:
  struct Depth {
    explicit Depth(int& depth) : depth_(depth) { ++depth_; }
    ~Depth() { --depth_; }
    Depth(const Depth&) = delete;
    Depth& operator=(const Depth&) = delete;
    int& depth_;
  };

  void skip() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r')) {
      ++at_;
    }
  }
  bool take(std::string_view word) {
    skip();
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  std::string_view operator_of(int level) {
    static constexpr std::array<std::string_view, 8> kAll = {
        "||", "&&", "==", "!=", "<=", ">=", "<", ">"};
    static constexpr std::array<int, 8> kLevels = {0, 1, 2, 2, 3, 3, 3, 3};
    for (std::size_t i = 0; i < kAll.size(); ++i) {
      if (kLevels[i] == level && take(kAll[i])) return kAll[i];
    }
    return {};
  }

  std::optional<Expression> binary(int level) {
    const Depth guard(depth_);
    if (depth_ > kDeepest) return std::nullopt;
    if (level > 3) return unary();
    skip();
    const std::size_t begin = at_;
    std::optional<Expression> left = binary(level + 1);
    while (left) {
      const std::string_view op = operator_of(level);
      if (op.empty()) return left;
      std::optional<Expression> right = binary(level + 1);
      if (!right) return std::nullopt;
      Expression both{.kind = Expression::Kind::binary, .text = std::string(op), .parts = {}};
      both.parts.push_back(*std::move(left));
      both.parts.push_back(*std::move(right));
      both.span = {begin, at_};
      left = std::move(both);
    }
    return std::nullopt;
  }

  std::optional<Expression> unary() {
    const Depth guard(depth_);
    if (depth_ > kDeepest) return std::nullopt;
    skip();
    const std::size_t begin = at_;
    if (at_ < text_.size() && text_[at_] == '!' && text_.substr(at_, 2) != "!=") {
      ++at_;
      std::optional<Expression> inner = unary();
      if (!inner) return std::nullopt;
      Expression out{.kind = Expression::Kind::negation, .parts = {}};
      out.parts.push_back(*std::move(inner));
      out.span = {begin, at_};
      return out;
    }
    return postfix(primary());
  }

  std::optional<Expression> postfix(std::optional<Expression> base) {
    while (base) {
      const std::size_t begin = base->span.begin;
      std::optional<Expression> index;
      if (take(".")) {
        skip();
        const std::size_t name = at_;
        index = Expression{.kind = Expression::Kind::literal, .is_string = true, .parts = {}};
        index->filter = take("*");
        while (!index->filter && at_ < text_.size() && is_name(text_[at_], at_ == name)) ++at_;
        if (at_ == name) return std::nullopt;
        index->text = lower(text_.substr(name, at_ - name));
        index->span = {name, at_};
      } else if (take("[")) {
        skip();
        if (take("*")) {
          index = Expression{
              .kind = Expression::Kind::literal, .text = "*", .filter = true, .parts = {}};
        } else {
          index = binary(0);
        }
        if (!index || !take("]")) return std::nullopt;
      } else {
        return base;
      }
      Expression out{.kind = Expression::Kind::index, .parts = {}};
      const bool name = index->kind == Expression::Kind::literal && !index->filter;
      out.text = name ? lower(index->text) : "*";
      out.filter = !name;
      out.parts.push_back(*std::move(base));
      out.parts.push_back(*std::move(index));
      out.span = {begin, at_};
      base = std::move(out);
    }
    return std::nullopt;
  }

  std::optional<Expression> primary() {
    skip();
    const std::size_t begin = at_;
    if (at_ >= text_.size()) return std::nullopt;
    if (take("(")) {
      std::optional<Expression> inner = binary(0);
      return inner && take(")") ? inner : std::nullopt;
    }
    if (text_[at_] == '\'') return string();
    if (is_name(text_[at_], true)) return name();
    return number(begin);
  }

  // '' stands for one quote.
  std::optional<Expression> string() {
    Expression out{.kind = Expression::Kind::literal, .is_string = true, .parts = {}};
    const std::size_t begin = at_++;
    for (; at_ < text_.size(); ++at_) {
      if (text_[at_] == '\'') {
        if (text_.substr(at_, 2) != "''") {
          ++at_;
          out.span = {begin, at_};
          return out;
        }
        ++at_;
      }
      out.text += text_[at_];
    }
    return std::nullopt;
  }

  std::optional<Expression> name() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_name(text_[at_], false)) ++at_;
    Expression out{.kind = Expression::Kind::context,
                   .text = lower(text_.substr(begin, at_ - begin)),
                   .parts = {}};
    out.span = {begin, at_};
    if (take("(")) {
      out.kind = Expression::Kind::call;
      if (!take(")")) {
        do {
          std::optional<Expression> argument = binary(0);
          if (!argument) return std::nullopt;
          out.parts.push_back(*std::move(argument));
        } while (take(","));
        if (!take(")")) return std::nullopt;
      }
      out.span.end = at_;
      return out;
    }
    for (const std::string_view word : {"true", "false", "null", "nan", "infinity"}) {
      if (out.text == word) out.kind = Expression::Kind::literal;
    }
    return out;
  }

  std::optional<Expression> number(std::size_t begin) {
    while (at_ < text_.size() &&
           (is_name(text_[at_], false) || text_[at_] == '.' || text_[at_] == '+'))
      ++at_;
    const std::string_view word = text_.substr(begin, at_ - begin);
    const bool digits = std::ranges::any_of(word, [](char c) { return c >= '0' && c <= '9'; });
    if (!digits) return std::nullopt;
    Expression out{.kind = Expression::Kind::literal, .text = std::string(word), .parts = {}};
    out.span = {begin, at_};
    return out;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

void shift(Expression& expression, std::size_t by) {
  expression.span = {expression.span.begin + by, expression.span.end + by};
  for (Expression& part : expression.parts) shift(part, by);
}

void collect(const Expression& expression, std::vector<ContextPath>& out) {
  std::string path = path_of(expression);
  if (!path.empty()) out.push_back({std::move(path), expression.span});
  const bool chain = !out.empty() && out.back().span == expression.span;
  for (std::size_t i = 0; i < expression.parts.size(); ++i) {
    // What is indexed is in the chain already.
    if (chain && i == 0 && expression.kind == Expression::Kind::index) {
      for (const Expression* at = &expression.parts[0]; at->kind == Expression::Kind::index;
           at = &at->parts[0]) {
        if (at->filter) collect(at->parts[1], out);
      }
      continue;
    }
    collect(expression.parts[i], out);
  }
}

}  // namespace

std::optional<Expression> parse_expression(std::string_view text) { return Parser(text).whole(); }

std::vector<Embedded> expressions_in(std::string_view text) {
  std::vector<Embedded> out;
  for (std::size_t at = text.find("${{"); at != std::string_view::npos; at = text.find("${{", at)) {
    // Braces in quotes end nothing.
    bool quoted = false;
    std::size_t end = at + 3;
    for (; end < text.size(); ++end) {
      if (text[end] == '\'') quoted = !quoted;
      if (!quoted && text.substr(end, 2) == "}}") break;
    }
    Embedded one{.span = {at, std::min(end + 2, text.size())}, .expression = std::nullopt};
    if (end < text.size()) one.expression = parse_expression(text.substr(at + 3, end - at - 3));
    if (one.expression) shift(*one.expression, at + 3);
    at = one.span.end;
    out.push_back(std::move(one));
  }
  return out;
}

std::string path_of(const Expression& expression) {
  if (expression.kind == Expression::Kind::context) return expression.text;
  if (expression.kind != Expression::Kind::index) return "";
  const std::string base = path_of(expression.parts[0]);
  return base.empty() ? "" : base + "." + expression.text;
}

std::vector<ContextPath> contexts_in(const Expression& expression) {
  std::vector<ContextPath> out;
  collect(expression, out);
  return out;
}

bool is_untrusted(std::string_view path) {
  if (path == "github.head_ref") return true;
  if (!path.starts_with("github.event.")) return false;
  path.remove_prefix(13);
  static constexpr std::string_view kAll[] = {"issue.title",
                                              "issue.body",
                                              "pull_request.title",
                                              "pull_request.body",
                                              "pull_request.head.ref",
                                              "pull_request.head.label",
                                              "pull_request.head.repo.default_branch",
                                              "pull_request.head.repo.description",
                                              "pull_request.head.repo.homepage",
                                              "comment.body",
                                              "review.body",
                                              "review_comment.body",
                                              "discussion.title",
                                              "discussion.body",
                                              "head_commit.message",
                                              "head_commit.author.email",
                                              "head_commit.author.name",
                                              "workflow_run.head_branch",
                                              "workflow_run.head_commit.message",
                                              "workflow_run.display_title",
                                              "workflow_run.head_commit.author.email",
                                              "workflow_run.head_commit.author.name"};
  if (std::ranges::find(kAll, path) != std::end(kAll)) return true;
  const bool list = path.starts_with("commits.") || path.starts_with("pages.");
  return list && (path.ends_with(".message") || path.ends_with(".author.email") ||
                  path.ends_with(".author.name") || path.ends_with(".page_name"));
}

}  // namespace berm::lint
