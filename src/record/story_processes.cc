#include "record/story_processes.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "record/story_tree.h"
#include "record/story_words.h"

namespace berm::story {
namespace {

constexpr std::size_t kMostCandidates = 16;
constexpr std::size_t kMostAbout = 4;  // calls that one host is told of by time
// Bytes that are compared to tell calls apart; a record that asks for more is told by time.
constexpr std::size_t kMostCompared = 64U << 20;
constexpr std::size_t kMostWords = 4096;
// A hook's question and its exec come to the record by two ways, but not far from each other.
constexpr std::size_t kFarApart = 10'000;
constexpr std::size_t kWhole = 10'000;  // votes: the shell of the call, not a part of it

enum class StepKind : std::uint8_t { close, exec, reached, open };

struct Step {
  std::size_t at = 0;
  StepKind kind = StepKind::exec;  ///< in this order where `at` is the same
  std::size_t index = 0;
};

class Ties {
 public:
  Ties(const Events& events, Calls& calls, Story& story)
      : events_(events), calls_(calls.calls), story_(story), words_(calls_.size()) {}

  void tie() {
    find_hooks();
    for (const Step& step : steps()) take(step);
    decide_owners(forest_, calls_);
    show_forest(forest_, events_, calls_, story_);
    show_hosts();
  }

 private:
  void find_hooks();
  [[nodiscard]] std::size_t hook_of(std::int64_t pid, std::size_t at) const;
  [[nodiscard]] std::vector<Step> steps() const;
  void take(const Step& step);
  void open(std::size_t call);
  void close(std::size_t call);

  void place(std::size_t exec);
  [[nodiscard]] bool is_again(const Node& before, const Exec& exec);
  [[nodiscard]] std::size_t parent_root(const Exec& exec, std::size_t& parent);
  [[nodiscard]] std::size_t add_root(Owner owner, bool orphan);
  [[nodiscard]] bool is_agents(const Exec& exec) const { return agents_.contains(exec.parent); }
  void note_agent(std::size_t exec);
  void vote(Root& root, const Exec& exec, bool first);
  [[nodiscard]] const std::string& words(std::size_t call);

  void reach(const Reached& reached);
  void show_hosts();
  void add_host(std::vector<StoryHost>& to, std::size_t call, const Reached& reached, bool about);

  const Events& events_;
  std::vector<Call>& calls_;
  Story& story_;

  std::unordered_map<std::int64_t, std::vector<std::size_t>> hooks_;  // pid to execs, in order
  std::unordered_set<std::size_t> heard_;  // execs of hooks whose question is on the record
  std::unordered_map<std::size_t, std::size_t> asked_by_;  // exec of a hook to its call

  Forest forest_;
  std::unordered_map<std::int64_t, std::size_t> by_pid_;
  std::unordered_set<std::int64_t> agents_;  // pids that start tools
  bool heard_agent_ = false;
  std::int64_t init_ = 0;  // whose children the orphans become
  std::vector<std::size_t> open_;
  std::vector<std::size_t> background_;

  std::vector<std::optional<std::string>> words_;
  std::size_t compared_ = 0;

