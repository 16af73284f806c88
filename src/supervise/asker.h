// src/supervise/asker.h: one question at a time to whoever sits at the terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "supervise/streams.h"

namespace berm {

/// Shows a pending tool call in one line of the terminal and reads one key. Never made where nobody
/// can answer: in CI, without a terminal, with --json.
class Asker {
 public:
  enum class Said : std::uint8_t { once, for_this_run, for_the_policy, no };
  struct Question {
    std::uint64_t id = 0;
    std::string text;  ///< one line, safe for a terminal
    std::string key;   ///< "for this run" holds for all of the same key
  };
  struct Answer {
    Question question;
    Said said = Said::no;
  };

  /// @param full_screen  the agent draws on the whole terminal, which is raw already
  [[nodiscard]] static std::optional<Asker> open(bool full_screen);

  /// True if the user has said yes to this key for the run.
  [[nodiscard]] bool knows(const std::string& key) const { return allowed_.contains(key); }
  void ask(Question question);
  /// While a question stands, the keys are ours: nothing of them goes to the agent.
  [[nodiscard]] bool active() const { return !waiting_.empty(); }
  /// To poll(2); -1: no question.
  [[nodiscard]] int fd() const { return active() ? terminal_.get() : -1; }
  /// True once after Ctrl-C: the user wants the run to stop.
  [[nodiscard]] bool take_interrupt() { return std::exchange(interrupted_, false); }
  /// Reads a key. nullopt: none that answers.
  [[nodiscard]] std::optional<Answer> hear();

 private:
  void put(std::string_view text);
  void show();
  void clear();

  UniqueFd terminal_;
  bool full_screen_ = false;
  std::optional<RawTerminal> raw_;
  std::deque<Question> waiting_;
  std::set<std::string> allowed_;
  std::chrono::steady_clock::time_point shown_at_;
  bool interrupted_ = false;
};

}  // namespace berm
