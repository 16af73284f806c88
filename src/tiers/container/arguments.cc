#include "tiers/container/arguments.h"

#include <fmt/format.h>

#include <algorithm>

namespace berm {
namespace {

constexpr std::string_view kShm = "/dev/shm";

bool is_below(std::string_view path, std::string_view directory) {
  return path.size() > directory.size() && path.starts_with(directory) &&
         path[directory.size()] == '/';
}

bool is_in_tmpfs(const Plan& plan, std::string_view path) {
  return std::ranges::any_of(plan.mounts, [&](const MountOp& op) {
    const auto* tmpfs = std::get_if<Tmpfs>(&op);
    return tmpfs != nullptr && is_below(path, tmpfs->at.str());
  });
}

// Both engines split the value of --mount at commas, and only one of them knows quotes.
Result<std::string> bind_mount(const std::string& from, const std::string& to, Access access) {
  for (const std::string* path : {&from, &to}) {
    if (path->find_first_of(",\"\n") == std::string::npos) continue;
    return failure(Errc::unsupported, fmt::format("mount '{}' into a container", *path),
                   "use a path without commas and quotes, or --tier namespace");
  }
  return fmt::format("type=bind,src={},dst={}{}", from, to,
                     access == Access::read_only ? ",readonly" : "");
}

class Writer {
 public:
  explicit Writer(const Plan& plan) : out_(client_arguments(*plan.container)) {}

  void flag(std::string_view name) { out_.emplace_back(name); }
  void option(std::string_view name, std::string_view value) {
    out_.push_back(fmt::format("{}={}", name, value));
  }
  Result<void> bind(const std::string& from, const std::string& to, Access access) {
    out_.emplace_back("--mount");
    out_.push_back(BERM_TRY(bind_mount(from, to, access)));
    return {};
  }
  std::vector<std::string> take() { return std::move(out_); }

