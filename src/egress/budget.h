// src/egress/budget.h: what a run, and each host of it, may still use up of the network.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "policy/policy.h"

namespace berm {

/// One budget and what is used of it. Thread safe: bytes are reserved before they are moved, so the
/// limit is exact however many connections share it.
class Budget {
 public:
  Budget(const NetworkBudget& limits, std::string name) : limits_(limits), name_(std::move(name)) {}

  /// How many of `wanted` bytes may be moved now; give back what was not with refund().
  [[nodiscard]] std::uint64_t reserve(std::uint64_t wanted, bool upload);
  void refund(std::uint64_t bytes, bool upload);
  /// Counts one, unless that is one too many: then it is not counted, and the reason returned.
  [[nodiscard]] std::string take_connection();
  [[nodiscard]] std::string take_request();
  void give_back_connection() { --connections_; }
  void give_back_request() { --requests_; }
  /// "network.budget.upload of 1 MiB is used up", of the bytes; "" while they are not.
  [[nodiscard]] std::string exhausted() const;

 private:
  NetworkBudget limits_;
  std::string name_;
  std::atomic<std::uint64_t> bytes_ = 0;
  std::atomic<std::uint64_t> upload_ = 0;
  std::atomic<std::uint64_t> connections_ = 0;
  std::atomic<std::uint64_t> requests_ = 0;
};

/// The two budgets that one connection is charged to.
class Account {
 public:
  Account() = default;
  Account(std::shared_ptr<Budget> run, std::shared_ptr<Budget> host)
      : run_(std::move(run)), host_(std::move(host)) {}

  [[nodiscard]] std::uint64_t reserve(std::uint64_t wanted, bool upload);
  void refund(std::uint64_t bytes, bool upload);
  [[nodiscard]] std::string take_connection();
  [[nodiscard]] std::string take_request();
  [[nodiscard]] std::string exhausted() const;

 private:
  std::shared_ptr<Budget> run_;
  std::shared_ptr<Budget> host_;
};

/// All budgets of a run.
class Budgets {
 public:
  Budgets(const NetworkBudget& run, const NetworkBudget& per_host)
      : run_(std::make_shared<Budget>(run, "network.budget")), per_host_(per_host) {}
  [[nodiscard]] Account account(const std::string& host);

 private:
  std::shared_ptr<Budget> run_;
  NetworkBudget per_host_;
  std::mutex mutex_;  ///< of hosts_
  std::map<std::string, std::shared_ptr<Budget>> hosts_;
  std::shared_ptr<Budget> others_;  ///< of all hosts beyond the first few thousand together
};

}  // namespace berm
