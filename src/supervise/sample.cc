#include "supervise/sample.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <charconv>
#include <set>
#include <utility>
#include <vector>

#include "base/text.h"
#include "sys/beneath.h"
#include "sys/fd.h"

namespace berm {
namespace {

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> out;
  const std::string tasks = fmt::format("/proc/{}/task", pid);
  const UniqueFd directory(::open(tasks.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return out;
  const Result<std::vector<Entry>> threads = list_directory(directory.get());
  if (!threads) return out;
  for (const Entry& thread : *threads) {
    const Result<std::string> text =
        read_file(fmt::format("{}/{}/children", tasks, thread.name), 1 << 20);
    if (!text) continue;
    for (const std::string_view word : split(trim(*text), ' ')) {
      pid_t child = 0;
      std::from_chars(word.data(), word.data() + word.size(), child);
      if (child > 0) out.push_back(child);
    }
  }
  return out;
}

// Anonymous and shared memory (proc(5), status: RssAnon, RssShmem); the pages of programs are not
// counted.
std::uint64_t held_memory(pid_t pid) {
  const Result<std::string> text = read_file(fmt::format("/proc/{}/status", pid), 1 << 16);
  if (!text) return 0;
  std::uint64_t total = 0;
  for (const std::string_view line : split(*text, '\n')) {
    if (!line.starts_with("RssAnon:") && !line.starts_with("RssShmem:")) continue;
    const std::size_t digit = line.find_first_of("0123456789");
    std::uint64_t kilobytes = 0;
    if (digit != std::string_view::npos) {
      std::from_chars(line.data() + digit, line.data() + line.size(), kilobytes);
    }
    total += kilobytes << 10;
  }
  return total;
}

void add_disk(int directory, DiskSample& sample, int depth) {
  // Deeper than any source tree: the rest is told by the file system's free space.
  constexpr int kDeepest = 256;
  if (depth > kDeepest) {
    sample.unreadable = true;
    return;
  }
  const Result<std::vector<Entry>> entries = list_directory(directory);
  if (!entries) {
    sample.unreadable = true;
    return;
  }
  for (const Entry& entry : *entries) {
    struct stat status {};
    if (::fstatat(directory, entry.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    sample.used.count +=
        static_cast<std::uint64_t>(status.st_blocks) * 512 + 512;  // an empty file costs an inode
    if (!S_ISDIR(status.st_mode)) continue;
    const UniqueFd below(
        ::openat(directory, entry.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (below) {
      add_disk(below.get(), sample, depth + 1);
    } else {
      sample.unreadable = true;
    }
  }
}

}  // namespace

TreeSample sample_tree(pid_t init) {
  TreeSample sample;
  std::vector<pid_t> pending = children_of(init);
  std::uint64_t most = 0;
  while (!pending.empty()) {
    const pid_t pid = pending.back();
    pending.pop_back();
    ++sample.processes;
    sample.pids.push_back(pid);
    const std::uint64_t memory = held_memory(pid);
    sample.memory.count += memory;
    if (memory >= most) {
      most = memory;
      sample.largest = pid;
    }
    const std::vector<pid_t> children = children_of(pid);
    pending.insert(pending.end(), children.begin(), children.end());
  }
  if (sample.largest != 0) {
    const Result<std::string> name = read_file(fmt::format("/proc/{}/comm", sample.largest), 256);
    if (name) sample.largest_name = printable(trim(*name));
  }
  return sample;
}

NamelessSample sample_nameless(const std::vector<pid_t>& pids) {
  NamelessSample sample;
  std::set<std::pair<dev_t, ino_t>> seen;
  for (const pid_t pid : pids) {
    const UniqueFd directory(
        ::open(fmt::format("/proc/{}/fd", pid).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory) continue;  // gone meanwhile
    const Result<std::vector<Entry>> fds = list_directory(directory.get());
    if (!fds) continue;
    for (const Entry& fd : *fds) {
      struct stat status {};
      if (::fstatat(directory.get(), fd.name.c_str(), &status, 0) != 0 ||
          !S_ISREG(status.st_mode) || status.st_nlink != 0) {
        continue;
      }
      if (!seen.emplace(status.st_dev, status.st_ino).second) continue;
      constexpr long kTmpfs = 0x01021994;  // magic.h; memfds live there too
      struct statfs file_system {};
      const std::string path = fmt::format("/proc/{}/fd/{}", pid, fd.name);
      const bool in_memory =
          ::statfs(path.c_str(), &file_system) == 0 && file_system.f_type == kTmpfs;
      (in_memory ? sample.memory : sample.disk).count +=
          static_cast<std::uint64_t>(status.st_blocks) * 512;
    }
  }
  return sample;
}

DiskSample sample_disk(const std::string& directory) {
  DiskSample sample;
  const UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (fd) add_disk(fd.get(), sample, 0);
  return sample;
}

Bytes free_space(const std::string& directory) {
  struct statvfs status {};
  if (::statvfs(directory.c_str(), &status) != 0) return {};
  return {std::uint64_t{status.f_bavail} * status.f_frsize};
}

}  // namespace berm
