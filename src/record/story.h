// src/record/story.h: what a run did, from its events: prompt, tool call, processes, hosts, files.
//
// Pure. A record may come from anybody: any field may hold any type and any size, and what the
// events do not show is said, not guessed.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace berm {

/// Why a process stands under its tool call.
enum class Tie : std::uint8_t {
  parent,   ///< what started it stands there too
  command,  ///< the agent started it, or it lost its parent, and its words are the call's
  alone,    ///< the agent started it while this was the only call that was open
  time,     ///< about then: it may belong to another call that was open, or to none
};
[[nodiscard]] std::string_view name_of(Tie tie);

/// One execve(2). A list of these is a tree in preorder.
struct StoryProcess {
  std::int64_t pid = 0;
  std::int64_t parent = 0;  ///< as recorded; 0 = not told
  std::uint64_t event = 0;  ///< "seq" of its event
  std::size_t depth = 0;    ///< in its tree
  std::string executable;   ///< at most 4096 bytes
  std::string arguments;    ///< argv, by blanks; at most 1024 bytes, then "…"
  bool denied = false;
  std::string rule;  ///< of a denial
  Tie tie = Tie::parent;
  bool operator==(const StoryProcess&) const = default;
};

struct StoryHost {
  std::string name;     ///< "api.example.com:443"
  std::string outcome;  ///< "reached", "denied", "tried" (at a wall, by address)
  std::uint64_t times = 0;
  bool about = false;  ///< about then: no process is known to have done it
  bool operator==(const StoryHost&) const = default;
};

struct StoryFile {
  std::string path;        ///< of a change relative to the repository, else as the call names it
  std::string kind;        ///< of the change ("added", "modified" …); "" = not among the changes
  bool mentioned = false;  ///< its name stands in the call; who wrote it is not known
  bool operator==(const StoryFile&) const = default;
};

enum class CallEnd : std::uint8_t { unknown, ok, failed };
[[nodiscard]] std::string_view name_of(CallEnd end);

struct StoryCall {
  std::string id;  ///< tool_use_id
  std::string tool;
  std::string summary;   ///< what of its input tells most, at most 4096 bytes
  std::string decision;  ///< "allow", "deny" …
  std::string rule;
  std::string reason;
  std::string error;
  std::string subagent;  ///< type or id; "" in the main conversation
  CallEnd end = CallEnd::unknown;
  std::optional<std::uint64_t> duration_ms;
  bool background = false;    ///< its processes may outlive it
  bool no_process = false;    ///< it runs commands, was allowed, and nothing was started
  bool asked_inside = false;  ///< what asked was a process of a tool, not the agent
  std::vector<StoryProcess> processes;
  std::vector<StoryHost> hosts;
  std::vector<StoryFile> files;
};

struct StoryPrompt {
  std::string id;      ///< prompt_id; "" = the calls tell none
  std::string sha256;  ///< "" = no prompt was seen
  std::string text;    ///< only if the policy records it; at most 4096 bytes
  std::vector<StoryCall> calls;
};

struct Story {
  bool hooked = false;   ///< hooks were heard: there are tool calls to tell of
  bool watched = false;  ///< started programs were recorded
  std::vector<StoryPrompt> prompts;
  std::vector<StoryProcess> own;      ///< of the agent itself, or of a command without hooks
  std::uint64_t hooks = 0;            ///< of `own`, the hooks
  std::vector<StoryHost> own_hosts;   ///< of the agent itself: its model among them
  std::vector<StoryProcess> outside;  ///< which no tool call explains, nor the agent
};

/// Ties the events of a run together. Takes about a second for 10,000 calls and 200,000 programs,
/// whatever they hold.
[[nodiscard]] Story tell_story(const std::vector<nlohmann::json>& events);

/// "story" of berm.show/1: all of it (docs/json.md).
[[nodiscard]] nlohmann::json story_to_json(const Story& story);

/// For a terminal, escaped, at most about 2000 lines; "" if there is nothing to tell.
[[nodiscard]] std::string story_text(const Story& story);

}  // namespace berm
