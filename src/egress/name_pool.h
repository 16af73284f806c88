// src/egress/name_pool.h: the private addresses that stand for names inside a run.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/ip.h"

namespace berm {

/// Gives each name that the run asks for an address of a private pool, so that a client which knows
/// no proxy connects to a number and egress still knows the name. Thread safe.
class NamePool {
 public:
  /// @param pool  routed_name_pool() or loopback_name_pool()
  explicit NamePool(const IpNetwork& pool);

  /// The address of `name`; the same as long as it is in use.
  [[nodiscard]] IpAddress address_of(const std::string& name);
  /// The name behind `address`; nullopt for one that was never given.
  [[nodiscard]] std::optional<std::string> name_of(const IpAddress& address);

 private:
  /// A run that asks for a million sub-domains of a wildcard must not fill memory: the oldest name
  /// gives its address back.
  static constexpr std::size_t kMostNames = 8192;
  IpNetwork pool_;
  std::uint32_t next_;
  std::uint32_t last_;
  std::mutex mutex_;
  std::map<std::string, IpAddress> addresses_;
  std::map<IpAddress, std::string> names_;
  std::deque<std::string> order_;  ///< oldest first
};

}  // namespace berm
