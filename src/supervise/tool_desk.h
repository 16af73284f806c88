// src/supervise/tool_desk.h: the tool calls of a run while it goes on: heard, asked about, counted.
#pragma once

#include <poll.h>

#include <array>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "record/verdict.h"
#include "rules/egress/access.h"
#include "supervise/anomaly.h"
#include "supervise/asker.h"
#include "supervise/tool_watch.h"

namespace berm {

/// Brings together what hooks ask, what the user at the terminal answers, and what is too much.
class ToolDesk {
 public:
  using Clock = ToolWatch::Clock;
  using WriteToPolicy = std::function<void(const nlohmann::json& question)>;
  using AnswerHost =
      std::function<void(const std::string& host, std::uint16_t port, HostAnswer said)>;

  /// @param judge  nullptr: no hook asks
  ToolDesk(JudgeProcess* judge, const Plan& plan, RecordFile& record, bool can_ask,
           WriteToPolicy write_to_policy, AnswerHost answer_host);
  ToolDesk(const ToolDesk&) = delete;
  ToolDesk& operator=(const ToolDesk&) = delete;

  /// Told the rule of each question that the user allowed.
  void set_consent(std::function<void(const std::string& rule)> consent) {
    consent_ = std::move(consent);
  }
  /// True once after the user pressed Ctrl-C at a question.
  [[nodiscard]] bool take_interrupt() { return asker_ && asker_->take_interrupt(); }
  /// The judge has the hooks' socket.
  void begin() { watch_.begin(); }
  /// The judge and the terminal; fd -1: nothing to wait for.
  [[nodiscard]] std::array<pollfd, 2> waits_for() const;
  /// Whether what is typed is an answer to us.
  [[nodiscard]] bool asks() const { return asker_ && asker_->active(); }
  /// @param revents  of waits_for(), in its order
  void on_ready(short judge, short terminal);
  void on_egress_event(const std::string& type, const nlohmann::json& event);
  void on_exec(Clock::time_point now) { respond(anomalies_.on_exec(now)); }
  /// From time to time. @param output  bytes the agent has printed so far
  void check(Clock::time_point now, std::uint64_t output);

  /// Instead of check(), while the run is held; see ToolWatch::hold().
  void hold(Clock::time_point now, std::string refusal) { watch_.hold(now, std::move(refusal)); }

  /// Why the run must end; nullopt: it goes on.
  [[nodiscard]] const std::optional<Outcome>& end() const { return end_; }
  /// True once after the terminal was drawn on: a full-screen agent should draw again.
  [[nodiscard]] bool take_redraw() { return std::exchange(redraw_, false); }
  [[nodiscard]] std::uint64_t calls() const { return watch_.calls(); }
  [[nodiscard]] std::uint64_t denied() const { return watch_.denied(); }

 private:
  void hear();
  void count(const nlohmann::json& question);
  bool ask(std::uint64_t id, const nlohmann::json& question);
  void ask_host(const nlohmann::json& event);
  void hear_user();
  void settle_host(const Asker::Answer& answer, const nlohmann::json& about);
  void settle(std::uint64_t id, bool allow, const std::string& how);
  void respond(const std::optional<AnomalyGuard::Anomaly>& anomaly);
  void end_with(Outcome outcome);

  const Plan& plan_;
  RecordFile& record_;
  WriteToPolicy write_to_policy_;
  AnswerHost answer_host_;
  std::function<void(const std::string& rule)> consent_;
  std::uint64_t next_host_;  ///< numbers of questions about hosts: above all of the judge's
  ToolWatch watch_;
  AnomalyGuard anomalies_;
  std::optional<Asker> asker_;
  std::map<std::uint64_t, nlohmann::json> asked_;               ///< at the terminal
  std::vector<std::pair<std::uint64_t, std::string>> settled_;  ///< by an earlier answer
  std::optional<Outcome> end_;
  bool redraw_ = false;
};

}  // namespace berm
