// src/judge/connection.h: one hook program that asks.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "rules/hooks/hook.h"
#include "sys/fd.h"

namespace berm {

class Connection {
 public:
  using Clock = std::chrono::steady_clock;
  enum class State : std::uint8_t {
    reading,  ///< the question is not whole yet
    asked,    ///< it is whole: question() is to be judged
    waiting,  ///< for the supervisor
    writing,
    over,
  };

  Connection(UniqueFd fd, std::uint64_t id, pid_t pid, Clock::time_point now)
      : fd_(std::move(fd)), id_(id), pid_(pid), since_(now) {}

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Whether the hook program is behind it, where somebody has looked already.
  [[nodiscard]] std::optional<bool> hook() const { return hook_; }
  void set_hook(std::optional<bool> hook) { hook_ = hook; }
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] Clock::time_point since() const { return since_; }
  /// Bytes of the question that are held.
  [[nodiscard]] std::size_t held() const { return in_.size(); }
  [[nodiscard]] AgentKind agent() const { return agent_; }
  [[nodiscard]] std::string_view question() const;

  /// When it is readable or writable.
  void go_on();
  /// After question(): what is to be answered once the supervisor has said so.
  void wait_with(std::optional<HookInput> input, ToolDecision decision);
  [[nodiscard]] const std::optional<HookInput>& input() const { return input_; }
  [[nodiscard]] const ToolDecision& decision() const { return decision_; }
  void answer(const HookAnswer& answer);
  void close() { state_ = State::over; }

 private:
  void read_some();
  void write_some();

  UniqueFd fd_;
  std::uint64_t id_;
  pid_t pid_;
  std::optional<bool> hook_;
  Clock::time_point since_;
  State state_ = State::reading;
  AgentKind agent_ = AgentKind::none;
  std::string in_;
  std::string out_;
  std::size_t sent_ = 0;
  std::optional<HookInput> input_;
  ToolDecision decision_;
};

}  // namespace berm
