// src/record/story_events.h: the events a story is made of, as types. Whatever has another type
// than ours is absent, whatever is too long is cut.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace berm::story {

/// "exec". `at`, here and below, is the event's place in the record.
struct Exec {
  std::size_t at = 0;
  std::uint64_t event = 0;
  std::int64_t pid = 0;
  std::int64_t parent = 0;
  std::string executable;
  std::string arguments;
  bool hook = false;  ///< berm-init hook
  bool denied = false;
  std::string rule;
};

/// "tool.call", or "model.tool_result" as one of kind "result".
struct Told {
  std::size_t at = 0;
  std::int64_t mono = 0;
  std::int64_t pid = 0;
  std::string kind, tool, id, prompt_id, prompt_sha256, prompt, session, agent_id, agent_type;
  std::string input, rewrite, input_sha256, cwd, decision, rule, reason, error;
  std::optional<std::uint64_t> duration_ms;
  bool runs_shell = false;
  bool failed = false;  ///< of a result
};

/// "net.allowed", "net.denied", "net.attempt", "http.*", "model.request".
struct Reached {
  std::size_t at = 0;
  std::int64_t pid = 0;  ///< 0 = not told
  std::string name;
  std::string outcome;
  bool model = false;  ///< the agent talks to its model
};

struct Events {
  std::vector<Exec> execs;
  std::vector<Told> told;
  std::vector<Reached> reached;
  std::unordered_map<std::string, std::string> changes;  ///< path to kind
  std::string repository;
};

[[nodiscard]] Events read_events(const std::vector<nlohmann::json>& events);

/// At most `most` bytes of `text`, cut between characters, and then "…".
[[nodiscard]] std::string shortened(std::string_view text, std::size_t most);

/// A tool's input: JSON text that may be cut off, for the record keeps its first kilobytes.
class ToolInput {
 public:
  explicit ToolInput(const std::string& text);
  /// Text, or an array of words joined by blanks; "" if there is none.
  [[nodiscard]] std::string member(std::string_view key) const;
  [[nodiscard]] std::string first_of(std::initializer_list<const char*> keys) const;
  [[nodiscard]] bool flag(std::string_view key) const;

 private:
  const std::string& text_;
  nlohmann::json parsed_;  ///< null: cut off
};

}  // namespace berm::story
