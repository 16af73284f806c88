// src/record/export/json_out.h: one line of JSON, member by member.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "record/canonical.h"

namespace berm::formats {

/// Begins with '{'. What is no UTF-8 becomes U+FFFD.
class JsonOut {
 public:
  explicit JsonOut(std::size_t expected);

  void open(std::string_view name);  ///< an object
  void open();                       ///< one in a list
  void close() { writer_.close_object(); }
  void open_list(std::string_view name);
  void close_list() { writer_.close_array(); }

  /// Names are ours. Nothing is written if `value` is empty.
  void text(std::string_view name, std::string_view value);
  /// As text(), even if it is empty.
  void line(std::string_view name, std::string_view value);
  /// `value` is a constant of ours: nothing in it has to be escaped.
  void word(std::string_view name, std::string_view value);
  /// As text(), in a list.
  void item(std::string_view value) { writer_.text(value); }
  void number(std::string_view name, std::int64_t value);
  void number(std::string_view name, std::optional<std::int64_t> value);
  /// OCSF's pairs of constants: "NAME_id" and, in words, "NAME".
  void code(std::string_view name, int id, std::string_view caption);
  void boolean(std::string_view name, bool value);
  void value(std::string_view name, const nlohmann::json& value);
  /// JSON that is already text.
  void written(std::string_view name, std::string_view value);

  /// The line, with its '}'. Characters that a terminal would act on and JSON does not escape by
  /// itself (DEL, C1) are escaped, too.
  [[nodiscard]] std::string take();

 private:
  void key(std::string_view name);

  std::string out_;
  CanonicalWriter writer_;  // refers to out_: neither copied nor moved
};

}  // namespace berm::formats
