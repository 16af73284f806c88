// src/report/violations.h: what was wrong with a run, as every tool for findings wants it.
#pragma once

#include <string>
#include <vector>

#include "report/facts.h"

namespace berm::report {

enum class Level : std::uint8_t { note, warning, error };

struct Violation {
  std::string rule;  ///< "guard/protected-file", "denied/connection", "limit/memory": a-z0-9./_-
  Level level = Level::error;
  std::string message;
  std::string path;  ///< of a file, as recorded; "" = no file is concerned
  std::uint64_t line = 0;
  std::string subject;  ///< "connection/api.example.com:443", where no file is concerned
  std::uint64_t times = 1;
};

/// Errors are what made the verdict: refused changes, limits, a lost boundary, a record that is not
/// whole. A refused act is a warning: the sandbox held.
[[nodiscard]] std::vector<Violation> violations_of(const RunFacts& facts);

/// The same for the same finding in another run: SHA-256 over rule, place and message.
[[nodiscard]] std::string fingerprint(const Violation& violation);

/// What the guard's rule is about; "" for a rule that this berm does not know.
[[nodiscard]] std::string summary_of_rule(std::string_view rule);

/// The path as a relative URI; "" if it is none that stays below the repository.
[[nodiscard]] std::string relative_uri(std::string_view path);

/// Where the policy stands: a finding that is about no file is shown there, for GitHub and GitLab
/// refuse findings without one, and there is what one would change.
inline constexpr const char* kPolicyFile = "berm.toml";

}  // namespace berm::report
