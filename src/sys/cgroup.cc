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

namespace berm {
namespace {

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
    if (pid > 1) ::kill(pid, SIGKILL);
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

Result<void> set_v2(const std::string& parent, const std::string& group, const CgroupLimits& limits) {
  // Best effort: where our own group has processes the kernel refuses (EBUSY), and the writes below say so.
  (void)write_knob(parent + "/cgroup.subtree_control", "+memory +pids +cpu");
  BERM_TRY(write_knob(group + "/memory.max", fmt::format("{}", limits.memory.count)));
  (void)write_knob(group + "/memory.swap.max", "0");
  BERM_TRY(write_knob(group + "/memory.oom.group", "1"));
  BERM_TRY(write_knob(group + "/pids.max", fmt::format("{}", limits.processes + 1)));
  return write_knob(group + "/cpu.max", fmt::format("{} 100000", static_cast<long>(limits.cpus * 100000)));
}

Result<void> set_v1_memory(const std::string& group, const CgroupLimits& limits) {
  BERM_TRY(write_knob(group + "/memory.limit_in_bytes", fmt::format("{}", limits.memory.count)));
  // Memory and swap together; absent where swap accounting is off.
  if (exists(group + "/memory.memsw.limit_in_bytes")) {
    BERM_TRY(write_knob(group + "/memory.memsw.limit_in_bytes", fmt::format("{}", limits.memory.count)));
  }
  return {};
}

}  // namespace

std::vector<std::string> RunCgroup::planned(const CgroupParents& parents, const std::string& name) {
  std::vector<std::string> out;
  for (const std::string* parent : {&parents.memory, &parents.pids, &parents.cpu}) {
    const std::string directory = fmt::format("{}/{}", *parent, name);
    if (!parent->empty() && std::ranges::find(out, directory) == out.end()) out.push_back(directory);  // v2: one for all
  }
  return out;
}

Result<RunCgroup> RunCgroup::create(const CgroupParents& parents, const std::string& name, const CgroupLimits& limits) {
  RunCgroup cgroup;
  cgroup.v2_ = parents.v2;
  const auto make = [&](const std::string& parent) -> Result<std::string> {
    const std::string directory = fmt::format("{}/{}", parent, name);
    if (::mkdir(directory.c_str(), 0755) != 0) return os_error(fmt::format("create the control group '{}'", directory));
    cgroup.directories_.push_back(directory);
    return directory;
  };
  if (parents.v2) {
    const std::string group = BERM_TRY(make(parents.memory));
    BERM_TRY(set_v2(parents.memory, group, limits));
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
    BERM_TRY(write_knob(group + "/cpu.cfs_quota_us", fmt::format("{}", static_cast<long>(limits.cpus * 100000))));
  }
  return cgroup;
}

RunCgroup::~RunCgroup() {
  for (const std::string& directory : directories_) {
    kill_all(directory);
    remove_group(directory);
  }
}

Result<void> RunCgroup::attach(pid_t pid) const {
  for (const std::string& directory : directories_) {
    BERM_TRY(write_knob(directory + "/cgroup.procs", fmt::format("{}", pid)));
  }
  return {};
}

CgroupHits RunCgroup::hits() const {
  CgroupHits hits;
  for (const std::string& directory : directories_) {
    hits.oom_kills += v2_ ? field(directory + "/memory.events", "oom_kill") : field(directory + "/memory.oom_control", "oom_kill");
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
      const bool old = ::fstatat(directory.get(), entry.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && ::time(nullptr) - status.st_ctim.tv_sec > 60;
      if (old) ::rmdir(fmt::format("{}/{}", *parent, entry.name).c_str());
    }
  }
}

}  // namespace berm
