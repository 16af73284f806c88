// src/supervise/connection_broker.h: the network of a run that has no network namespace. Nothing
// inside connects, binds or listens by itself: the call waits (seccomp_unotify(2)), and is made
// here on the very socket, with an address that nobody inside can change any more.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/secret.h"
#include "supervise/run_descriptors.h"
#include "supervise/run_root.h"

struct seccomp_notif;
struct sockaddr_in6;

namespace berm {

/// How the name of a socket begins that was connected for a hook: then "hook" or "other" (another
/// program), "/", the process, "/", and what makes it the only one of its name.
inline constexpr std::string_view kHookName = "berm-hook/";

/// What a run may reach, and what that is outside.
struct BrokeredPlaces {
  /// Ports that programs inside know on 127.0.0.1, and where egress listens for them.
  std::vector<std::pair<std::uint16_t, std::uint16_t>> ports;
  std::string tool_socket;               ///< what kToolSocket stands for; "" = no hook asks
  std::string hook_program;              ///< who may ask there
  std::vector<std::string> directories;  ///< sockets below may be connected to
};

/// Makes the calls of one run; on the thread of the notifications.
class ConnectionBroker {
 public:
  /// @param token  sent ahead on each connection to egress: its listeners lie on the host's
  ///               loopback, where everybody may connect
  /// @param descriptors  outlives it
  ConnectionBroker(BrokeredPlaces places, std::shared_ptr<const Secret> token,
                   RunDescriptors& descriptors)
      : places_(std::move(places)), token_(std::move(token)), descriptors_(descriptors) {}

  /// connect(2), bind(2) or listen(2).
  /// @param still_waits  asked when everything was read of the caller and nothing was done: its
  ///                     number may be another's by then
  /// @return 0 if it was made, else the errno that the caller gets.
  [[nodiscard]] int serve(const seccomp_notif& notification, const RunRoot& root,
                          const std::function<bool()>& still_waits);

 private:
  struct Call;
  int make(const Call& call, const seccomp_notif& notification);
  int connect(const Call& call);
  int connect_inet(const UniqueFd& socket, const sockaddr_in6& to);
  int connect_local(const Call& call, const std::string& path);
  int sign(const Call& call);
  int bind(const Call& call);
  int bind_inet(const UniqueFd& socket, const sockaddr_in6& at);
  int bind_local(const Call& call, const std::string& path);
  int listen(const UniqueFd& socket, int backlog);
  [[nodiscard]] bool is_own(const std::string& path) const;
  [[nodiscard]] bool listens_here(std::uint16_t port) const;

  BrokeredPlaces places_;
  std::shared_ptr<const Secret> token_;
  RunDescriptors& descriptors_;
  std::uint64_t signed_ = 0;
  std::set<ino_t> listeners_;  ///< sockets of the run that listen on the loopback
};

}  // namespace berm
