// src/egress/worker.h: one thread of egress: accepts, and keeps what it accepted.
#pragma once

#include <atomic>
#include <future>
#include <map>

#include "egress/connector.h"
#include "egress/http_session.h"
#include "egress/relay.h"

namespace berm {

class Client;

/// Everything that the threads of one egress process share.
struct EgressShared {
  Gate& gate;
  Resolver& resolver;
  HttpUpstream& http;  ///< certificates, the model API
  SecretStore& secrets;
  ModelMeter& meter;
  ToolResultLog& tool_results;
  std::size_t most_connections = 128;  ///< of one worker
  std::atomic<int> live = 0;           ///< connections of all workers
};

/// Each worker is a thread with a descriptor table of its own (unshare(CLONE_FILES)): together they
/// hold more connections than RLIMIT_NOFILE lets one hold. All accept from the same listeners.
class Worker {
 public:
  Worker(std::unique_ptr<Loop> loop, EgressShared& shared, const std::vector<int>& listeners);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void run();
  void stop_accepting();  ///< from any thread: drains

  // For the connections of this worker, on its thread:
  [[nodiscard]] Gate& gate() { return shared_.gate; }
  [[nodiscard]] Loop& loop() { return *loop_; }
  [[nodiscard]] Connector& connector() { return connector_; }
  void start_relay(Relay::Ends ends, std::string early, Admission admission);
  /// Hands the connection to a thread that may block. A full house answers 503.
  void start_http(UniqueFd client, std::string early, HttpTask task);
  void drop(Client& client);

 private:
  class Acceptor;
  void speak_http(UniqueFd client, std::string early, HttpTask task);
  void add_client(UniqueFd fd, const Listener& listener);
  void make_room();
  void sweep();
  void pause();
  void resume();

  std::unique_ptr<Loop> loop_;
  EgressShared& shared_;
  Connector connector_;
  PipePool pipes_;
  std::vector<std::shared_ptr<Acceptor>> acceptors_;
  std::map<std::uint64_t, std::shared_ptr<Client>> clients_;  ///< still shaking hands, oldest first
  std::map<const Relay*, std::shared_ptr<Relay>> relays_;
  std::uint64_t next_client_ = 0;
  std::size_t most_connections_;
  std::atomic<int> http_threads_ = 0;
  std::atomic<int> model_threads_ = 0;
  bool paused_ = false;
  bool sweeping_ = false;
  bool draining_ = false;
};

}  // namespace berm
