#include <sys/resource.h>

#include <algorithm>
#include <cstring>

#include "tiers/namespace/native.h"
#include "tiers/namespace/seccomp/filters.h"

namespace berm {
namespace {

#if defined(__x86_64__)
constexpr auto& kAgentFilter = seccomp::kAgentX86_64;
constexpr auto& kProcessFilter = seccomp::kProcessX86_64;
constexpr auto& kInitFilter = seccomp::kInitX86_64;
#elif defined(__aarch64__)
constexpr auto& kAgentFilter = seccomp::kAgentAarch64;
constexpr auto& kProcessFilter = seccomp::kProcessAarch64;
constexpr auto& kInitFilter = seccomp::kInitAarch64;
#else
#error "berm has no seccomp profile for this architecture"
#endif

// Every kind of namespace that a user namespace can make. Names of proc_sys_user(5).
constexpr std::string_view kNamespaceLimits[] = {
    "sys/user/max_user_namespaces",   "sys/user/max_mnt_namespaces",  "sys/user/max_pid_namespaces",
    "sys/user/max_net_namespaces",    "sys/user/max_ipc_namespaces",  "sys/user/max_uts_namespaces",
    "sys/user/max_cgroup_namespaces", "sys/user/max_time_namespaces",
};

class ProgramWriter {
 public:
  ProgramWriter() : bytes_(sizeof(wire::Program), '\0') {}

  std::uint32_t string(std::string_view text) {
    const auto offset = static_cast<std::uint32_t>(bytes_.size());
    bytes_.insert(bytes_.end(), text.begin(), text.end());
    bytes_.push_back('\0');
    return offset;
  }

  template <class T>
  wire::Slice slice(const std::vector<T>& items) {
    return append(items.data(), items.size(), sizeof(T), alignof(T));
  }
  template <class T, std::size_t N>
  wire::Slice slice(const std::array<T, N>& items) {
    return append(items.data(), N, sizeof(T), alignof(T));
  }

  std::vector<char> finish(wire::Program header) {
    bytes_.push_back('\0');  // no string can run over the end
    header.size = static_cast<std::uint32_t>(bytes_.size());
    std::memcpy(bytes_.data(), &header, sizeof header);
    return std::move(bytes_);
  }

 private:
  wire::Slice append(const void* data, std::size_t count, std::size_t size, std::size_t alignment) {
    while (bytes_.size() % alignment != 0) bytes_.push_back('\0');
    const auto offset = static_cast<std::uint32_t>(bytes_.size());
    const char* begin = static_cast<const char*>(data);
    bytes_.insert(bytes_.end(), begin, begin + count * size);
    return {offset, static_cast<std::uint32_t>(count)};
  }

