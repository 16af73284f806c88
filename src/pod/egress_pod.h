// src/pod/egress_pod.h: what the connections of one egress pod share.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "egress/start.h"
#include "net/tls_stream.h"
#include "pod/place.h"
#include "rules/egress/destination.h"

namespace berm::pod {

/// A listener of egress, and where it is here.
struct LocalListener {
  Listener listener;
  Destination at;
};

/// Thread safe.
class EgressPod {
 public:
  EgressPod(EgressPlace place, std::optional<EgressProcess> egress, std::string ca,
            std::vector<LocalListener> listeners, SslContext to_agent)
      : place_(std::move(place)),
        egress_(std::move(egress)),
        ca_(std::move(ca)),
        listeners_(std::move(listeners)),
        to_agent_(std::move(to_agent)) {}

  /// One connection of whoever started the run, to its end.
  void serve(std::unique_ptr<ByteStream> stream);
  /// Keeps what egress tells, for the agent's pod to ask for. Its own thread.
  void keep_events();
  /// @return the exit code
  [[nodiscard]] int wait_for_end();
  void end(int code);

 private:
  using Stream = std::unique_ptr<ByteStream>;
  Result<void> learn_agent(const nlohmann::json& call);
  Result<void> take_secret(ByteStream& stream, const nlohmann::json& call);
  void hand_on(Stream caller, const nlohmann::json& call);
  [[nodiscard]] Result<Stream> connect_agent();
  void leave_connections();  ///< one thread's work
  void tell_events();
  [[nodiscard]] std::string events_file() const { return place_.scratch + "/events.jsonl"; }

  const EgressPlace place_;
  std::optional<EgressProcess> egress_;
  const std::string ca_;
  const std::vector<LocalListener> listeners_;
  const SslContext to_agent_;
  std::mutex mutex_;  ///< of all that follows
  std::condition_variable changed_;
  std::optional<Destination> agent_;
  std::uint64_t events_ = 0;  ///< bytes in the file
  std::optional<int> over_;
};

}  // namespace berm::pod
