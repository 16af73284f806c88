// src/policy/merge_values.h: how single values of two layers become one. Only merge*.cc include it.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace berm {

/// Appends what `target` does not have yet.
template <class T>
void add_missing(std::vector<T>& target, const std::vector<T>& values) {
  for (const T& value : values) {
    if (std::ranges::find(target, value) == target.end()) target.push_back(value);
  }
}

template <class T>
void add(std::vector<T>& target, const std::optional<std::vector<T>>& values) {
  if (values) add_missing(target, *values);
}

/// Lowers `value` to the ceiling's, with a sentence for the report.
template <class T, class Text>
void lower_to(T& value, const std::optional<T>& ceiling, std::string_view key, Text text,
              std::vector<std::string>& tightened) {
  if (!ceiling || value <= *ceiling) return;
  tightened.push_back(fmt::format("{} lowered from {} to {}", key, text(value), text(*ceiling)));
  value = *ceiling;
}

/// An absent budget is an unlimited one: the ceiling's own takes its place.
template <class T, class Text>
void lower_budget(std::optional<T>& value, const std::optional<T>& ceiling, std::string_view key,
                  Text text, std::vector<std::string>& tightened) {
  if (!value) {
    value = ceiling;
  } else {
    lower_to(*value, ceiling, key, text, tightened);
  }
}

}  // namespace berm
