#include "sys/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <ctime>

#include "base/text.h"
#include "sys/beneath.h"
#include "sys/child.h"

namespace berm {
namespace {

constexpr std::string_view kSupervisorSuffix = "-supervisor";

// "key value" lines; 0 if the key is not there.
std::uint64_t field(const std::string& path, std::string_view key) {
  const Result<std::string> text = read_file(path, 1 << 16);
  if (!text) return 0;
  for (const std::string_view line : split(*text, '\n')) {
    std::string_view digits = line;
    if (!key.empty()) {
      if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != ' ') continue;
      digits = line.substr(key.size() + 1);
    }
    std::uint64_t value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
  }
  return 0;
}

void kill_all(const std::string& directory) {
  if (write_knob(directory + "/cgroup.kill", "1")) return;  // v2, Linux 5.14
  const Result<std::string> pids = read_file(directory + "/cgroup.procs", 1 << 20);
  if (!pids) return;
  for (const std::string_view line : split(*pids, '\n')) {
    pid_t pid = 0;
    std::from_chars(line.data(), line.data() + line.size(), pid);
    if (pid > 1 && pid != ::getpid()) ::kill(pid, SIGKILL);
  }
}

// A group can be removed once its last process is reaped, a moment after its death.
void remove_group(const std::string& directory) {
  for (int attempt = 0; attempt < 200; ++attempt) {
    if (::rmdir(directory.c_str()) == 0 || errno == ENOENT) return;
    if (errno != EBUSY) return;
    kill_all(directory);
    const timespec pause{0, 5000000};
    ::nanosleep(&pause, nullptr);
  }
}

Result<void> set_v2(const std::string& parent, const std::string& group,
                    const CgroupLimits& limits) {
  // Without the cpu controller (a user's manager may not have it) the others still hold.
  BERM_TRY(write_knob(parent + "/cgroup.subtree_control", "+memory +pids"));
  const bool cpu = write_knob(parent + "/cgroup.subtree_control", "+cpu").has_value();
  BERM_TRY(write_knob(group + "/memory.max", fmt::format("{}", limits.memory.count)));
  (void)write_knob(group + "/memory.swap.max", "0");
  BERM_TRY(write_knob(group + "/memory.oom.group", "1"));
  BERM_TRY(write_knob(group + "/pids.max", fmt::format("{}", limits.processes + 1)));
  return cpu ? write_knob(group + "/cpu.max",
                          fmt::format("{} 100000", static_cast<long>(limits.cpus * 100000)))
             : Result<void>{};
}

Result<void> move_into(const std::string& group, pid_t pid) {
  return write_knob(group + "/cgroup.procs", fmt::format("{}", pid));
}

Result<void> make_group(const std::string& directory) {
  if (::mkdir(directory.c_str(), 0755) != 0) {
    return os_error(fmt::format("create the control group '{}'", directory));
  }
  return {};
}

// The v2 group of a process, as a directory; "" if it cannot be told.
std::string v2_group_of(pid_t pid) {
  const Result<std::string> groups = read_file(fmt::format("/proc/{}/cgroup", pid), 1 << 16);
  if (!groups) return "";
  for (const std::string_view line : split(*groups, '\n')) {
    if (line.starts_with("0::")) return fmt::format("/sys/fs/cgroup{}", line.substr(3));
  }
  return "";
}

Result<void> set_v1_memory(const std::string& group, const CgroupLimits& limits) {
  BERM_TRY(write_knob(group + "/memory.limit_in_bytes", fmt::format("{}", limits.memory.count)));
  // Memory and swap together; absent where swap accounting is off.
  if (exists(group + "/memory.memsw.limit_in_bytes")) {
    BERM_TRY(
        write_knob(group + "/memory.memsw.limit_in_bytes", fmt::format("{}", limits.memory.count)));
  }
  return {};
}

}  // namespace

bool controls_children(const std::string& group) {
  const Result<std::string> enabled = read_file(group + "/cgroup.subtree_control", 4096);
  if (!enabled) return false;
  const std::vector<std::string_view> words = split(trim(*enabled), ' ');
  const auto has = [&](std::string_view name) {
    return std::ranges::find(words, name) != words.end();
  };
  return has("memory") && has("pids");
}

