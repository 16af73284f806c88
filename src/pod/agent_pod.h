// src/pod/agent_pod.h: what the connections of one agent's pod share.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>

#include "net/tls_stream.h"
#include "pod/place.h"
#include "sys/child.h"

namespace berm::pod {

/// Thread safe.
class AgentPod {
 public:
  explicit AgentPod(AgentPlace place) : place_(std::move(place)) {}

  /// One connection of the egress pod, to its end. The caller's thread is its.
  void serve(std::unique_ptr<ByteStream> stream);
  /// One connection of this pod's own: the run's way out, or its question whether there is one.
  void serve_local(std::unique_ptr<ByteStream> stream);

  /// Waits for the end of the session, or for a call that ends all.
  void wait_for_end();
  void end();

 private:
  using Stream = std::unique_ptr<ByteStream>;
  void keep_idle(Stream stream);
  void hear_egress(ByteStream& stream);
  void take_input(ByteStream& stream, const nlohmann::json& call);
  Result<void> start(const nlohmann::json& call);
  Result<void> start_session();
  void watch_session(pid_t session);
  void follow(ByteStream& stream, const nlohmann::json& call);
  void send_result(ByteStream& stream, std::uint64_t offset);
  void signal(int number);
  nlohmann::json status();
  [[nodiscard]] nlohmann::json probe(const nlohmann::json& call) const;

  void open_way_out(Stream local, const nlohmann::json& call);
  void tell_egress(ByteStream& local);
  [[nodiscard]] Stream take_idle();
  [[nodiscard]] bool has_ended();

  enum class State { waiting, running, ended };

  const AgentPlace place_;
  std::mutex mutex_;  ///< of all that follows
  std::condition_variable changed_;
  State state_ = State::waiting;
  bool over_ = false;
  std::string run_;
  ChildProcess session_;
  nlohmann::json ending_;          ///< how the session ended
  std::deque<Stream> idle_;        ///< each leads to egress, and waits to be used
  bool egress_known_ = false;      ///< it has said that it serves
  std::string egress_ca_;          ///< of the run, PEM
  int egress_calls_ = 0;           ///< connections on which it tells its events; 0 = it is away
  std::uint64_t egress_told_ = 0;  ///< bytes of events that are in the file
};

}  // namespace berm::pod
