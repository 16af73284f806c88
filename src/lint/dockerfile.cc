#include "lint/dockerfile.h"

#include <algorithm>

#include "base/text.h"
#include "lint/agents.h"
#include "lint/container.h"

namespace berm::lint {
namespace {

std::string upper(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return out;
}

/// Walks the lines: one instruction goes on behind an escaped line end, over comments between, and
/// to the ends of its here-documents.
class Lines {
 public:
  explicit Lines(std::string_view text) : text_(text) {
    const std::size_t at = text.find("escape=");
    const bool directive =
        at != text.npos && text.substr(0, at).find('\n') == text.npos && text.starts_with('#');
    if (directive && at + 7 < text.size() && text[at + 7] == '`') escape_ = '`';
  }

  /// The next instruction's bytes; empty: no more.
  Span next() {
    while (at_ < text_.size()) {
      const std::string_view line = peek();
      const std::string_view words = trim(line);
      if (!words.empty() && !words.starts_with('#')) break;
      advance(line);
    }
    const std::size_t begin = at_;
    bool goes_on = at_ < text_.size();
    while (goes_on && at_ < text_.size()) {
      const std::string_view line = peek();
      const std::string_view words = trim(line);
      advance(line);
      // A comment inside of an instruction ends nothing.
      goes_on =
          words.ends_with(escape_) || (words.starts_with('#') && at_ > begin + line.size() + 1);
    }
    skip_documents(text_.substr(begin, at_ - begin));
    return {begin, at_};
  }

 private:
  [[nodiscard]] std::string_view peek() const {
    return text_.substr(at_, std::min(text_.find('\n', at_), text_.size()) - at_);
  }
  void advance(std::string_view line) { at_ = std::min(at_ + line.size() + 1, text_.size()); }

