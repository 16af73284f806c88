// libyaml's events, as a tree: the library's own document does not keep where keys and ends are.
#include <yaml.h>

#include <algorithm>
#include <map>
#include <memory>
#include <unordered_set>

#include "base/text.h"
#include "lint/node.h"

namespace berm::lint {
namespace {

class Builder {
 public:
  explicit Builder(std::string_view text) : text_(text) {
    yaml_parser_initialize(&parser_);
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
  }
  ~Builder() { yaml_parser_delete(&parser_); }
  Builder(const Builder&) = delete;
  Builder& operator=(const Builder&) = delete;

  Tree take() {
    while (step()) {
    }
    return std::move(tree_);
  }

 private:
  struct Open {
    Node* node;
    const Node* key = nullptr;  ///< that waits for its value
    std::unordered_set<std::string> keys;
  };

  static std::size_t offset(const yaml_mark_t& mark) { return mark.index; }

  bool step() {
    yaml_event_t event;
    if (yaml_parser_parse(&parser_, &event) == 0) return fail();
    const std::unique_ptr<yaml_event_t, void (*)(yaml_event_t*)> owner(&event, yaml_event_delete);
    if (event.type == YAML_STREAM_END_EVENT) return false;
    if (event.type == YAML_DOCUMENT_START_EVENT) anchors_.clear();
    if (event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT) close(event);
    if (event.type == YAML_SCALAR_EVENT || event.type == YAML_ALIAS_EVENT ||
        event.type == YAML_SEQUENCE_START_EVENT || event.type == YAML_MAPPING_START_EVENT) {
      return add(event);
    }
    return true;
  }

  // The parser says where it stopped, and why.
  bool fail() {
    const std::size_t at = offset(parser_.problem_mark);
    std::string what = parser_.problem == nullptr ? "cannot be read" : parser_.problem;
    if (parser_.context != nullptr) what = std::string(parser_.context) + ": " + what;
    return trouble({at, at + 1}, std::move(what), true);
  }

  bool trouble(Span span, std::string what, bool fatal) {
    span.begin = std::min(span.begin, text_.size());
    span.end = std::min(std::max(span.end, span.begin), text_.size());
    tree_.troubles.push_back({span, std::move(what), fatal});
    return !fatal;
  }

  bool add(const yaml_event_t& event) {
    Node& node = tree_.nodes.emplace_back();
    node.span = {offset(event.start_mark), offset(event.end_mark)};
    if (tree_.nodes.size() > kMostNodes) return trouble(node.span, "too many nodes", true);
    const yaml_char_t* anchor = nullptr;
    switch (event.type) {
      case YAML_SCALAR_EVENT:
        fill_scalar(event, node);
        anchor = event.data.scalar.anchor;
        break;
      case YAML_ALIAS_EVENT:
        if (!fill_alias(event, node)) return false;
        break;
      case YAML_SEQUENCE_START_EVENT:
        node.kind = Node::Kind::sequence;
        anchor = event.data.sequence_start.anchor;
        node.reference =
            event.data.sequence_start.tag != nullptr &&
            std::string_view(reinterpret_cast<const char*>(event.data.sequence_start.tag)) ==
                "!reference";
        break;
      default:
        node.kind = Node::Kind::mapping;
        anchor = event.data.mapping_start.anchor;
    }
    if (anchor != nullptr) anchors_[reinterpret_cast<const char*>(anchor)] = &node;
    place(node);
    const bool opens = node.kind == Node::Kind::sequence || node.kind == Node::Kind::mapping;
    if (opens) open_.push_back({.node = &node, .key = nullptr, .keys = {}});
    if (open_.size() > kDeepest) return trouble(node.span, "nested too deep", true);
    return true;
  }

  void fill_scalar(const yaml_event_t& event, Node& node) {
    const auto& scalar = event.data.scalar;
    node.value.assign(reinterpret_cast<const char*>(scalar.value), scalar.length);
    const bool block =
        scalar.style == YAML_LITERAL_SCALAR_STYLE || scalar.style == YAML_FOLDED_SCALAR_STYLE;
    const bool quoted = scalar.style == YAML_SINGLE_QUOTED_SCALAR_STYLE ||
                        scalar.style == YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    node.style = block ? Node::Style::block : quoted ? Node::Style::quoted : Node::Style::plain;
  }

  bool fill_alias(const yaml_event_t& event, Node& node) {
    node.kind = Node::Kind::alias;
    const auto found = anchors_.find(reinterpret_cast<const char*>(event.data.alias.anchor));
    if (found == anchors_.end()) return trouble(node.span, "an alias of nothing", true);
    node.target = found->second;
    return true;
  }

