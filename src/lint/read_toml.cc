// toml++'s tree with its places, as ours.
#include <fmt/format.h>

#include "lint/node.h"
#include "policy/reader.h"

namespace berm::lint {
namespace {

class TomlReader {
 public:
  TomlReader(std::string_view text, Tree& tree) : text_(text), tree_(tree) {
    starts_.push_back(0);
    for (std::size_t at = text.find('\n'); at != text.npos; at = text.find('\n', at + 1)) {
      starts_.push_back(at + 1);
    }
  }

  // toml++ counts code points; a line's bytes are walked.
  [[nodiscard]] std::size_t offset(const toml::source_position& at) const {
    if (at.line == 0 || at.line > starts_.size()) return text_.size();
    std::size_t byte = starts_[at.line - 1];
    for (toml::source_index column = 1; column < at.column && byte < text_.size(); ++column) {
      ++byte;
      while (byte < text_.size() && (static_cast<unsigned char>(text_[byte]) & 0xC0) == 0x80)
        ++byte;
    }
    return std::min(byte, text_.size());
  }

  [[nodiscard]] Span span(const toml::source_region& region) const {
    const std::size_t begin = offset(region.begin);
    return {begin, std::max(begin, offset(region.end))};
  }

  Node* read(const toml::node& source, int depth) {
    Node& node = tree_.nodes.emplace_back();
    node.span = span(source.source());
    if (depth > static_cast<int>(kDeepest)) return &node;
    if (const toml::table* table = source.as_table()) {
      fill(*table, node, depth);
    } else if (const toml::array* array = source.as_array()) {
      node.kind = Node::Kind::sequence;
      for (const toml::node& one : *array) node.items.push_back(read(one, depth + 1));
    } else {
      fill(source, node);
    }
    return &node;
  }

 private:
  void fill(const toml::table& table, Node& node, int depth) {
    node.kind = Node::Kind::mapping;
    for (const auto& [key, value] : table) {
      Node& name = tree_.nodes.emplace_back();
      name.value = std::string(key.str());
      name.span = span(key.source());
      const Node* read_value = read(value, depth + 1);
      node.entries.push_back({&name, read_value});
    }
    // The library's tables are sorted by name: what one points to stands in the file's order.
    std::ranges::sort(node.entries, {}, [](const Entry& entry) { return entry.key->span.begin; });
  }

  void fill(const toml::node& source, Node& node) const {
    node.style = Node::Style::plain;
    if (const auto* text = source.as_string()) {
      node.value = text->get();
      node.style = Node::Style::quoted;
    } else if (const auto* yes = source.as_boolean()) {
      node.value = yes->get() ? "true" : "false";
    } else {
      node.value = std::string(text_.substr(node.span.begin, node.span.end - node.span.begin));
    }
  }

  std::string_view text_;
  Tree& tree_;
  std::vector<std::size_t> starts_;
};

}  // namespace

Tree read_toml(std::string_view text) {
  Tree out;
  TomlReader reader(text, out);
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const std::size_t at = reader.offset(parsed.error().source().begin);
    out.troubles.push_back(
        {{at, std::min(at + 1, text.size())}, std::string(parsed.error().description()), true});
    return out;
  }
  const Node* root = reader.read(parsed.table(), 0);
  out.documents.push_back(root);
  return out;
}

}  // namespace berm::lint