std::vector<std::string> RunCgroup::planned(const CgroupParents& parents, const std::string& name) {
  if (parents.scope) return {};  // systemd removes a scope with its last process
  std::vector<std::string> out;
  for (const std::string* parent : {&parents.memory, &parents.pids, &parents.cpu}) {
    const std::string directory = fmt::format("{}/{}", *parent, name);
    // v2: one for all.
    if (!parent->empty() && std::ranges::find(out, directory) == out.end()) {
      out.push_back(directory);
    }
  }
  if (parents.v2) out.push_back(fmt::format("{}/{}{}", parents.memory, name, kSupervisorSuffix));
  return out;
}

RunCgroup& RunCgroup::operator=(RunCgroup&& other) noexcept {
  std::swap(directories_, other.directories_);
  std::swap(v2_, other.v2_);
  std::swap(ours_, other.ours_);
  std::swap(group_, other.group_);
  std::swap(scope_, other.scope_);
  std::swap(limits_, other.limits_);
  std::swap(keeper_, other.keeper_);
  return *this;
}

Result<RunCgroup> RunCgroup::create(const CgroupParents& parents, const std::string& name,
                                    const CgroupLimits& limits, pid_t keeper) {
  RunCgroup cgroup;
  cgroup.v2_ = parents.v2;
  cgroup.limits_ = limits;
  cgroup.keeper_ = keeper;
  if (parents.scope) {
    cgroup.scope_ = name;
    return cgroup;
  }
  const auto make = [&](const std::string& parent) -> Result<std::string> {
    std::string directory = fmt::format("{}/{}", parent, name);
    BERM_TRY(make_group(directory));
    cgroup.directories_.push_back(directory);
    return directory;
  };
  if (parents.v2) {
    if (!controls_children(parents.memory)) {
      const std::string leaf = fmt::format("{}/{}{}", parents.memory, name, kSupervisorSuffix);
      BERM_TRY(make_group(leaf));
      for (const pid_t pid : {::getpid(), keeper}) BERM_TRY(move_into(leaf, pid));
    }
    const std::string group = BERM_TRY(make(parents.memory));
    BERM_TRY(set_v2(parents.memory, group, limits));
    cgroup.group_ = BERM_TRY(open_file(group, O_RDONLY | O_DIRECTORY));
    return cgroup;
  }
  if (!parents.memory.empty()) {
    const std::string group = BERM_TRY(make(parents.memory));
    BERM_TRY(set_v1_memory(group, limits));
  }
  if (!parents.pids.empty()) {
    const std::string group = BERM_TRY(make(parents.pids));
    BERM_TRY(write_knob(group + "/pids.max", fmt::format("{}", limits.processes + 1)));
  }
  if (!parents.cpu.empty()) {
    const std::string group = BERM_TRY(make(parents.cpu));
    BERM_TRY(write_knob(group + "/cpu.cfs_period_us", "100000"));
    BERM_TRY(write_knob(group + "/cpu.cfs_quota_us",
                        fmt::format("{}", static_cast<long>(limits.cpus * 100000))));
  }
  return cgroup;
}

RunCgroup RunCgroup::made_by_engine(pid_t pid) {
  RunCgroup cgroup;
  cgroup.ours_ = false;
  const Result<std::string> lines = read_file(fmt::format("/proc/{}/cgroup", pid), 1 << 16);
  if (!lines) return cgroup;
  for (const std::string_view wanted : {"memory", "pids", ""}) {
    if (wanted.empty() && !cgroup.directories_.empty()) break;  // v1: the unified one holds nothing
    for (const std::string_view line : split(*lines, '\n')) {
      const std::vector<std::string_view> parts = split(line, ':');
      if (parts.size() != 3) continue;
      const std::vector<std::string_view> names = split(parts[1], ',');
      if (std::ranges::find(names, wanted) == names.end()) continue;
      cgroup.v2_ = wanted.empty();
      cgroup.directories_.push_back(
          fmt::format("/sys/fs/cgroup{}{}{}", wanted.empty() ? "" : "/", parts[1], parts[2]));
    }
  }
  return cgroup;
}

RunCgroup::~RunCgroup() {
  if (!ours_) return;
  for (const std::string& directory : directories_) {
    kill_all(directory);
    remove_group(directory);
  }
}

Result<void> RunCgroup::enter() const {
  if (v2_) return {};
  for (const std::string& directory : directories_) {
    const Result<void> entered = write_knob(directory + "/tasks", "0");
    if (entered) continue;
    (void)leave();
    return in_context("entering the run's control groups", entered);
  }
  return {};
}

Result<void> RunCgroup::leave() const {
  if (v2_) return {};
  Result<void> left;
  for (const std::string& directory : directories_) {
    if (Result<void> one = write_knob(directory + "/../tasks", "0"); !one) left = std::move(one);
  }
  return left;
}

