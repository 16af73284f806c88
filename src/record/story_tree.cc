#include "record/story_tree.h"

#include <algorithm>
#include <utility>

namespace berm::story {
namespace {

void choose(Root& root, const std::vector<Call>& calls, std::vector<std::size_t>& taken) {
  // By votes; then a call that runs commands and has no process yet; then whoever began first.
  const auto worth = [&](const Candidate& candidate) {
    const bool free = calls[candidate.call].runs_commands && taken[candidate.call] == 0;
    return std::pair(candidate.votes, free);
  };
  const Candidate* best = &root.candidates.front();
  for (const Candidate& candidate : root.candidates) {
    if (worth(candidate) > worth(*best)) best = &candidate;
  }
  const bool alone = root.candidates.size() == 1 && !root.orphan;
  root.tie = best->votes > 0 ? Tie::command : alone ? Tie::alone : Tie::time;
  root.call = best->call;
  ++taken[best->call];
}

class Shower {
 public:
  Shower(const Forest& forest, const Events& events, std::vector<Call>& calls, Story& story)
      : nodes_(forest.nodes), roots_(forest.roots), events_(events), calls_(calls), story_(story) {}

  void show_tree(std::size_t top, const std::vector<std::size_t>& child,
                 const std::vector<std::size_t>& next);

 private:
  void show(const Node& node, std::size_t depth, bool first);

  const std::vector<Node>& nodes_;
  const std::vector<Root>& roots_;
  const Events& events_;
  std::vector<Call>& calls_;
  Story& story_;
};

void Shower::show(const Node& node, std::size_t depth, bool first) {
  const Root& root = roots_[node.root];
  if (root.owner == Owner::hook) {
    ++story_.hooks;
    return;
  }
  const Exec& exec = events_.execs[node.exec];
  auto& to = root.owner == Owner::own       ? story_.own
             : root.owner == Owner::outside ? story_.outside
                                            : calls_[root.call].shown.processes;
  to.push_back({.pid = exec.pid,
                .parent = exec.parent,
                .event = exec.event,
                .depth = depth,
                .executable = exec.executable,
                .arguments = exec.arguments,
                .denied = exec.denied,
                .rule = exec.rule,
                .tie = first && root.owner == Owner::call ? root.tie : Tie::parent});
}

// Not by recursion: a record may hold a chain of as many processes as it likes.
void Shower::show_tree(std::size_t top, const std::vector<std::size_t>& child,
                       const std::vector<std::size_t>& next) {
  struct Place {
    std::size_t node = 0;
    std::size_t depth = 0;
    bool first = false;
  };
  std::vector<Place> rest = {{top, 0, true}};
  while (!rest.empty()) {
    const Place place = rest.back();
    rest.pop_back();
    if (place.node != top && next[place.node] != kNever) {
      rest.push_back({next[place.node], place.depth, place.first});
    }
    const bool seen = nodes_[place.node].exec != kNever;
    if (seen) show(nodes_[place.node], place.depth, place.first);
    if (child[place.node] != kNever) {
      rest.push_back({child[place.node], place.depth + (seen ? 1 : 0), place.first && !seen});
    }
  }
}

}  // namespace

// Who is known by its words first: the rest get what is left.
void decide_owners(Forest& forest, const std::vector<Call>& calls) {
  std::vector<std::size_t> taken(calls.size(), 0);
  for (const bool by_words : {true, false}) {
    for (Root& root : forest.roots) {
      if (root.owner != Owner::call) continue;
      const bool voted = std::ranges::any_of(
          root.candidates, [](const Candidate& candidate) { return candidate.votes > 0; });
      if (root.by_words && !voted) {
        root.owner = Owner::outside;
      } else if (voted == by_words) {
        choose(root, calls, taken);
      }
    }
  }
}

void show_forest(const Forest& forest, const Events& events, std::vector<Call>& calls,
                 Story& story) {
  const std::vector<Node>& nodes = forest.nodes;
  Shower shower(forest, events, calls, story);
  std::vector<std::size_t> child(nodes.size(), kNever);
  std::vector<std::size_t> next(nodes.size(), kNever);
  const auto is_top = [&](std::size_t i) {
    return nodes[i].parent == kNever || nodes[nodes[i].parent].root != nodes[i].root;
  };
  for (std::size_t i = nodes.size(); i-- > 0;) {
    if (is_top(i)) continue;
    next[i] = child[nodes[i].parent];
    child[nodes[i].parent] = i;
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (is_top(i)) shower.show_tree(i, child, next);
  }
  for (Call& call : calls) {
    call.shown.no_process =
        story.watched && call.runs_commands && call.allowed() && call.shown.processes.empty();
  }
}

}  // namespace berm::story
