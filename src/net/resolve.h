// src/net/resolve.h: names to addresses, with c-ares (no NSS, no dlopen) and the host's
// /etc/hosts.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"

namespace berm {

/// Resolves in threads of its own. An answer is kept for its time to live (5 to 60 s), so that the
/// many connections of one client cost one query. Thread safe.
class Resolver {
 public:
  using Answer = std::function<void(Result<std::vector<IpAddress>>)>;

  /// Reads /etc/hosts and the resolver's configuration: before the process gives up its files.
  [[nodiscard]] static Result<std::unique_ptr<Resolver>> create();
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// Starts the threads: after the process is confined, so that they are too.
  void start();

  /// The addresses of `host` if they are known by now.
  [[nodiscard]] std::optional<std::vector<IpAddress>> known(const std::string& host);

  /// Tells `answer` the addresses of `host` (canonical), now if they are known, else from a thread
  /// of the resolver. At most five seconds.
  void resolve(const std::string& host, Answer answer);

 private:
  struct Channel;
  struct Known {
    std::vector<IpAddress> addresses;
    std::chrono::steady_clock::time_point until;
  };
  struct Waiting {
    std::string host;
    Answer answer;
  };
  Resolver() = default;
  void work(Channel& channel);
  void remember(const std::string& host, const std::vector<IpAddress>& addresses, int ttl);

  std::map<std::string, std::vector<IpAddress>> hosts_;  ///< /etc/hosts
  std::vector<std::unique_ptr<Channel>> channels_;       ///< one a thread
  std::mutex mutex_;                                     ///< of all below
  std::condition_variable wakeup_;
  std::deque<Waiting> waiting_;
  std::map<std::string, Known> cache_;
};

}  // namespace berm
