#include "tiers/microvm/launch.h"

#include <cstring>

#include "init/machine_wire.h"
#include "plan/microvm.h"
#include "tiers/namespace/launch.h"
#include "tiers/namespace/native.h"

namespace berm {
namespace {

// The same plan, seen from inside the machine.
std::string guest_program(const Plan& plan) {
  Plan guest = plan;
  guest.limits.processes = plan.microvm->processes;
  guest.limits.processes_by = Strength::supervised;  // the cgroup around counts none of these
  guest.mounts.clear();                              // they are the root that the machine finds
  std::vector<char> bytes = encode(guest, {}, false, {}).bytes;
  wire::Program header{};
  std::memcpy(&header, bytes.data(), sizeof header);
  header.flags |= wire::kGuest | (plan.microvm->containers ? wire::kEngine : 0);
  // The limits are the machine's: an engine makes every kind of namespace but the first, a user's.
  if (plan.microvm->containers) header.sysctls.count = 1;
  std::memcpy(bytes.data(), &header, sizeof header);
  return {bytes.begin(), bytes.end()};
}

}  // namespace

Result<std::unique_ptr<Sandbox>> start_microvm(const Plan& plan, ChildStreams streams,
                                               const RunCgroup& cgroup) {
  Plan around = plan;
  around.argv = monitor_command(*plan.microvm);
  around.env = {{"PATH", "/usr/bin:/bin"}, {"TMPDIR", "/tmp"}};
  around.cwd = *SandboxPath::parse("/");
  around.mounts.emplace_back(File{.at = *SandboxPath::parse(init::machine::kProgram),
                                  .content = guest_program(plan),
                                  .mode = 0444});
  return NamespaceSandbox::start(around, std::move(streams), cgroup);
}

}  // namespace berm
