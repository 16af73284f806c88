#include "lint/node.h"

#include <algorithm>
#include <array>

namespace berm::lint {
namespace {

// A mapping may merge one that merges it.
constexpr int kDeepestMerge = 16;
const std::string kNothing;

const Node* own(const Node* mapping, std::string_view key) {
  for (const Entry& entry : mapping->entries) {
    if (follow(entry.key)->kind == Node::Kind::scalar && follow(entry.key)->value == key) {
      return entry.value;
    }
  }
  return nullptr;
}

void collect(const Node* mapping, int depth, std::vector<Entry>& out) {
  mapping = follow(mapping);
  if (!is_mapping(mapping) || depth > kDeepestMerge) return;
  std::vector<const Node*> merged;
  for (const Entry& entry : mapping->entries) {
    const Node* key = follow(entry.key);
    if (key->value == "<<" && key->style == Node::Style::plain) {
      merged.push_back(entry.value);
      continue;
    }
    const bool known = std::ranges::any_of(out, [&](const Entry& one) {
      return follow(one.key)->value == key->value && key->kind == Node::Kind::scalar;
    });
    if (!known) out.push_back(entry);
  }
  for (const Node* one : merged) {
    if (is_mapping(one)) collect(one, depth + 1, out);
    for (const Node* item : items_of(one)) collect(item, depth + 1, out);
  }
}

const Node* merged(const Node* mapping, std::string_view key, int depth) {
  mapping = follow(mapping);
  if (!is_mapping(mapping) || depth > kDeepestMerge) return nullptr;
  if (const Node* found = own(mapping, key)) return found;
  const Node* others = own(mapping, "<<");
  if (others == nullptr) return nullptr;
  if (is_mapping(others)) return merged(others, key, depth + 1);
  for (const Node* item : items_of(others)) {
    if (const Node* found = merged(item, key, depth + 1)) return found;
  }
  return nullptr;
}

template <std::size_t N>
bool is_one_of(const Node* node, const std::array<std::string_view, N>& words) {
  node = follow(node);
  return is_scalar(node) && node->style == Node::Style::plain &&
         std::ranges::find(words, node->value) != words.end();
}

}  // namespace

const Node* follow(const Node* node) {
  return node != nullptr && node->kind == Node::Kind::alias ? node->target : node;
}

bool is_mapping(const Node* node) {
  node = follow(node);
  return node != nullptr && node->kind == Node::Kind::mapping;
}
bool is_sequence(const Node* node) {
  node = follow(node);
  return node != nullptr && node->kind == Node::Kind::sequence;
}
bool is_scalar(const Node* node) {
  node = follow(node);
  return node != nullptr && node->kind == Node::Kind::scalar;
}

const Node* get(const Node* mapping, std::string_view key) { return merged(mapping, key, 0); }

const Node* get(const Node* mapping, std::initializer_list<std::string_view> path) {
  for (const std::string_view key : path) mapping = get(mapping, key);
  return mapping;
}

std::optional<Entry> entry_of(const Node* mapping, std::string_view key) {
  mapping = follow(mapping);
  if (!is_mapping(mapping)) return std::nullopt;
  for (const Entry& entry : mapping->entries) {
    if (text_of(entry.key) == key) return entry;
  }
  return std::nullopt;
}

std::vector<Entry> entries_of(const Node* mapping) {
  std::vector<Entry> out;
  collect(mapping, 0, out);
  return out;
}

std::vector<const Node*> items_of(const Node* sequence) {
  sequence = follow(sequence);
  return is_sequence(sequence) ? sequence->items : std::vector<const Node*>();
}

const std::string& text_of(const Node* node) {
  node = follow(node);
  return is_scalar(node) ? node->value : kNothing;
}

bool is_true(const Node* node) {
  return is_one_of(node, std::array<std::string_view, 3>{"true", "True", "TRUE"});
}
bool is_false(const Node* node) {
  return is_one_of(node, std::array<std::string_view, 3>{"false", "False", "FALSE"});
}

std::vector<const Node*> words_of(const Node* node) {
  if (is_scalar(node)) return {node};
  std::vector<const Node*> out;
  for (const Node* item : items_of(node)) {
    if (is_scalar(item)) out.push_back(item);
  }
  return out;
}

Tree read_plain(std::string_view text) {
  Tree out;
  Node& node = out.nodes.emplace_back();
  node.style = Node::Style::raw;
  node.span = {0, text.size()};
  node.value = text;
  out.documents.push_back(&node);
  return out;
}

// Both texts are walked side by side: what the file has more of is indentation, line ends, quotes.
Span span_in(const Source& source, const Node& scalar, std::size_t offset, std::size_t size) {
  if (scalar.style == Node::Style::raw) {
    const std::size_t begin = std::min(scalar.span.begin + offset, scalar.span.end);
    return {begin, std::min(begin + std::max<std::size_t>(size, 1), scalar.span.end)};
  }
  const std::string_view text = source.slice(scalar.span);
  std::size_t at = 0;
  if (scalar.style == Node::Style::block) at = std::min(text.find('\n'), text.size());
  if (scalar.style == Node::Style::quoted) at = 1;
  Span out = scalar.span;
  const std::string& value = scalar.value;
  const std::size_t last = std::min(offset + std::max<std::size_t>(size, 1), value.size());
  for (std::size_t i = 0; i < last; ++i) {
    const bool blank = value[i] == ' ' || value[i] == '\n';
    while (at < text.size() && text[at] != value[i]) {
      const char c = text[at];
      const bool filler = c == ' ' || c == '\n' || c == '\r' || c == '\t';
      if (blank && !filler) break;  // a line feed that was folded to a blank
      if (!filler && c != '\\' && c != value[i]) return scalar.span;  // an escape: the whole of it
      ++at;
    }
    // Indentation is no text: the next line's begins behind it.
    if (i == offset) out.begin = scalar.span.begin + at;
    if (at < text.size() && text[at] == value[i]) ++at;
    out.end = scalar.span.begin + at;
  }
  return out.end > out.begin ? out : scalar.span;
}

}  // namespace berm::lint
