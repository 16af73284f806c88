// src/supervise/egress_watch.h: what egress tells the supervisor, line by line.
#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "supervise/supervisor.h"

namespace berm {

/// Puts egress' events on the record, and counts what they say of the run's use.
class EgressWatch {
 public:
  using Clock = std::chrono::steady_clock;

  /// A limit of model APIs was reached: the run ends then, or with the agent.
  struct ModelEnd {
    Clock::time_point at;
    std::string limit;  ///< "tokens"
    bool disable_key = false;
  };
  enum class Heard {
    events,    ///< or nothing
    ended,     ///< egress is gone
    nonsense,  ///< somebody else speaks
    flood,     ///< more events than a run may have
  };

  /// Told of every event that is recorded.
  using Tell = std::function<void(const std::string& type, const nlohmann::json& event)>;
  void set_tell(Tell tell) { tell_ = std::move(tell); }

  /// @param egress  nullptr: the run has none, and nothing is ever heard
  EgressWatch(EgressProcess* egress, RecordFile& record, Usage& usage)
      : egress_(egress), record_(record), usage_(usage) {}

  /// To poll(2); -1 while there is nothing to wait for: events are read in rests of two
  /// milliseconds, because writing to a pipe that nobody waits at wakes nobody.
  [[nodiscard]] int fd() const;
  /// When fd() is something again; nullopt: it is now.
  [[nodiscard]] std::optional<Clock::time_point> rests_until() const;
  /// Reads what is there.
  [[nodiscard]] Heard hear();
  /// Reads everything that is still in the pipe, when nobody writes any more.
  /// @param patience  for whoever still waits to write
  void hear_the_rest(std::chrono::milliseconds patience);

  [[nodiscard]] const std::optional<ModelEnd>& model_end() const { return model_end_; }

 private:
  void take(nlohmann::json event);
  void note_usage(const nlohmann::json& event);
  void begin_model_end(const std::string& type, const nlohmann::json& event);

  EgressProcess* egress_;
  RecordFile& record_;
  Usage& usage_;
  Tell tell_;
  std::string line_;
  std::uint64_t count_ = 0;
  Clock::time_point next_;
  std::optional<ModelEnd> model_end_;
};

}  // namespace berm
