// src/rules/shell/wrapper_table.h: the wrappers that we know, and how their options are read.
#pragma once

#include <cstdint>
#include <string_view>

#include "rules/shell/options.h"

namespace berm::shell {

/// What is particular about a wrapper.
enum class Special : std::uint8_t {
  none,
  env,
  su,
  xargs,
  flock,
  watch,
  script,
  shell_without,
  lookup,
  exec_itself,
  applet,
  parallel,
  numeric
};

struct Wrapper {
  std::string_view name;
  OptionTable options;
  std::size_t operands = 0;  ///< words between the options and the command
  bool assignments = false;  ///< NAME=value in front of the command
  Special special = Special::none;
  std::string_view no_command = "";  ///< with one of these options it starts nothing
};

/// nullptr: no wrapper.
[[nodiscard]] const Wrapper* find_wrapper(std::string_view name);

}  // namespace berm::shell
