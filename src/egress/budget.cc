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
  return ++used <= limit.value_or(UINT64_MAX);
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

bool Budget::take_connection() { return take_one(connections_, limits_.connections); }

bool Budget::take_request() { return take_one(requests_, limits_.requests); }

std::string Budget::exhausted() const {
  const auto text = [&](std::string_view what, const std::string& limit) {
    return fmt::format("{}.{} of {} is used up", name_, what, limit);
  };
  if (limits_.bytes && bytes_ >= limits_.bytes->count)
    return text("bytes", to_text(*limits_.bytes));
  if (limits_.upload && upload_ >= limits_.upload->count) {
    return text("upload", to_text(*limits_.upload));
  }
  if (limits_.connections && connections_ > *limits_.connections) {
    return text("connections", fmt::format("{}", *limits_.connections));
  }
  if (limits_.requests && requests_ > *limits_.requests) {
    return text("requests", fmt::format("{}", *limits_.requests));
  }
  return "";
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
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Budget>& budget = hosts_[host];
  if (!budget)
    budget = std::make_shared<Budget>(per_host_, fmt::format("network.per_host ({})", host));
  return {run_, budget};
}

}  // namespace berm
