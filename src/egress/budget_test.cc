#include "egress/budget.h"

#include <gtest/gtest.h>

#include <thread>

#include "egress/name_pool.h"
#include "rules/egress/access.h"

namespace berm {
namespace {

TEST(Budget, IsExactHoweverManyShareIt) {
  NetworkBudget limits;
  limits.bytes = Bytes{1'000'000};
  limits.upload = Bytes{300'000};
  Budgets budgets(limits, {});
  std::atomic<std::uint64_t> moved = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      Account account = budgets.account(i % 2 == 0 ? "a.example" : "b.example");
      for (int k = 0; k < 2000; ++k) {
        const bool upload = k % 2 == 0;
        const std::uint64_t room = account.reserve(1000, upload);
        account.refund(room / 2, upload);
        moved += room - room / 2;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(moved, 1'000'000U);
  EXPECT_EQ(budgets.account("a.example").exhausted(),
            "network.budget.bytes of 976.6 KiB is used up");
}

TEST(Budget, CountsEachHostForItself) {
  NetworkBudget each;
  each.connections = 1;
  Budgets budgets({}, each);
  Account a = budgets.account("a.example");
  EXPECT_EQ(a.take_connection(), "");
  EXPECT_EQ(a.take_connection(), "network.per_host (a.example).connections of 1 is used up");
  EXPECT_EQ(a.exhausted(), "") << "what was admitted goes on";
  EXPECT_EQ(budgets.account("b.example").take_connection(), "");
}

TEST(NamePool, ANameKeepsItsAddressAndNobodyElseGetsIt) {
  NamePool pool(routed_name_pool());
  const IpAddress first = pool.address_of("a.example");
  EXPECT_EQ(pool.address_of("a.example"), first);
  EXPECT_NE(pool.address_of("b.example"), first);
  EXPECT_EQ(pool.name_of(first), "a.example");
  EXPECT_EQ(pool.name_of(*parse_ip("198.18.200.1")), std::nullopt);
  for (int i = 0; i < 20000; ++i) (void)pool.address_of("x" + std::to_string(i) + ".example");
  EXPECT_EQ(pool.name_of(first), std::nullopt) << "forgotten, not given to another name";
  EXPECT_NE(pool.address_of("a.example"), first);
}

}  // namespace
}  // namespace berm
