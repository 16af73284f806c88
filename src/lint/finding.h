// src/lint/finding.h: what a rule has found, where, and what would mend it. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lint/source.h"

namespace berm::lint {

/// What an attacker gets.
enum class Severity : std::uint8_t { low, medium, high, critical };
/// That it is what it looks like.
enum class Confidence : std::uint8_t { low, medium, high };
/// Who wants to see it: everybody; who likes it tidy; who looks for everything.
enum class Persona : std::uint8_t { regular, pedantic, auditor };

[[nodiscard]] std::string_view name_of(Severity severity);
[[nodiscard]] std::string_view name_of(Confidence confidence);
[[nodiscard]] std::string_view name_of(Persona persona);
[[nodiscard]] std::optional<Severity> severity_named(std::string_view name);
[[nodiscard]] std::optional<Persona> persona_named(std::string_view name);

struct Location {
  const Source* file = nullptr;
  Span span;
  std::string note;  ///< what this place has to do with it
};

[[nodiscard]] Location with_note(Location at, std::string note);

struct Edit {
  Span span;  ///< empty: an insertion
  std::string text;
};
struct Fix {
  std::string what;         ///< "set automountServiceAccountToken: false"
  bool safe = false;        ///< nothing that works now stops working
  std::vector<Edit> edits;  ///< of the finding's file
};

struct Rule;
struct Finding {
  const Rule* rule = nullptr;
  Severity severity = Severity::low;
  Confidence confidence = Confidence::high;
  Persona persona = Persona::regular;
  std::string message;
  Location at;
  std::vector<Location> path;  ///< related places, in the order in which it happens
  std::optional<Fix> fix;
};

/// Stays the same when lines move: of the rule, the file, the line's words, and which of them it
/// is. Fills one for each finding.
[[nodiscard]] std::vector<std::string> fingerprints(const std::vector<Finding>& findings);

}  // namespace berm::lint
