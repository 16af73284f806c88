// src/record/story_tree.h: the processes of a run as trees, each with an owner.
#pragma once

#include <cstdint>
#include <vector>

#include "record/story.h"
#include "record/story_calls.h"
#include "record/story_events.h"

namespace berm::story {

enum class Owner : std::uint8_t { own, hook, outside, call };

struct Candidate {
  std::size_t call = 0;
  std::size_t votes = 0;
};

/// A process that nothing on the record explains by its parent, and all that descends from it.
struct Root {
  Owner owner = Owner::own;
  bool orphan = false;    ///< not the agent started it: what did is not on the record, or is gone
  bool by_words = false;  ///< no call was open: only its words can give it to a background call
  std::vector<Candidate> candidates;
  std::size_t call = kNever;
  Tie tie = Tie::time;
};

struct Node {
  std::size_t exec = kNever;  ///< kNever: a process known only as somebody's parent
  std::int64_t parent_pid = 0;
  std::size_t parent = kNever;
  std::size_t root = 0;
};

struct Forest {
  std::vector<Node> nodes;
  std::vector<Root> roots;
};

/// Gives every root with candidates to one of them.
void decide_owners(Forest& forest, const std::vector<Call>& calls);

/// Writes the trees down where they belong.
void show_forest(const Forest& forest, const Events& events, std::vector<Call>& calls,
                 Story& story);

}  // namespace berm::story