  void place(Node& node) {
    if (open_.empty()) {
      tree_.documents.push_back(&node);
      return;
    }
    Open& around = open_.back();
    if (around.node->kind == Node::Kind::sequence) {
      around.node->items.push_back(&node);
    } else if (around.key == nullptr) {
      around.key = &node;
      const std::string& name = text_of(&node);
      const bool twice = is_scalar(&node) && name != "<<" && !around.keys.insert(name).second;
      if (twice) trouble(node.span, "the key '" + name + "' is there twice", false);
    } else {
      around.node->entries.push_back({around.key, &node});
      around.key = nullptr;
    }
  }

  void close(const yaml_event_t& event) {
    Node& node = *open_.back().node;
    // A block's end is where the next token begins: the last child knows better.
    const Node* last = !node.entries.empty() ? node.entries.back().value
                       : !node.items.empty() ? node.items.back()
                                             : nullptr;
    const std::size_t end = offset(event.end_mark);
    const bool flow = end > 0 && end <= text_.size() &&
                      (text_[end - 1] == '}' || text_[end - 1] == ']') &&
                      node.span.begin < text_.size() &&
                      (text_[node.span.begin] == '{' || text_[node.span.begin] == '[');
    node.span.end = flow || last == nullptr ? std::max(end, node.span.end) : last->span.end;
    open_.pop_back();
  }

  std::string_view text_;
  yaml_parser_t parser_{};
  Tree tree_;
  std::vector<Open> open_;
  std::map<std::string, const Node*> anchors_;
};

// Marks count characters; spans count bytes.
std::vector<std::size_t> offsets_of(std::string_view text) {
  std::vector<std::size_t> out;
  const bool ascii = std::ranges::all_of(text, [](char c) { return (c & 0x80) == 0; });
  if (ascii) return out;
  out.reserve(text.size() + 1);
  for (std::size_t at = 0; at < text.size(); ++at) {
    if ((static_cast<unsigned char>(text[at]) & 0xC0) != 0x80) out.push_back(at);
  }
  out.push_back(text.size());
  return out;
}

void to_bytes(Span& span, const std::vector<std::size_t>& offsets) {
  const auto byte = [&](std::size_t index) {
    return index < offsets.size() ? offsets[index] : offsets.back();
  };
  span = {byte(span.begin), byte(span.end)};
}

// YAML's flow style is JSON but for comments, and tabs where it wants blanks.
std::string without_comments(std::string_view text) {
  std::string out(text);
  bool quoted = false;
  for (std::size_t at = 0; at < out.size(); ++at) {
    if (quoted) {
      if (out[at] == '\\')
        ++at;
      else if (out[at] == '"')
        quoted = false;
      continue;
    }
    if (out[at] == '"') quoted = true;
    if (out[at] == '\t') out[at] = ' ';
    if (out[at] != '/' || at + 1 >= out.size()) continue;
    const bool line = out[at + 1] == '/';
    const bool block = out[at + 1] == '*';
    if (!line && !block) continue;
    const std::size_t found = line ? out.find('\n', at) : out.find("*/", at + 2);
    const std::size_t end = found == std::string::npos ? out.size() : found + (block ? 2 : 0);
    for (; at < end; ++at) {
      if (out[at] != '\n') out[at] = ' ';
    }
    --at;
  }
  return out;
}

// What libyaml would stop at: bytes that are no UTF-8, and controls. Each becomes one other byte.
std::string readable(std::string_view text, std::vector<Trouble>& troubles) {
  std::string out(text);
  for (std::size_t at = 0; at < out.size();) {
    char32_t c = 0;
    const std::size_t size = decode_utf8(out, at, c);
    const bool control = (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F ||
                         (c >= 0x80 && c < 0xA0 && c != 0x85) || c == 0xFFFE || c == 0xFFFF ||
                         (c == 0xFEFF && at > 0);
    if (size > 0 && !control) {
      at += size;
      continue;
    }
    const std::size_t bad = std::max<std::size_t>(size, 1);
    if (troubles.empty()) troubles.push_back({{at, at + bad}, "a byte that is no text", false});
    std::fill_n(out.begin() + static_cast<std::ptrdiff_t>(at), bad, '?');
    at += bad;
  }
  return out;
}

}  // namespace

Tree read_yaml(std::string_view text) {
  // A byte order mark is libyaml's to skip, and not to count.
  const std::size_t mark = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  std::vector<Trouble> troubles;
  const std::string good = readable(text.substr(mark), troubles);
  Tree out = Builder(good).take();
  const std::vector<std::size_t> offsets = offsets_of(good);
  const auto to_file = [&](Span& span) {
    if (!offsets.empty()) to_bytes(span, offsets);
    span = {span.begin + mark, span.end + mark};
  };
  for (Node& node : out.nodes) to_file(node.span);
  for (Trouble& one : out.troubles) to_file(one.span);
  for (Trouble& one : troubles) one.span = {one.span.begin + mark, one.span.end + mark};
  out.troubles.insert(out.troubles.begin(), troubles.begin(), troubles.end());
  return out;
}

Tree read_json(std::string_view text) { return read_yaml(without_comments(text)); }

}  // namespace berm::lint