  struct ByRoot {
    std::size_t root = 0;
    std::size_t reached = 0;
  };
  std::vector<ByRoot> reached_by_;
  std::unordered_map<std::string, std::size_t> hosts_;
};

std::size_t Ties::hook_of(std::int64_t pid, std::size_t at) const {
  const auto found = hooks_.find(pid);
  if (pid == 0 || found == hooks_.end()) return kNever;
  const std::vector<std::size_t>& execs = found->second;
  const auto place = [&](std::size_t exec) { return events_.execs[exec].at; };
  const auto after = std::ranges::lower_bound(execs, at, {}, place);
  std::size_t best = kNever;
  std::size_t distance = kFarApart;
  const auto consider = [&](std::size_t exec) {
    const std::size_t far = place(exec) > at ? place(exec) - at : at - place(exec);
    if (far < distance) best = exec;
    distance = std::min(distance, far);
  };
  if (after != execs.begin()) consider(*(after - 1));
  if (after != execs.end()) consider(*after);
  return best;
}

// Started programs are recorded a little later than questions, but in their own order: among them
// the hook itself says exactly when a call began and ended.
void Ties::find_hooks() {
  for (std::size_t i = 0; i < events_.execs.size(); ++i) {
    if (events_.execs[i].hook) hooks_[events_.execs[i].pid].push_back(i);
  }
  for (const Told& told : events_.told) {
    const std::size_t exec = hook_of(told.pid, told.at);
    if (exec != kNever) heard_.insert(exec);
  }
  for (std::size_t i = 0; i < calls_.size(); ++i) {
    Call& call = calls_[i];
    const std::size_t asked = hook_of(call.opened_by, call.opened_at);
    if (asked != kNever) {
      call.opened_at = events_.execs[asked].at;
      asked_by_[asked] = i;
    }
    const std::size_t told = hook_of(call.closed_by, call.closed_at);
    if (told != kNever) call.closed_at = events_.execs[told].at;
    call.closed_at = std::max(call.closed_at, call.opened_at + 1);
  }
}

std::vector<Step> Ties::steps() const {
  std::vector<Step> out;
  for (std::size_t i = 0; i < events_.execs.size(); ++i) {
    out.push_back({events_.execs[i].at, StepKind::exec, i});
  }
  for (std::size_t i = 0; i < events_.reached.size(); ++i) {
    out.push_back({events_.reached[i].at, StepKind::reached, i});
  }
  for (std::size_t i = 0; i < calls_.size(); ++i) {
    if (!calls_[i].allowed()) continue;  // nothing that runs is its work
    out.push_back({calls_[i].opened_at, StepKind::open, i});
    if (calls_[i].closed_at != kNever) out.push_back({calls_[i].closed_at, StepKind::close, i});
  }
  std::ranges::stable_sort(out, [](const Step& a, const Step& b) {
    return a.at != b.at ? a.at < b.at : a.kind < b.kind;
  });
  return out;
}

void Ties::take(const Step& step) {
  switch (step.kind) {
    case StepKind::close:
      return close(step.index);
    case StepKind::exec:
      return place(step.index);
    case StepKind::reached:
      return reach(events_.reached[step.index]);
    case StepKind::open:
      open_.push_back(step.index);
  }
}

void Ties::close(std::size_t call) {
  std::erase(open_, call);
  if (!calls_[call].shown.background) return;
  background_.push_back(call);
  if (background_.size() > kMostCandidates) background_.erase(background_.begin());
}

const std::string& Ties::words(std::size_t call) {
  if (!words_[call]) words_[call] = words_of(shortened(calls_[call].command, kMostWords));
  return *words_[call];
}

void Ties::vote(Root& root, const Exec& exec, bool first) {
  const bool settled = root.candidates.size() == 1 && root.candidates.front().votes > 0;
  if (root.candidates.empty() || settled || compared_ > kMostCompared) return;
  const std::string program = words_of(exec.arguments);
  for (Candidate& candidate : root.candidates) {
    const std::string& command = words(candidate.call);
    compared_ += program.size() + command.size();
    const std::size_t whole = first ? runs(program, command) : 0;
    candidate.votes += whole > 0 ? kWhole + whole : is_part(program, command);
  }
}

std::size_t Ties::add_root(Owner owner, bool orphan) {
  Root root{.owner = owner, .orphan = orphan, .by_words = false, .candidates = {}};
  const auto add = [&](const std::vector<std::size_t>& calls) {
    const std::size_t skipped = calls.size() - std::min(calls.size(), kMostCandidates);
    for (std::size_t i = skipped; i < calls.size(); ++i) {
      root.candidates.push_back({.call = calls[i], .votes = 0});
    }
  };
  if (owner == Owner::call) add(open_);
  root.by_words = root.candidates.empty();
  if (owner == Owner::call && orphan) add(background_);
  if (owner == Owner::call && root.candidates.empty()) {
    root.owner = orphan && story_.hooked ? Owner::outside : Owner::own;
  }
  forest_.roots.push_back(std::move(root));
  return forest_.roots.size() - 1;
}

// The agent is who starts its hooks, and the first program of the run; but a process of a tool that
// starts a hook of its own does not become the agent by that.
void Ties::note_agent(std::size_t exec) {
  const std::int64_t parent = events_.execs[exec].parent;
  const auto known = by_pid_.find(parent);
  if (parent == 0 || (known == by_pid_.end() && heard_agent_)) return;
  if (known != by_pid_.end() &&
      forest_.roots[forest_.nodes[known->second].root].owner != Owner::own)
    return;
  heard_agent_ = true;
  agents_.insert(parent);
  if (init_ == 0 && known != by_pid_.end()) init_ = forest_.nodes[known->second].parent_pid;
}

// Whether a pid that was seen before is the same process, which replaces its program, and not
// another one that got its number.
bool Ties::is_again(const Node& before, const Exec& exec) {
  if (before.exec == kNever) return false;
  if (exec.parent == init_ && init_ != 0) return true;  // its parent is gone
  if (exec.parent != before.parent_pid) return false;
  const auto parent = by_pid_.find(exec.parent);
  if (parent != by_pid_.end() && parent->second != before.parent) {
    return before.parent == kNever;
  }
  const Root& root = forest_.roots[before.root];
  if (!is_agents(exec) || root.owner != Owner::call || open_.empty()) return true;
  // The agent's next call may have got the number of an earlier one's shell.
  return std::ranges::any_of(root.candidates, [&](const Candidate& candidate) {
    const Call& call = calls_[candidate.call];
    return call.shown.background || call.closed_at > exec.at;
  });
}

std::size_t Ties::parent_root(const Exec& exec, std::size_t& parent) {
  const auto known = by_pid_.find(exec.parent);
  if (known != by_pid_.end()) parent = known->second;
  if (exec.hook && is_agents(exec)) return add_root(Owner::hook, false);
  if (is_agents(exec)) return add_root(open_.empty() ? Owner::own : Owner::call, false);
  if (known != by_pid_.end()) return forest_.nodes[parent].root;
  // A shell forks and its child starts programs without ever being one: all of them belong
  // together.
  const std::size_t root = add_root(Owner::call, true);
  if (exec.parent != 0 && exec.parent != init_) {
    parent = forest_.nodes.size();
    forest_.nodes.push_back({.exec = kNever, .parent_pid = 0, .parent = kNever, .root = root});
    by_pid_[exec.parent] = parent;
  }
  return root;
}

void Ties::place(std::size_t index) {
  const Exec& exec = events_.execs[index];
  Node node{.exec = index, .parent_pid = exec.parent, .parent = kNever, .root = 0};
  const auto before = by_pid_.find(exec.pid);
  const std::size_t roots = forest_.roots.size();
  if (forest_.nodes.empty()) {
    node.root = add_root(Owner::own, false);
    agents_.insert(exec.pid);
    init_ = exec.parent;
  } else if (before != by_pid_.end() && is_again(forest_.nodes[before->second], exec)) {
    node.parent = before->second;
    node.root = forest_.nodes[before->second].root;
  } else {
    if (heard_.contains(index)) note_agent(index);
    if (before != by_pid_.end()) agents_.erase(exec.pid);
    node.root = parent_root(exec, node.parent);
  }
  vote(forest_.roots[node.root], exec, forest_.roots.size() > roots);
  const auto asked = asked_by_.find(index);
  const Owner owner = forest_.roots[node.root].owner;
  if (asked != asked_by_.end() && owner != Owner::own && owner != Owner::hook) {
    calls_[asked->second].shown.asked_inside = true;
  }
  by_pid_[exec.pid] = forest_.nodes.size();
  forest_.nodes.push_back(node);
}

void Ties::add_host(std::vector<StoryHost>& to, std::size_t call, const Reached& reached,
                    bool about) {
  std::string key = fmt::format("{} {} {} {}", call, reached.outcome, about, reached.name);
  const auto [found, fresh] = hosts_.try_emplace(std::move(key), to.size());
  if (fresh) {
    to.push_back({.name = reached.name, .outcome = reached.outcome, .times = 0, .about = about});
  }
  ++to[found->second].times;
}

void Ties::reach(const Reached& reached) {
  const auto known = by_pid_.find(reached.pid);
  if (reached.pid != 0 && known != by_pid_.end()) {
    const auto index = static_cast<std::size_t>(&reached - events_.reached.data());
    reached_by_.push_back({.root = forest_.nodes[known->second].root, .reached = index});
    return;
  }
  std::size_t told = 0;
  for (const auto* calls : {&open_, &background_}) {
    for (std::size_t i = calls->size(); !reached.model && i-- > 0 && told < kMostAbout; ++told) {
      add_host(calls_[(*calls)[i]].shown.hosts, (*calls)[i], reached, true);
    }
  }
  if (told == 0) add_host(story_.own_hosts, kNever, reached, story_.hooked && !reached.model);
}

// By now it is decided whose each process is.
void Ties::show_hosts() {
  for (const ByRoot& by : reached_by_) {
    const Root& root = forest_.roots[by.root];
    const Reached& reached = events_.reached[by.reached];
    if (root.owner == Owner::call) {
      add_host(calls_[root.call].shown.hosts, root.call, reached, root.tie == Tie::time);
    } else {
      add_host(story_.own_hosts, kNever, reached, false);
    }
  }
}

}  // namespace

void tie_processes(const Events& events, Calls& calls, Story& story) {
  Ties(events, calls, story).tie();
}

}  // namespace berm::story
