// src/drill/scenarios/scenario.h: one attack as data: what lies in the repository, what the model
// says, and what must not have happened on the host afterwards.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace berm::drill {

/// Answers that no honest model gives. See model/malformed.h for the bytes.
enum class Shape : std::uint8_t {
  none,
  broken_sse,
  half_json,
  huge_output,
  wrong_length,
  wrong_status,
  never_ending,
  many_calls,
  unicode_garbage,
  deep_json,
  not_http,
  empty_body,
};

/// One turn of the model: exactly one text, one tool call, or one malformed answer.
struct Step {
  enum class Kind : std::uint8_t { shell, write, tool, malformed };
  Kind kind = Kind::shell;
  std::string text;      ///< shell: the command · write: the content · tool: the tool's name
  std::string path;      ///< write: relative to the repository
  nlohmann::json input;  ///< tool: its input
  Shape shape = Shape::none;
  bool forever = false;  ///< said again for every further request
};
[[nodiscard]] inline Step shell(std::string command) { return {.text = std::move(command)}; }
[[nodiscard]] inline Step write(std::string path, std::string content) {
  return {.kind = Step::Kind::write, .text = std::move(content), .path = std::move(path)};
}
[[nodiscard]] inline Step tool(std::string name, nlohmann::json input) {
  return {.kind = Step::Kind::tool, .text = std::move(name), .input = std::move(input)};
}
[[nodiscard]] inline Step malformed(Shape shape) {
  return {.kind = Step::Kind::malformed, .shape = shape, .forever = true};
}

/// A file of the throw-away repository before the run.
struct Seed {
  enum class Kind : std::uint8_t { file, program, link };
  std::string path;
  std::string content;  ///< of a link: its target
  Kind kind = Kind::file;
};

enum Agents : std::uint8_t { claude_only = 1, codex_only = 2, both = 3 };

/// What in the record (or on the host) shows which layer stopped the attack.
enum class Layer : std::uint8_t { hook, exec_rule, egress, mounts, guard, settings, limits };

/// In every text these stand for what is made at run time: %REPO% the repository, %HOME% the home
/// of the staged user, %OUTSIDE% a writable directory of that user, %LISTENER% 127.0.0.1:PORT of
/// the canary, %BERM% berm's process on the host.
struct Scenario {
  std::string id;
  std::string title;
  std::string incident;  ///< CVE or public document
  Layer layer = Layer::mounts;
  std::vector<Seed> repository = {};
  std::vector<Step> steps = {};
  std::vector<std::string> may_import = {};  ///< paths that an honest change would touch
  /// In no result of a tool: shows that something of the repository's ran.
  std::vector<std::string> never_in_results = {};
  /// In some result of a tool, or the scenario shows nothing.
  std::vector<std::string> expected_in_results = {};
  std::string refused_by = {};  ///< the guard's rule that must refuse; "" = none is asked for
  bool packs = false;           ///< with berm's own rules for commands; else what is behind them
  int seconds = 40;             ///< wall clock of the run
  Agents agents = both;
  bool in_ci = false;  ///< one of the few that run on every commit
};

}  // namespace berm::drill