 private:
  std::vector<std::string> out_;
};

bool is_podman(const Plan& plan) { return plan.container->engine.kind == ContainerEngine::podman; }

void add_isolation(Writer& out, const Plan& plan) {
  out.option("--network", "none");
  out.flag("--read-only");
  out.option("--cap-drop", "ALL");
  out.option("--security-opt", "no-new-privileges");
  out.option("--security-opt", "seccomp=" + (plan.run_directory / "container/seccomp.json").str());
  out.option("--ipc", "private");
  out.option("--cgroupns", "private");
  out.option("--user", fmt::format("{}:{}", plan.identity.uid, plan.identity.gid));
  out.option("--hostname", plan.hostname);
  out.option("--sysctl", "net.ipv4.ip_unprivileged_port_start=0");
  // Engines show the host's devices and control groups there.
  out.option("--tmpfs", "/sys:ro,size=4096");
  out.option("--tmpfs", "/sys/fs/cgroup:ro,size=4096");
  if (!is_podman(plan)) {
    out.flag("--init=false");
    return;
  }
  if (plan.container->engine.rootless) out.option("--userns", "keep-id");
  // Each of these would put something of the engine's or the host's inside.
  out.flag("--read-only-tmpfs=false");
  out.flag("--systemd=false");
  out.flag("--http-proxy=false");
  out.flag("--no-hosts");
}

void add_limits(Writer& out, const Plan& plan, const ContainerHost& host) {
  const LimitsPlan& limits = plan.limits;
  if (limits.memory_by == Strength::kernel) {
    out.option("--memory", fmt::format("{}b", limits.memory.count));
    out.option("--memory-swap", fmt::format("{}b", limits.memory.count));
    out.option("--pids-limit", fmt::format("{}", limits.processes + 1));  // and berm-init
    out.option("--cpus", fmt::format("{:.2f}", limits.cpus));
  }
  out.option("--ulimit", "core=0:0");
  const std::uint64_t files = std::min(limits.open_files, host.open_files);
  out.option("--ulimit", fmt::format("nofile={}:{}", files, files));
  if (is_podman(plan)) {
    // Its own default is more than root may have where it lacks CAP_SYS_RESOURCE. A second line
    // behind --pids-limit, and the first where that is not held.
    const std::uint64_t processes = std::min(limits.processes + 64, host.processes);
    out.option("--ulimit", fmt::format("nproc={}:{}", processes, processes));
  }
  out.option("--shm-size", "67108864b");
}

// Podman 4 takes no owner: all are of one uid in there.
std::string tmpfs_value(const Plan& plan, const Tmpfs& tmpfs) {
  if (is_podman(plan)) {
    return fmt::format("{}:rw,nosuid,nodev,exec,notmpcopyup,size={},mode=1777", tmpfs.at.str(),
                       tmpfs.size.count);
  }
  return fmt::format("{}:rw,nosuid,nodev,exec,size={},mode={:o},uid={},gid={}", tmpfs.at.str(),
                     tmpfs.size.count, tmpfs.mode, plan.identity.uid, plan.identity.gid);
}

Result<void> add_mounts(Writer& out, const Plan& plan, const ContainerHost& host) {
  BERM_TRY(out.bind(staged(plan, ""), "/run/berm", Access::read_only));
  const auto is_absent = [&](const std::string& path) {
    return std::ranges::find(host.absent, path) != host.absent.end();
  };
  for (const MountOp& op : plan.mounts) {
    if (const auto* tmpfs = std::get_if<Tmpfs>(&op)) {
      if (tmpfs->at.str() != kShm) out.option("--tmpfs", tmpfs_value(plan, *tmpfs));
    } else if (const auto* bind = std::get_if<Bind>(&op)) {
      if (bind->device || (bind->optional && is_absent(bind->from.str()))) continue;
      BERM_TRY(out.bind(bind->from.str(), bind->to.str(), bind->access));
    } else if (const auto* absent = std::get_if<Absent>(&op)) {
      if (is_absent(absent->at.str())) continue;
      BERM_TRY(out.bind(staged(plan, "absent"), absent->at.str(), Access::read_only));
    }
  }
  for (const StagedFile& file : staged_files(plan)) {
    if (file.bound) BERM_TRY(out.bind(file.path, file.at, Access::read_only));
  }
  return {};
}

}  // namespace

std::string container_name(const Plan& plan) { return "berm-" + plan.run_id; }

std::vector<std::string> client_arguments(const ContainerPlan& container) {
  std::vector<std::string> out = {container.engine.program};
  if (container.engine.kind != ContainerEngine::podman) return out;
  // Without systemd there is no other manager, and with it a rootful one is as good.
  if (!container.engine.rootless) out.emplace_back("--cgroup-manager=cgroupfs");
  if (!container.runtime.empty()) out.push_back("--runtime=" + container.runtime);
  return out;
}

std::string staged(const Plan& plan, std::string_view name) {
  const std::string directory = (plan.run_directory / "container/berm").str();
  return name.empty() ? directory : fmt::format("{}/{}", directory, name);
}

std::vector<StagedFile> staged_files(const Plan& plan) {
  std::vector<StagedFile> out;
  for (const MountOp& op : plan.mounts) {
    const auto* file = std::get_if<File>(&op);
    if (file == nullptr || is_in_tmpfs(plan, file->at.str())) continue;
    const bool own = is_below(file->at.str(), plan.places.berm);
    out.push_back(
        {.path = own ? staged(plan, file->at.str().substr(plan.places.berm.size() + 1))
                     : (plan.run_directory / fmt::format("container/files/{}", out.size())).str(),
         .at = file->at.str(),
         .content = file->content,
         .mode = file->mode,
         .bound = !own});
  }
  return out;
}

std::vector<NativeStep> contained_steps(const Plan& plan) {
  std::vector<NativeStep> out;
  for (NativeStep& step : native_steps(plan)) {
    const bool below = is_in_tmpfs(plan, "/" + step.target);
    const bool made =
        step.op == wire::Op::file || step.op == wire::Op::directory || step.op == wire::Op::symlink;
    if ((step.op == wire::Op::tmpfs && step.watched) || (made && below)) {
      out.push_back(std::move(step));
    }
  }
  return out;
}

Result<std::vector<std::string>> run_arguments(const Plan& plan, const ContainerHost& host) {
  Writer out(plan);
  out.flag("run");
  out.flag("--detach");
  out.flag("--rm");
  out.option("--name", container_name(plan));
  out.option("--label", "berm.run=" + plan.run_id);
  out.option("--pull", "never");
  out.option("--log-driver", "none");
  out.option("--stop-timeout", "0");
  out.option("--workdir", "/");
  if (!is_podman(plan) && !plan.container->runtime.empty()) {
    out.option("--runtime", plan.container->runtime);
  }
  add_isolation(out, plan);
  add_limits(out, plan, host);
  BERM_TRY(add_mounts(out, plan, host));
  out.option("--entrypoint", "/run/berm/berm-init");
  out.flag(plan.container->image);
  out.flag("--contained");
  return out.take();
}

}  // namespace berm
