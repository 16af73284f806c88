#include "egress/budget.h"

#include <fmt/format.h>

#include <algorithm>

namespace berm {
namespace {

// Adds up to `wanted` to `used` without passing `limit`; returns what was added.
std::uint64_t reserve_in(std::atomic<std::uint64_t>& used, std::optional<Bytes> limit,
                         std::uint64_t wanted) {
  if (!limit) {
    used += wanted;
    return wanted;
  }
  std::uint64_t now = used.load();
  for (;;) {
    const std::uint64_t room = limit->count - std::min(now, limit->count);
    const std::uint64_t granted = std::min(wanted, room);
    if (used.compare_exchange_weak(now, now + granted)) return granted;
  }
}

bool take_one(std::atomic<std::uint64_t>& used, const std::optional<std::uint64_t>& limit) {
  std::uint64_t now = used.load();
  do {
    if (limit && now >= *limit) return false;
  } while (!used.compare_exchange_weak(now, now + 1));
  return true;
}

std::string used_up(std::string_view name, std::string_view what, const std::string& limit) {
  return fmt::format("{}.{} of {} is used up", name, what, limit);
}

}  // namespace

std::uint64_t Budget::reserve(std::uint64_t wanted, bool upload) {
  std::uint64_t granted = reserve_in(bytes_, limits_.bytes, wanted);
  if (!upload) return granted;
  const std::uint64_t up = reserve_in(upload_, limits_.upload, granted);
  bytes_ -= granted - up;
  return up;
}

void Budget::refund(std::uint64_t bytes, bool upload) {
  bytes_ -= bytes;
  if (upload) upload_ -= bytes;
}

std::string Budget::take_connection() {
  if (take_one(connections_, limits_.connections)) return "";
  return used_up(name_, "connections", fmt::format("{}", *limits_.connections));
}

std::string Budget::take_request() {
  if (take_one(requests_, limits_.requests)) return "";
  return used_up(name_, "requests", fmt::format("{}", *limits_.requests));
}

std::string Budget::exhausted() const {
  if (limits_.bytes && bytes_ >= limits_.bytes->count) {
    return used_up(name_, "bytes", to_text(*limits_.bytes));
  }
  if (limits_.upload && upload_ >= limits_.upload->count) {
    return used_up(name_, "upload", to_text(*limits_.upload));
  }
  return "";
}

std::string Account::take_connection() {
  std::string full = run_->take_connection();
  if (!full.empty()) return full;
  full = host_->take_connection();
  if (!full.empty()) run_->give_back_connection();
  return full;
}

std::string Account::take_request() {
  std::string full = run_->take_request();
  if (!full.empty()) return full;
  full = host_->take_request();
  if (!full.empty()) run_->give_back_request();
  return full;
}

std::uint64_t Account::reserve(std::uint64_t wanted, bool upload) {
  const std::uint64_t of_run = run_->reserve(wanted, upload);
  const std::uint64_t of_host = host_->reserve(of_run, upload);
  run_->refund(of_run - of_host, upload);
  return of_host;
}

void Account::refund(std::uint64_t bytes, bool upload) {
  run_->refund(bytes, upload);
  host_->refund(bytes, upload);
}

std::string Account::exhausted() const {
  std::string of_run = run_->exhausted();
  return of_run.empty() ? host_->exhausted() : of_run;
}

Account Budgets::account(const std::string& host) {
  constexpr std::size_t kMostHosts = 4096;
  const std::lock_guard lock(mutex_);
  const auto found = hosts_.find(host);
  if (found != hosts_.end()) return {run_, found->second};
  // A wildcard has no end of names: what is kept of them has one.
  if (hosts_.size() >= kMostHosts) {
    if (!others_) others_ = std::make_shared<Budget>(per_host_, "network.per_host (others)");
    return {run_, others_};
  }
  const auto budget =
      std::make_shared<Budget>(per_host_, fmt::format("network.per_host ({})", host));
  hosts_.emplace(host, budget);
  return {run_, budget};
}

}  // namespace berm
