#include "plan/microvm.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace berm {
namespace {

// What QEMU itself takes: its own memory, the code that it translates, the buffers of 9p.
constexpr Bytes kMonitorMemory{384ULL << 20};
constexpr Bytes kLeastMemory{256ULL << 20};
constexpr std::uint64_t kMonitorThreads = 128;
constexpr std::string_view kKernel = "/run/berm/kernel";
constexpr std::string_view kInitramfs = "/run/berm/initramfs";
constexpr std::string_view kEngineSocket = "/run/berm/engine.sock";  // init/machine_wire.h

Result<MonitorFacts> choose_monitor(const Policy& policy, const MicrovmFacts& facts) {
  const VirtualMachineMonitor wanted = policy.microvm.vmm;
  if (wanted != VirtualMachineMonitor::automatic && wanted != VirtualMachineMonitor::qemu) {
    return failure(
        Errc::unsupported,
        fmt::format("use {}: this version drives QEMU only, which shares the workspace by 9p",
                    spelling(wanted)),
        "use microvm.vmm = \"qemu\"");
  }
  if (!facts.monitors.empty()) return facts.monitors.front();
  return failure(Errc::unsupported, "find a virtual machine monitor: QEMU is not installed",
                 "install qemu-system-x86 (Debian, Ubuntu), or use --tier namespace");
}

Result<void> check_holdable(const Policy& policy, const HostFacts& host) {
  const MicrovmFacts& facts = host.microvm;
  if (!facts.image_unfit.empty()) {
    return failure(Errc::unsupported, "use the machine's kernel: " + facts.image_unfit,
                   "run 'berm image build --microvm'");
  }
  if (!facts.kvm && !policy.microvm.emulation) {
    return failure(Errc::unsupported, "use KVM: " + facts.kvm_unfit,
                   "accept an emulated processor, tens of times slower: --emulate, or "
                   "microvm.emulation = true; or use --tier namespace");
  }
  if (policy.microvm.containers && !facts.engine) {
    return failure(Errc::unsupported, "run a container engine inside: podman is not installed here",
                   "install podman, or leave microvm.containers out");
  }
  if (policy.memory.count < kMonitorMemory.count + kLeastMemory.count) {
    return failure(
        Errc::unsupported,
        fmt::format("run a machine within limits.memory = {}: it needs {}", to_text(policy.memory),
                    to_text(Bytes{kMonitorMemory.count + kLeastMemory.count})),
        "raise limits.memory (--memory)");
  }
  return {};
}

}  // namespace

Result<void> choose_microvm(Plan& plan, const Policy& policy, const HostFacts& host) {
  MonitorFacts monitor = BERM_TRY(choose_monitor(policy, host.microvm));
  BERM_TRY(check_holdable(policy, host));
  const HostPath images = BERM_TRY(HostPath::parse(host.microvm.directory));
  constexpr std::uint64_t kMebibyte = 1ULL << 20;
  plan.tier = TierChoice::microvm;
  plan.microvm = MicrovmPlan{
      .monitor = std::move(monitor),
      .kernel = images / "kernel",
      .initramfs = images / "initramfs",
      .kvm = host.microvm.kvm,
      .cpus = static_cast<std::uint32_t>(std::clamp(std::ceil(plan.limits.cpus), 1.0, 64.0)),
      .memory = {(policy.memory.count - kMonitorMemory.count) / kMebibyte * kMebibyte},
      .processes = policy.processes,
      .tsc_khz = host.microvm.tsc_khz,
      .containers = policy.microvm.containers};
  plan.limits.processes += kMonitorThreads;
  const auto bind = [&](const HostPath& from, std::string_view to) {
    plan.mounts.emplace_back(Bind{.from = from, .to = *SandboxPath::parse(to)});
  };
  bind(plan.microvm->kernel, kKernel);
  bind(plan.microvm->initramfs, kInitramfs);
  if (plan.microvm->containers) {
    plan.mounts.emplace_back(File{.at = *SandboxPath::parse(kEngineSocket), .content = ""});
  }
  if (plan.microvm->kvm) {
    plan.mounts.emplace_back(Bind{.from = *HostPath::parse("/dev/kvm"),
                                  .to = *SandboxPath::parse("/dev/kvm"),
                                  .access = Access::read_write,
                                  .device = true});
  }
  return {};
}

void add_microvm_environment(Plan& plan) {
  if (!plan.microvm->containers) return;
  for (const char* name : {"DOCKER_HOST", "CONTAINER_HOST"}) {
    plan.env[name] = fmt::format("unix://{}", kEngineSocket);
  }
}