  // "RUN <<EOF": everything to a line that says EOF.
  void skip_documents(std::string_view instruction) {
    const std::string name = upper(instruction.substr(0, 4));
    if (name != "RUN " && name != "COPY") return;
    for (std::size_t at = instruction.find("<<"); at != instruction.npos;
         at = instruction.find("<<", at + 2)) {
      std::string_view word = instruction.substr(at + 2);
      if (word.starts_with('<')) return;  // a here-string is a line's own
      if (word.starts_with('-')) word.remove_prefix(1);
      if (word.starts_with('"') || word.starts_with('\'')) word.remove_prefix(1);
      word = word.substr(0, word.find_first_of("\"' \t\r\n;&|"));
      if (word.empty()) continue;
      while (at_ < text_.size()) {
        const std::string_view line = peek();
        advance(line);
        if (trim(line) == word) break;
      }
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  char escape_ = '\\';
};

// Comments between continued lines are not the shell's to see. Of the same length, so that places
// stay: blanks, and the line goes on.
void hide_comments(std::string& script) {
  bool continued = false;
  for (std::size_t line = 0; line < script.size();) {
    const std::size_t end = std::min(script.find('\n', line), script.size());
    const std::string_view words = trim(std::string_view(script).substr(line, end - line));
    if (continued && words.starts_with('#')) {
      std::fill(script.begin() + static_cast<std::ptrdiff_t>(line),
                script.begin() + static_cast<std::ptrdiff_t>(end), ' ');
      if (end < script.size()) script[end - 1] = '\\';
    } else {
      continued = words.ends_with('\\');
    }
    line = end + 1;
  }
}

// Behind RUN and its options; of "RUN <<EOF" what stands between. Empty: none, or the exec form.
Span script_of(std::string_view text, Span instruction) {
  const std::string_view all = text.substr(instruction.begin, instruction.end - instruction.begin);
  std::size_t at = all.find_first_not_of(" \t");
  const auto skip_word = [&] {
    at = std::min(all.find_first_of(" \t\r\n", at), all.size());
    at = std::min(all.find_first_not_of(" \t\r\n\\", at), all.size());
  };
  if (at == all.npos) return {};
  if (upper(all.substr(at, 8)) == "ONBUILD ") skip_word();
  if (upper(all.substr(at, 3)) != "RUN") return {};
  skip_word();
  while (all.substr(at).starts_with("--")) skip_word();
  if (at >= all.size() || all[at] == '[') return {};
  std::size_t end = all.size();
  if (all.substr(at).starts_with("<<")) {
    at = std::min(all.find('\n', at), all.size() - 1) + 1;
    const std::size_t last = all.rfind('\n');
    end = last == all.npos || last < at ? at : last;
  }
  return {instruction.begin + at, instruction.begin + end};
}

}  // namespace

Tree read_dockerfile(std::string_view text) {
  Tree out;
  Node& root = out.nodes.emplace_back();
  root.kind = Node::Kind::sequence;
  root.span = {0, text.size()};
  out.documents.push_back(&root);
  const auto add_raw = [&](Span span, Node& to) {
    Node& node = out.nodes.emplace_back();
    node.style = Node::Style::raw;
    node.span = span;
    node.value = text.substr(span.begin, span.end - span.begin);
    to.items.push_back(&node);
  };
  Lines lines(text);
  for (Span span = lines.next(); span.end > span.begin; span = lines.next()) {
    if (out.nodes.size() > kMostNodes) break;
    while (span.end > span.begin && (text[span.end - 1] == '\n' || text[span.end - 1] == '\r'))
      --span.end;
    Node& instruction = out.nodes.emplace_back();
    instruction.kind = Node::Kind::sequence;
    instruction.span = span;
    root.items.push_back(&instruction);
    add_raw(span, instruction);
    const Span script = script_of(text, span);
    if (script.end == script.begin) continue;
    add_raw(script, instruction);
    hide_comments(out.nodes.back().value);
  }
  return out;
}

ImageBuild read_build(const Source& file, const Tree& tree) {
  ImageBuild out{.file = &file, .instructions = {}, .stages = {}};
  for (const Node* item : items_of(tree.documents.front())) {
    const Node* node = item->items.front();
    const std::string& text = node->value;
    std::size_t begin = text.find_first_not_of(" \t");
    if (begin == std::string::npos) continue;
    std::size_t end = std::min(text.find_first_of(" \t\r\n", begin), text.size());
    std::string name = upper(text.substr(begin, end - begin));
    if (name == "ONBUILD") {
      begin = std::min(text.find_first_not_of(" \t", end), text.size());
      end = std::min(text.find_first_of(" \t\r\n", begin), text.size());
      name = upper(text.substr(begin, end - begin));
    }
    out.instructions.push_back({.name = std::move(name),
                                .span = node->span,
                                .text = node,
                                .script = item->items.size() > 1 ? item->items[1] : nullptr});
    const Instruction& last = out.instructions.back();
    if (last.name == "FROM") {
      const BuildBase base = base_of(file, last);
      out.agent = out.agent || is_agent_image(base.image.text);
      if (!base.stage.empty()) out.stages.insert(base.stage);
    }
    const bool starts = last.name == "CMD" || last.name == "ENTRYPOINT" || last.name == "RUN";
    for (const Said& word :
         starts ? raw_words(file, *node, {end, text.size()}) : std::vector<Said>()) {
      std::string_view one = word.text;
      while (!one.empty() && std::string_view("[],\"").find(one.front()) != std::string_view::npos)
        one.remove_prefix(1);
      const std::size_t size = one.find_first_of("],\"");
      one = one.substr(0, size);
      const std::size_t version = one.rfind('@');
      const bool package = is_agent_package(one) || (version != one.npos && version > 0 &&
                                                     is_agent_package(one.substr(0, version)));
      out.agent = out.agent || package || (last.name != "RUN" && is_agent_program(one));
    }
  }
  return out;
}

BuildBase base_of(const Source& file, const Instruction& from) {
  BuildBase out;
  const std::vector<Said> words = raw_words(file, *from.text, {0, from.text->value.size()});
  std::size_t at = 1;
  while (at < words.size() && words[at].text.starts_with("--")) ++at;
  if (at < words.size()) out.image = words[at];
  if (at + 2 < words.size() && upper(words[at + 1].text) == "AS")
    out.stage = lower(words[at + 2].text);
  return out;
}

}  // namespace berm::lint
