// src/policy/reader.h: one TOML table read key by key, with positions. Only parse.cc includes it.
#pragma once

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace berm {

/// The text a message points into.
struct PolicySource {
  std::string_view text;
  std::string_view file;
  std::optional<Error> error;  ///< The first problem; later ones are not looked for.

  /// Records `<file>:<line>:<column>: <message>`, the source line and a caret.
  void report(const toml::source_position& at, std::string_view message);
};

/// Reads the keys of one table. Every key that may occur is asked for once, so what is left
/// over at finish() is unknown.
class TableReader {
 public:
  /// @param name  "" for the root, else e.g. "network".
  TableReader(PolicySource& source, const toml::table& table, std::string name)
      : source_(source), table_(table), name_(std::move(name)) {}

  std::optional<std::string> string(std::string_view key);
  std::optional<std::uint64_t> unsigned_number(std::string_view key);
  std::optional<double> number(std::string_view key);
  std::optional<bool> boolean(std::string_view key);
  std::optional<std::vector<std::string>> strings(std::string_view key);

  /// Reads a string and converts it; the conversion's message gets the position of the value.
  template <class T>
  std::optional<T> parsed(std::string_view key, const std::function<Result<T>(std::string_view)>& parse) {
    const std::optional<std::string> text = string(key);
    if (!text || source_.error) return std::nullopt;
    Result<T> value = parse(*text);
    if (value) return *std::move(value);
    source_.report(table_.get(key)->source().begin, value.error().what);
    return std::nullopt;
  }

  /// Reads a list of strings and converts each; duplicates are refused (one of them is a typo).
  template <class T>
  std::optional<std::vector<T>> parsed_list(std::string_view key,
                                            const std::function<Result<T>(std::string_view)>& parse) {
    const std::optional<std::vector<std::string>> texts = strings(key);
    if (!texts || source_.error) return std::nullopt;
    std::vector<T> values;
    for (std::size_t i = 0; i < texts->size(); ++i) {
      Result<T> value = parse((*texts)[i]);
      if (!value) {
        source_.report(table_.get(key)->as_array()->get(i)->source().begin, value.error().what);
        return std::nullopt;
      }
      values.push_back(*std::move(value));
    }
    return values;
  }

  /// The sub-table `key`, or nullptr.
  const toml::table* table(std::string_view key);
  /// The array `key`, or nullptr.
  const toml::array* array(std::string_view key);
  /// Marks `key` as known and returns its node, or nullptr.
  const toml::node* node(std::string_view key);

  /// Refuses `key` if it is set: valid, but this version would ignore it.
  void not_yet_enforced(std::string_view key);

  /// Reports the first key that nobody asked for, with the nearest known name.
  void finish();

 private:
  void wrong_type(const toml::node& node, std::string_view key, std::string_view expected);

  PolicySource& source_;
  const toml::table& table_;
  std::string name_;
  std::vector<std::string> known_;
};

}  // namespace berm