std::vector<std::string> qemu_arguments(const MicrovmPlan& machine, std::string_view kernel,
                                        std::string_view initramfs, std::string_view append) {
  // Without its frequency the guest measures it, and under emulation may never be done.
  const std::string tsc =
      machine.tsc_khz == 0 ? "" : fmt::format(" tsc_early_khz={}", machine.tsc_khz);
  return {
      machine.monitor.program,
      "-M",
      "microvm,rtc=on",
      "-accel",
      machine.kvm ? "kvm" : "tcg,tb-size=256",
      "-cpu",
      machine.kvm ? "host" : "max",
      "-smp",
      fmt::format("{}", machine.cpus),
      "-m",
      fmt::format("{}M", machine.memory.count >> 20U),
      "-nodefaults",
      "-no-user-config",
      "-no-reboot",
      "-display",
      "none",
      "-chardev",
      "stdio,id=console,signal=off",
      "-serial",
      "chardev:console",
      "-global",
      "virtio-mmio.force-legacy=false",
      "-kernel",
      std::string(kernel),
      "-initrd",
      std::string(initramfs),
      "-append",
      fmt::format("console=ttyS0 quiet panic=-1 reboot=t{}{}{}", tsc, append.empty() ? "" : " ",
                  append),
  };
}

namespace {

// The machine's devices: the port to berm-init, the root, the network, entropy, memory given back.
void add_devices(std::vector<std::string>& arguments) {
  for (const char* word :
       {"-device",  "virtio-serial-device",
        "-chardev", "socket,id=run,fd=10",
        "-device",  "virtserialport,chardev=run,name=org.berm.run",
        "-fsdev",   "local,id=root,path=/,security_model=none,multidevs=remap",
        "-device",  "virtio-9p-device,fsdev=root,mount_tag=berm-root",
        "-fsdev",   "local,id=work,path=/,security_model=none,multidevs=remap",
        "-device",  "virtio-9p-device,fsdev=work,mount_tag=berm-work",
        "-netdev",  "user,id=net,ipv6=off",
        "-device",  "virtio-net-device,netdev=net",
        "-device",  "virtio-rng-device",
        "-device",  "virtio-balloon-device,free-page-reporting=on",
        "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"}) {
    arguments.emplace_back(word);
  }
}

}  // namespace

std::vector<std::string> monitor_command(const MicrovmPlan& machine) {
  // Seconds that a boot may take.
  std::vector<std::string> out = {"/run/berm/berm-init", "--vmm", machine.kvm ? "10" : "60"};
  std::vector<std::string> monitor = qemu_arguments(machine, kKernel, kInitramfs, "");
  add_devices(monitor);
  std::ranges::move(monitor, std::back_inserter(out));
  return out;
}

std::vector<LayerReport> microvm_layers(const Plan& plan) {
  const MicrovmPlan& machine = *plan.microvm;
  const std::string kind = fmt::format("{}, {}", spelling(machine.monitor.kind),
                                       machine.kvm ? "KVM" : "an emulated processor");
  const Strength resources = std::min(plan.limits.memory_by, plan.limits.processes_by);
  return {
      {Layer::filesystem, Strength::kernel,
       fmt::format("a kernel of its own ({}); its root is the sandbox around the machine: mount "
                   "namespace, root from nothing, {} workspace, by 9p",
                   kind, spelling(plan.workspace.mode))},
      {Layer::network, Strength::kernel,
       plan.egress.any() ? "network namespace with loopback only around the machine; egress by name"
                         : "network namespace with loopback only around the machine"},
      {Layer::processes, Strength::kernel,
       "a kernel of its own, PID and IPC namespaces in it; the monitor in namespaces of its own"},
      {Layer::syscalls, Strength::kernel,
       "a kernel of its own; seccomp allow-list in it and around the monitor"},
      {Layer::privileges, Strength::kernel,
       fmt::format("uid {} in the machine and of the monitor (host {}), no capability, "
                   "no_new_privs, no nested namespaces",
                   plan.identity.uid, plan.identity.host_uid)},
      {Layer::resources, resources,
       fmt::format("the machine has {} and {} processors; monitor and machine {}; time, output, "
                   "disk by the supervisor",
                   to_text(machine.memory), machine.cpus,
                   resources == Strength::kernel ? "in a cgroup" : "sampled")},
  };
}

std::vector<std::string> microvm_missing(const Plan& plan) {
  std::vector<std::string> out = {
      "microvm tier: programs that start in the machine are not on the record one by one, and what "
      "[tools] says of programs is held at the agent's hooks only",
      "microvm tier: what the machine's kernel ends for want of memory is the agent's to report"};
  if (plan.microvm->containers) {
    out.emplace_back(
        "microvm.containers: who has the engine's socket can become root of the machine: its "
        "layers "
        "and the agent's hooks are then help, and the machine is the boundary");
  }
  if (!plan.microvm->kvm) {
    out.emplace_back("microvm tier: the processor is emulated, tens of times slower than with KVM");
  }
  return out;
}

}  // namespace berm
