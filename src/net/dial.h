// src/net/dial.h: a name to a connected socket, with one limit on the time for all of it.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "net/resolve.h"
#include "rules/egress/destination.h"
#include "sys/fd.h"

namespace berm {

/// When something must be done, however many steps it takes.
struct Deadline {
  std::chrono::steady_clock::time_point until;
  [[nodiscard]] static Deadline in(std::chrono::milliseconds time) {
    return {std::chrono::steady_clock::now() + time};
  }
  /// Never negative.
  [[nodiscard]] std::chrono::milliseconds left() const;
};

/// The addresses of `host` (canonical), waited for. @return os_errno ETIMEDOUT: not in time.
[[nodiscard]] Result<std::vector<IpAddress>> addresses_of(Resolver& resolver,
                                                          const std::string& host,
                                                          const Deadline& deadline);

/// A TCP connection to the first of `addresses` that answers. Each has its part of the time: a dead
/// one must not take it all.
[[nodiscard]] Result<UniqueFd> dial(std::vector<IpAddress> addresses, const Destination& to,
                                    const Deadline& deadline);

/// A socket that listens at an address.
[[nodiscard]] Result<UniqueFd> listen_at(const Destination& at, bool udp);

}  // namespace berm
