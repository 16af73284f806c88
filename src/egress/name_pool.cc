#include "egress/name_pool.h"

namespace berm {

// The first 256 addresses are left out: the first of them is the interface's own.
NamePool::NamePool(const IpNetwork& pool)
    : pool_(pool),
      next_(host_order(pool.address) + 256),
      last_(host_order(pool.address) + ((1U << (32 - pool.bits)) - 2)) {}

IpAddress NamePool::address_of(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (const auto found = addresses_.find(name); found != addresses_.end()) return found->second;
  if (order_.size() >= kMostNames) {
    const auto oldest = addresses_.find(order_.front());
    names_.erase(oldest->second);
    addresses_.erase(oldest);
    order_.pop_front();
  }
  // Addresses go round through the whole pool, so one that was given back rests for long: a client
  // that kept it meets nobody rather than somebody else.
  const IpAddress address = ipv4(next_);
  next_ = next_ == last_ ? host_order(pool_.address) + 256 : next_ + 1;
  addresses_.emplace(name, address);
  names_.emplace(address, name);
  order_.push_back(name);
  return address;
}

std::optional<std::string> NamePool::name_of(const IpAddress& address) {
  const std::lock_guard lock(mutex_);
  const auto found = names_.find(address);
  if (found == names_.end()) return std::nullopt;
  return found->second;
}

}  // namespace berm
