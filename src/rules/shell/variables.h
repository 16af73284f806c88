// src/rules/shell/variables.h: variables that a text itself gave a literal value.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "rules/shell/parts.h"

namespace berm::shell {

/// A variable is known only if every mention of its name before the use is a use or an assignment
/// that is unconditional: `read x`, `for x in`, `f() { x=…; }` and `x+=…` all mention it otherwise.
class Variables {
 public:
  explicit Variables(std::string_view text);

  /// `at`: where the name stands in the text.
  void assign(std::string_view name, ShellWord value, std::size_t at);
  /// Something may have changed any variable.
  void forget_all() { forgotten_ = true; }
  /// The value at `use`, a byte of the text; nullptr if it is not known.
  [[nodiscard]] const std::string* value(std::string_view name, std::size_t use) const;

 private:
  [[nodiscard]] bool only_known_mentions(std::string_view name, std::size_t before) const;

  std::string_view text_;
  mutable std::size_t searched_ =
      0;  ///< bytes so far: a text of nothing but uses costs their square
  bool forgotten_ = false;
  std::map<std::string, ShellWord, std::less<>> values_;
  std::set<std::size_t> assigned_at_;
};

}  // namespace berm::shell
