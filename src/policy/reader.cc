#include "policy/reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace berm {
namespace {

std::string_view line_of(std::string_view text, std::size_t line) {
  for (std::size_t i = 1; i < line; ++i) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  return text.substr(0, std::min(text.find('\n'), text.size()));
}

std::string_view type_name(const toml::node& node) {
  if (node.is_string()) return "a string";
  if (node.is_integer()) return "an integer";
  if (node.is_floating_point()) return "a number";
  if (node.is_boolean()) return "a boolean";
  if (node.is_array()) return "a list";
  if (node.is_table()) return "a table";
  return "a date or time";
}

}  // namespace

void PolicySource::report(const toml::source_position& at, std::string_view message) {
  if (error) return;
  const std::string_view line = line_of(text, at.line);
  const std::size_t column = at.column == 0 ? 1 : at.column;
  // The source line may be long or hostile; the caret must still point at the column.
  std::string shown = printable(line.substr(0, 160));
  const std::string before =
      printable(line.substr(0, std::min<std::size_t>(column - 1, line.size())));
  std::string what =
      fmt::format("{}:{}:{}: {}", printable(file), at.line, column, printable(message));
  if (!line.empty()) what += fmt::format("\n  {}\n  {:>{}}", shown, "^", before.size() + 1);
  error = Error{.code = Errc::invalid_policy, .what = std::move(what)};
}

const toml::node* TableReader::node(std::string_view key) {
  known_.emplace_back(key);
  return source_.error ? nullptr : table_.get(key);
}

void TableReader::wrong_type(const toml::node& node, std::string_view key,
                             std::string_view expected) {
  source_.report(node.source().begin,
                 fmt::format("'{}' must be {}, not {}", key, expected, type_name(node)));
}

std::optional<std::string> TableReader::string(std::string_view key) {
  const toml::node* found = node(key);
  if (found == nullptr) return std::nullopt;
  if (const auto* text = found->as_string()) return text->get();
  wrong_type(*found, key, "a string");
  return std::nullopt;
}

std::optional<std::uint64_t> TableReader::unsigned_number(std::string_view key) {
  const toml::node* found = node(key);
  if (found == nullptr) return std::nullopt;
  const auto* value = found->as_integer();
  if (value == nullptr) {
    wrong_type(*found, key, "an integer");
  } else if (value->get() <= 0) {
    source_.report(found->source().begin, fmt::format("'{}' must be at least 1", key));
  } else {
    return static_cast<std::uint64_t>(value->get());
  }
  return std::nullopt;
}

std::optional<double> TableReader::number(std::string_view key) {
  const toml::node* found = node(key);
  if (found == nullptr) return std::nullopt;
  const std::optional<double> value = found->value<double>();
  if (!found->is_number() || !value) {
    wrong_type(*found, key, "a number");
  } else if (!(*value > 0 && *value <= 4096)) {  // also refuses nan
    source_.report(found->source().begin,
                   fmt::format("'{}' must be more than 0 and at most 4096", key));
  } else {
    return value;
  }
  return std::nullopt;
}

std::optional<bool> TableReader::boolean(std::string_view key) {
  const toml::node* found = node(key);
  if (found == nullptr) return std::nullopt;
  if (const auto* value = found->as_boolean()) return value->get();
  wrong_type(*found, key, "true or false");
  return std::nullopt;
}

std::optional<std::vector<std::string>> TableReader::strings(std::string_view key) {
  const toml::array* list = array(key);
  if (list == nullptr) return std::nullopt;
  std::vector<std::string> out;
  for (const toml::node& item : *list) {
    const auto* text = item.as_string();
    if (text == nullptr) {
      wrong_type(item, key, "a list of strings");
      return std::nullopt;
    }
    if (std::ranges::find(out, text->get()) != out.end()) {
      source_.report(item.source().begin,
                     fmt::format("'{}' stands twice in '{}'", text->get(), key));
      return std::nullopt;
    }
    out.push_back(text->get());
  }
  return out;
}

const toml::table* TableReader::table(std::string_view key) {
  const toml::node* found = node(key);
  if (found == nullptr) return nullptr;
  if (const auto* value = found->as_table()) return value;
  wrong_type(*found, key, "a table");
  return nullptr;
}

const toml::array* TableReader::array(std::string_view key) {
  const toml::node* found = node(key);
  if (found == nullptr) return nullptr;
  if (const auto* value = found->as_array()) return value;
  wrong_type(*found, key, "a list");
  return nullptr;
}

void TableReader::not_yet_enforced(std::string_view key) {
  const toml::node* found = node(key);
  if (found == nullptr) return;
  const std::string full = name_.empty() ? std::string(key) : fmt::format("{}.{}", name_, key);
  source_.report(
      found->source().begin,
      fmt::format("'{}' is valid but not yet enforced by this version; remove it", full));
}

void TableReader::finish() {
  for (const auto& [key, value] : table_) {
    if (source_.error) return;
    if (std::ranges::find(known_, key.str()) != known_.end()) continue;
    const std::vector<std::string_view> candidates(known_.begin(), known_.end());
    const std::string_view near = nearest(key.str(), candidates);
    const std::string where = name_.empty() ? "" : fmt::format(" in [{}]", name_);
    const std::string hint = near.empty() ? "" : fmt::format("; did you mean '{}'?", near);
    source_.report(key.source().begin, fmt::format("unknown key '{}'{}{}", key.str(), where, hint));
  }
}

}  // namespace berm