Result<void> RunCgroup::attach(pid_t pid) {
  return scope_.empty() ? Result<void>{} : start_scope(pid);
}

// The keeper goes in as well: a scope goes with its last process, and with it what it counted.
Result<void> RunCgroup::start_scope(pid_t pid) {
  const std::string unit = std::exchange(scope_, "") + ".scope";
  const bool system = ::geteuid() == 0;
  const Command start{
      .argv = {"busctl",
               system ? "--system" : "--user",
               "--quiet",
               "call",
               "org.freedesktop.systemd1",
               "/org/freedesktop/systemd1",
               "org.freedesktop.systemd1.Manager",
               "StartTransientUnit",
               "ssa(sv)a(sa(sv))",
               unit,
               "fail",
               "7",
               "Description",
               "s",
               "a sandboxed agent (berm)",
               "Delegate",
               "b",
               "true",
               "CollectMode",
               "s",
               "inactive-or-failed",
               "MemoryAccounting",
               "b",
               "true",
               "TasksAccounting",
               "b",
               "true",
               "CPUAccounting",
               "b",
               "true",
               "PIDs",
               "au",
               "2",
               fmt::format("{}", pid),
               fmt::format("{}", keeper_),
               "0"},
      .env = {"PATH=/usr/bin:/bin", fmt::format("XDG_RUNTIME_DIR=/run/user/{}", ::geteuid())},
      .directory = {},
      .input = {}};
  const CommandResult started = BERM_TRY(run_command(start));
  if (started.code != 0) {
    return failure(
        Errc::unsupported,
        fmt::format("have systemd start the scope '{}': {}", unit, printable(trim(started.errors))),
        "look at 'systemctl --user status'; or run berm inside 'systemd-run --user --scope -p "
        "Delegate=yes'");
  }
  // The call only queues the job.
  std::string scope;
  for (int attempt = 0; attempt < 1000; ++attempt) {
    scope = v2_group_of(pid);
    if (scope.ends_with("/" + unit) && v2_group_of(keeper_) == scope) break;
    scope.clear();
    const timespec pause{0, 5000000};
    ::nanosleep(&pause, nullptr);
  }
  if (scope.empty()) {
    return failure(Errc::unsupported, fmt::format("wait for systemd to start the scope '{}'", unit),
                   "look at 'systemctl --user status'");
  }
  BERM_TRY(make_group(scope + "/keeper"));
  BERM_TRY(make_group(scope + "/run"));
  directories_.push_back(scope + "/run");
  BERM_TRY(move_into(scope + "/keeper", keeper_));
  BERM_TRY(move_into(scope + "/run", pid));
  return set_v2(scope, scope + "/run", limits_);
}

void RunCgroup::freeze(bool frozen) const {
  if (!v2_ || directories_.empty()) return;
  (void)write_knob(directories_.front() + "/cgroup.freeze", frozen ? "1" : "0");
}

CgroupHits RunCgroup::hits() const {
  CgroupHits hits;
  for (const std::string& directory : directories_) {
    hits.oom_kills += v2_ ? field(directory + "/memory.events", "oom_kill")
                          : field(directory + "/memory.oom_control", "oom_kill");
    hits.pids_max += field(directory + "/pids.events", "max");
  }
  return hits;
}

Bytes RunCgroup::memory_now() const {
  if (directories_.empty()) return {};
  return {field(directories_[0] + (v2_ ? "/memory.current" : "/memory.usage_in_bytes"), "")};
}

Bytes RunCgroup::memory_peak() const {
  if (directories_.empty()) return {};
  return {field(directories_[0] + (v2_ ? "/memory.peak" : "/memory.max_usage_in_bytes"), "")};
}

void remove_stale_cgroups(const CgroupParents& parents) {
  for (const std::string* parent : {&parents.memory, &parents.pids, &parents.cpu}) {
    if (parent->empty()) continue;
    const UniqueFd directory(::open(parent->c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory) continue;
    const Result<std::vector<Entry>> entries = list_directory(directory.get());
    if (!entries) continue;
    for (const Entry& entry : *entries) {
      // rmdir of a group that still has processes fails. One without may be about to get its first:
      // only what is a minute old is left over.
      if (!entry.name.starts_with("berm-r-")) continue;
      struct stat status {};
      const bool old =
          ::fstatat(directory.get(), entry.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
          ::time(nullptr) - status.st_ctim.tv_sec > 60;
      if (old) ::rmdir(fmt::format("{}/{}", *parent, entry.name).c_str());
    }
  }
}

}  // namespace berm
