// src/supervise/tool_watch.h: tool calls as the supervisor hears of them, from the hooks and, apart
// from those, from what the agent tells its model.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "supervise/supervisor.h"

namespace berm {

/// Puts each question of a hook on the record before it is answered, and knows when tools run that
/// nobody asked about: the model is told of a result whose call no hook has seen.
class ToolWatch {
 public:
  using Clock = std::chrono::steady_clock;
  enum class Heard {
    question,  ///< or nothing
    ended,     ///< the judge is gone
    nonsense,  ///< it says what it never says
    flood,     ///< more questions than a run may have
  };
  /// Asks the user about question `id`, to be answered by settle(). False: nobody is there.
  using Ask = std::function<bool(std::uint64_t id, const nlohmann::json& question)>;
  /// Told of every recorded question.
  using Tell = std::function<void(const nlohmann::json& question)>;

  /// @param judge  nullptr: no hook asks, and nothing is ever heard
  ToolWatch(JudgeProcess* judge, const Plan& plan, RecordFile& record)
      : judge_(judge), plan_(plan), record_(record) {}

  void set_ask(Ask ask) { ask_ = std::move(ask); }
  void set_tell(Tell tell) { tell_ = std::move(tell); }

  /// The judge has the hooks' socket: what it says from now on are questions.
  void begin() { begun_ = true; }
  /// To poll(2); -1: nothing to wait for.
  [[nodiscard]] int fd() const;
  /// Reads one question, records it, answers it.
  [[nodiscard]] Heard hear();

  /// The user's answer to a question that was asked.
  /// @return false: the judge is gone.
  [[nodiscard]] bool settle(std::uint64_t id, bool allow, const std::string& how);

  /// What egress saw in a request to the model API: "model.tool_result", "model.usage",
  /// "agent.telemetry".
  void on_egress_event(const std::string& type, const nlohmann::json& event);

  /// Asks the judge now and then whether it is still there. From time to time.
  void beat(Clock::time_point now);

  /// The run is held: what the judge owes us it owes from now on, and `refusal` is the answer to
  /// every question that is heard meanwhile. "" = it goes on.
  void hold(Clock::time_point now, std::string refusal);

  /// Why this run must end: tools ran, or may run, without a hook's question. nullopt: all is well.
  [[nodiscard]] std::optional<std::string> silence(Clock::time_point now) const;

  [[nodiscard]] std::uint64_t denied() const { return denied_; }
  [[nodiscard]] std::uint64_t calls() const { return calls_; }

 private:
  [[nodiscard]] bool conclude(std::uint64_t id, nlohmann::json event, bool allow,
                              std::string reason);
  [[nodiscard]] bool is_hook_program(const nlohmann::json& event) const;
  void note(const nlohmann::json& event, bool allowed);

  JudgeProcess* judge_;
  const Plan& plan_;
  RecordFile& record_;
  Ask ask_;
  Tell tell_;
  bool begun_ = false;
  std::uint64_t count_ = 0;
  std::uint64_t calls_ = 0;
  std::uint64_t denied_ = 0;
  std::uint64_t results_ = 0;
  bool heard_any_ = false;
  bool missed_ = false;
  Clock::time_point next_beat_;
  std::optional<Clock::time_point> unanswered_;   ///< since then the judge owes us an answer
  std::map<std::uint64_t, nlohmann::json> open_;  ///< asked of the user, not answered
  std::set<std::string> asked_;  ///< tool_use_id of every call that a hook asked about
  std::optional<Clock::time_point> first_use_;  ///< of the model
  std::string silent_;
  std::string held_;  ///< what questions are refused with
};

}  // namespace berm
