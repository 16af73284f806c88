#include "plan/microvm.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "plan/make_plan.h"

namespace berm {
namespace {

HostFacts host_with_machine(bool kvm) {
  HostFacts facts;
  facts.uid = facts.gid = 1000;
  facts.landlock_abi = 7;
  facts.system_directories = {"/usr"};
  facts.cgroup = CgroupKind::v2;
  facts.cgroup_memory = facts.cgroup_pids = facts.cgroup_cpu = true;
  facts.microvm = {.monitors = {{.program = "/usr/bin/qemu-system-x86_64"}},
                   .kvm = kvm,
                   .kvm_unfit = kvm ? "" : "/dev/kvm cannot be opened",
                   .directory = "/cache/microvm",
                   .tsc_khz = 2'500'000};
  return facts;
}

Result<Plan> plan_of(const HostFacts& facts, Policy policy) {
  const RepositoryFacts repository{.root = *HostPath::parse("/srv/repo"),
                                   .git_dir = *HostPath::parse("/srv/repo/.git"),
                                   .common_dir = *HostPath::parse("/srv/repo/.git"),
                                   .owner = 1000};
  const RunPlace place{.id = "r-1",
                       .directory = *HostPath::parse("/state/r-1"),
                       .init = *HostPath::parse("/opt/berm-init"),
                       .run_uid = 1000,
                       .run_gid = 1000};
  policy.tier = TierChoice::microvm;
  return make_plan(policy, facts, repository, {.argv = {"true"}}, place, {});
}

Policy emulated() {
  Policy policy;
  policy.microvm.emulation = true;
  return policy;
}

bool has_word(const std::vector<std::string>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

TEST(Microvm, TheAgentsCommandIsThePlansAndTheMonitorsIsBesideIt) {
  const Plan plan = *plan_of(host_with_machine(true), {});
  EXPECT_EQ(plan.tier, TierChoice::microvm);
  EXPECT_EQ(plan.argv, std::vector<std::string>{"true"});
  const std::vector<std::string> command = monitor_command(*plan.microvm);
  EXPECT_EQ(command[0], "/run/berm/berm-init");
  EXPECT_TRUE(has_word(command, "kvm"));
  EXPECT_TRUE(has_word(command, "-no-user-config"));
  EXPECT_TRUE(has_word(command, "-nodefaults"));
}

TEST(Microvm, AnEmulatedProcessorNeedsConsentAndIsAWeakness) {
  const HostFacts facts = host_with_machine(false);
  const Result<Plan> refused = plan_of(facts, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::unsupported);
  EXPECT_NE(refused.error().what.find("/dev/kvm cannot be opened"), std::string::npos);
  const Plan plan = *plan_of(facts, emulated());
  EXPECT_FALSE(plan.microvm->kvm);
  EXPECT_TRUE(std::ranges::any_of(plan.weaknesses, [](const std::string& one) {
    return one.find("emulated") != std::string::npos;
  }));
  const std::vector<std::string> command = monitor_command(*plan.microvm);
  // Else one boot in three never ends.
  EXPECT_TRUE(std::ranges::any_of(command, [](const std::string& word) {
    return word.find("tsc_early_khz=2500000") != std::string::npos;
  }));
}

TEST(Microvm, TheMachineAndItsMonitorStayWithinTheLimit) {
  Policy policy;
  policy.memory = {1ULL << 30};
  policy.processes = 100;
  const Plan plan = *plan_of(host_with_machine(true), policy);
  EXPECT_EQ(plan.limits.memory.count, 1ULL << 30);
  EXPECT_EQ(plan.microvm->memory.count, (1024ULL - 384) << 20);
  EXPECT_EQ(plan.microvm->processes, 100U);
  EXPECT_GT(plan.limits.processes, 100U) << "the monitor's own threads";
  policy.memory = {512ULL << 20};
  EXPECT_FALSE(plan_of(host_with_machine(true), policy));
}

TEST(Microvm, WhatIsMissingIsNamedWithItsFix) {
  HostFacts facts = host_with_machine(true);
  facts.microvm.monitors.clear();
  EXPECT_NE(plan_of(facts, {}).error().fix.find("qemu-system-x86"), std::string::npos);
  facts = host_with_machine(true);
  facts.microvm.image_unfit = "there is none yet";
  EXPECT_NE(plan_of(facts, {}).error().fix.find("berm image build --microvm"), std::string::npos);
  Policy other;
  other.microvm.vmm = VirtualMachineMonitor::firecracker;
  EXPECT_NE(plan_of(host_with_machine(true), other).error().what.find("firecracker"),
            std::string::npos);
}

TEST(Microvm, OnlyTheDeviceOfKvmComesIn) {
  const auto devices = [](const Plan& plan) {
    return std::ranges::count_if(plan.mounts, [](const MountOp& op) {
      const auto* bind = std::get_if<Bind>(&op);
      return bind != nullptr && bind->from.str() == "/dev/kvm";
    });
  };
  EXPECT_EQ(devices(*plan_of(host_with_machine(true), {})), 1);
  EXPECT_EQ(devices(*plan_of(host_with_machine(false), emulated())), 0);
}

}  // namespace
}  // namespace berm
