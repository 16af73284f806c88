// src/record/story_calls.h: prompts and tool calls from what hooks told, each call with the places
// in the record between which it was open.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "record/story.h"
#include "record/story_events.h"

namespace berm::story {

inline constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max();

struct Call {
  StoryCall shown;
  std::size_t prompt = 0;
  std::size_t opened_at = 0;
  std::size_t closed_at = kNever;
  std::int64_t opened_by = 0;  ///< pid of the hook that asked
  std::int64_t closed_by = 0;  ///< of the hook that told the end; 0: the model was told of it
  std::int64_t opened_mono = 0;
  std::string session;
  std::string input_sha256;
  std::string command;  ///< what it runs, or looks for; after a rewrite
  std::string input;
  std::string cwd;
  bool runs_commands = false;
  [[nodiscard]] bool allowed() const { return shown.decision != "deny"; }
};

struct Calls {
  std::vector<StoryPrompt> prompts;  ///< their calls are still empty
  std::vector<Call> calls;           ///< in the order in which they were asked about
};

[[nodiscard]] Calls read_calls(const std::vector<Told>& told);

}  // namespace berm::story