  std::vector<char> bytes_;
};

std::vector<wire::Rlimit> rlimits(const Plan& plan) {
  const LimitsPlan& limits = plan.limits;
  std::vector<wire::Rlimit> out = {
      {RLIMIT_NOFILE, 0, limits.open_files},
      {RLIMIT_CORE, 0, 0},  // a core dump goes where the host's core_pattern says: out of the
                            // sandbox
      {RLIMIT_FSIZE, 0, limits.disk.count},
      {RLIMIT_MEMLOCK, 0, 64 << 10},
      {RLIMIT_MSGQUEUE, 0, 819200},
      {RLIMIT_SIGPENDING, 0, 4096},
  };
  // In the user's own namespace it counts all that the user runs, and nobody else's is the run's.
  if (plan.tier == TierChoice::process && !plan.identity.from_root) return out;
  // In a container of a rootful engine the count would be that of all the caller's processes.
  if (plan.container && limits.processes_by == Strength::kernel) return out;
  // Since Linux 5.14 this counts per user namespace: the run's processes alone, not the user's.
  // One more for berm-init; and out of the way where a cgroup holds the limit and counts its hits.
  const std::uint64_t room = limits.processes_by == Strength::kernel ? 64 : 1;
  out.push_back({RLIMIT_NPROC, 0, limits.processes + room});
  return out;
}

std::vector<std::uint32_t> strings(ProgramWriter& writer, const std::vector<std::string>& items) {
  std::vector<std::uint32_t> offsets;
  for (const std::string& item : items) offsets.push_back(writer.string(item));
  return offsets;
}

std::vector<wire::Instruction> instructions(ProgramWriter& writer,
                                            const std::vector<NativeStep>& steps, bool open_trees,
                                            const std::vector<std::string>& absent,
                                            std::vector<HostTree>& trees) {
  std::vector<wire::Instruction> out;
  for (const NativeStep& step : steps) {
    wire::Instruction op{
        .op = step.op,
        .flags = (step.optional ? wire::kOptional : 0) | (step.watched ? wire::kWatched : 0),
        .slot = wire::kNoSlot,
        .mode = step.mode,
        .source = writer.string(step.source),
        .target = writer.string(step.target),
        .attributes = step.attributes,
        .size = step.size};
    if (step.op == wire::Op::bind && open_trees) {
      // Kept as a directory step, so that the indexes of steps and instructions stay the same.
      if (std::ranges::find(absent, step.source) != absent.end()) {
        op.op = wire::Op::directory;
        op.target = writer.string("");
      } else {
        op.slot = static_cast<std::uint32_t>(trees.size());
        trees.push_back({.path = *HostPath::parse(step.source), .idmapped = step.idmapped});
      }
    }
    out.push_back(op);
  }
  return out;
}

std::vector<wire::Listener> listeners(const Plan& plan) {
  std::vector<wire::Listener> out;
  // On the host's own loopback any port will do: nobody inside connects by himself, and the
  // supervisor knows which stands for which.
  const bool shared = plan.tier == TierChoice::process;
  for (const Listener& listener : plan.egress.listeners) {
    constexpr std::uint32_t kLoopback = 0x7f000001;
    const bool everywhere = listener.kind == ListenerKind::transparent;
    const bool udp = listener.kind == ListenerKind::dns_udp;
    const std::uint16_t port = shared ? std::uint16_t{0} : listener.port;
    out.push_back({everywhere ? 0 : kLoopback, port, std::uint16_t{udp}});
  }
  return out;
}

}  // namespace

EncodedProgram encode(const Plan& plan, const std::vector<NativeStep>& steps, bool open_trees,
                      const std::vector<std::string>& absent) {
  EncodedProgram encoded;
  ProgramWriter writer;
  wire::Program header{};
  header.magic = wire::kMagic;
  header.version = wire::kVersion;
  header.flags = wire::kSelfCheck | (plan.identity.from_root ? wire::kDropGroups : 0) |
                 (plan.terminal ? wire::kTerminal : 0) |
                 (plan.tier == TierChoice::process ? wire::kSharedNamespaces : 0);
  header.uid = plan.identity.uid;
  header.gid = plan.identity.gid;
  header.instructions =
      writer.slice(instructions(writer, steps, open_trees, absent, encoded.trees));
  header.rlimits = writer.slice(rlimits(plan));
  std::vector<wire::PathRule> rules;
  for (const auto& [path, access] : plan.landlock.rules) {
    rules.push_back({writer.string(path.str()), 0, access});
  }
  header.path_rules = writer.slice(rules);
  header.argv = writer.slice(strings(writer, plan.argv));
  std::vector<std::string> env;
  for (const auto& [name, value] : plan.env) env.push_back(name + "=" + value);
  header.env = writer.slice(strings(writer, env));
  header.agent_filter =
      plan.tier == TierChoice::process ? writer.slice(kProcessFilter) : writer.slice(kAgentFilter);
  header.init_filter = writer.slice(kInitFilter);
  header.listeners = writer.slice(listeners(plan));
  std::vector<wire::Route> routes;
  for (const IpNetwork& network : plan.egress.routes) {
    // Names can stand for addresses of lo itself instead; a granted address has no substitute.
    const bool optional = network == routed_name_pool();
    routes.push_back({host_order(network.address), static_cast<std::uint16_t>(network.bits),
                      std::uint16_t{optional}});
  }
  header.routes = writer.slice(routes);
  header.sysctls =
      writer.slice(strings(writer, {std::begin(kNamespaceLimits), std::end(kNamespaceLimits)}));
  header.cwd = writer.string(plan.cwd.str());
  header.hostname = writer.string(plan.hostname);
  // The record: it exists on the host, and nobody inside may ever see it.
  header.forbidden_read = writer.string((plan.run_directory / "record.jsonl").str());
  header.forbidden_write = writer.string("/usr");
  header.landlock_fs = plan.landlock.handled_fs;
  header.landlock_scoped = plan.landlock.scoped;
  header.landlock_net = plan.landlock.handled_net;
  encoded.bytes = writer.finish(header);
  return encoded;
}

}  // namespace berm
