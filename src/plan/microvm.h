// src/plan/microvm.h: what the microvm tier changes in a plan: the sandbox of the namespace tier
// stays as it is, and holds a virtual machine monitor in place of the agent.
#pragma once

#include "plan/facts.h"
#include "plan/plan.h"
#include "policy/policy.h"

namespace berm {

/// Chooses the monitor, how it runs and how much of the limits the machine gets.
/// @return Errc::unsupported, with the fix, for what cannot be had here.
[[nodiscard]] Result<void> choose_microvm(Plan& plan, const Policy& policy, const HostFacts& host);

/// Where the engine of the machine is, for its clients.
void add_microvm_environment(Plan& plan);

/// The command of the sandbox around the machine: `berm-init --vmm` and the monitor's.
[[nodiscard]] std::vector<std::string> monitor_command(const MicrovmPlan& machine);

/// The monitor's command line without devices (QEMU 7.2, "microvm" machine type). `append` is added
/// to that of the kernel.
[[nodiscard]] std::vector<std::string> qemu_arguments(const MicrovmPlan& machine,
                                                      std::string_view kernel,
                                                      std::string_view initramfs,
                                                      std::string_view append);

[[nodiscard]] std::vector<LayerReport> microvm_layers(const Plan& plan);

/// What the other tiers do and this one cannot, one sentence each.
[[nodiscard]] std::vector<std::string> microvm_missing(const Plan& plan);

}  // namespace berm
