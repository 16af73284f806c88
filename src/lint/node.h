// src/lint/node.h: YAML, JSON with comments, as trees whose every node knows where it stands. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lint/source.h"

namespace berm::lint {

struct Node;
struct Entry {
  const Node* key = nullptr;
  const Node* value = nullptr;
};

/// One node, as it was written: an alias leads to the node that it names, which may be one around
/// it.
struct Node {
  enum class Kind : std::uint8_t { scalar, sequence, mapping, alias };
  enum class Style : std::uint8_t { plain, quoted, block, raw };  ///< raw: the file's bytes
  Kind kind = Kind::scalar;
  Style style = Style::plain;
  Span span;
  std::string value;               ///< of a scalar
  std::vector<const Node*> items;  ///< of a sequence
  std::vector<Entry> entries;      ///< of a mapping, as written: with "<<", twice if twice
  const Node* target = nullptr;    ///< of an alias
  bool reference = false;          ///< a sequence with GitLab's tag "!reference"
};

/// What could not be read, or is not what its author thinks.
struct Trouble {
  Span span;
  std::string what;
  bool fatal = false;  ///< nothing behind it was read
};

struct Tree {
  std::deque<Node> nodes;              ///< owns all
  std::vector<const Node*> documents;  ///< the roots
  std::vector<Trouble> troubles;
};

/// Reads a stream of YAML documents. Whatever the text is: at most kMostNodes, no deeper than
/// kDeepest; what is beyond is a fatal Trouble.
inline constexpr std::size_t kMostNodes = 1'000'000;
inline constexpr std::size_t kDeepest = 200;
[[nodiscard]] Tree read_yaml(std::string_view text);
/// JSON with comments and trailing commas.
[[nodiscard]] Tree read_json(std::string_view text);
/// TOML: tables are mappings, arrays sequences; one document.
[[nodiscard]] Tree read_toml(std::string_view text);
/// A text without a structure: one scalar.
[[nodiscard]] Tree read_plain(std::string_view text);

/// The node itself, or what the alias leads to; nullptr stays.
[[nodiscard]] const Node* follow(const Node* node);
[[nodiscard]] bool is_mapping(const Node* node);
[[nodiscard]] bool is_sequence(const Node* node);
[[nodiscard]] bool is_scalar(const Node* node);

/// The value of a key: its own, else a merged one ("<<"). nullptr: none, or no mapping.
[[nodiscard]] const Node* get(const Node* mapping, std::string_view key);
/// Through several mappings.
[[nodiscard]] const Node* get(const Node* mapping, std::initializer_list<std::string_view> path);
/// The entry itself, for its key; own ones only.
[[nodiscard]] std::optional<Entry> entry_of(const Node* mapping, std::string_view key);
/// Own and merged entries, each key once.
[[nodiscard]] std::vector<Entry> entries_of(const Node* mapping);
/// Of a sequence; empty for all else.
[[nodiscard]] std::vector<const Node*> items_of(const Node* sequence);

/// The text of a scalar; "" for all else.
[[nodiscard]] const std::string& text_of(const Node* node);
[[nodiscard]] bool is_true(const Node* node);  ///< true, True, TRUE; "yes" is a string in YAML 1.2
[[nodiscard]] bool is_false(const Node* node);
/// A scalar, or a sequence of scalars.
[[nodiscard]] std::vector<const Node*> words_of(const Node* node);

/// Where in the file a part of a scalar's value stands: block scalars are indented, and may be
/// folded.
[[nodiscard]] Span span_in(const Source& source, const Node& scalar, std::size_t offset,
                           std::size_t size);

}  // namespace berm::lint
