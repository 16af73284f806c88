// src/rules/shell/options.h: a program's options as getopt(3) reads them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rules/shell/parts.h"

namespace berm::shell {

/// Which options a program knows. Lists of long names are separated by blanks, without "--".
struct OptionTable {
  std::string_view flags;        ///< letters that stand alone
  std::string_view values;       ///< letters that take a value: "-u x", "-ux"
  std::string_view long_flags;   ///< may have "=value" too
  std::string_view long_values;  ///< "--user x", "--user=x"
};

struct Option {
  std::string name;    ///< "u", "user"
  Word value;          ///< of a flag: empty
  std::size_t at = 0;  ///< the word it stands in
};

struct Options {
  std::vector<Option> found;
  std::size_t next = 0;    ///< the first word that is no option
  bool known = true;       ///< false: an option that the table does not have
  bool uncertain = false;  ///< a value may be no word or several: what follows is not sure
  [[nodiscard]] const Option* find(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const { return find(name) != nullptr; }
};

/// Reads options from words[from] up to the first word that is none, or behind "--".
[[nodiscard]] Options read_options(const std::vector<Word>& words, std::size_t from,
                                   const OptionTable& table);
[[nodiscard]] bool is_in_list(std::string_view list, std::string_view name);

}  // namespace berm::shell
