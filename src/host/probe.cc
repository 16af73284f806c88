#include "host/probe.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include "base/landlock_uapi.h"
#include "base/text.h"
#include "host/namespaces.h"
#include "sys/borrow.h"
#include "sys/cgroup.h"
#include "sys/fd.h"

namespace berm {
namespace {

// Merged-usr systems have links here, others directories.
constexpr std::string_view kSystemCandidates[] = {"/bin",   "/sbin",  "/lib",
                                                  "/lib32", "/lib64", "/libx32"};

// What programs need of /etc; nothing else of it is visible. No secrets, no host configuration.
constexpr std::string_view kEtcCandidates[] = {
    "/etc/ld.so.cache",     "/etc/ssl/certs",       "/etc/ssl/openssl.cnf", "/etc/ca-certificates",
    "/etc/pki/tls/certs",   "/etc/pki/ca-trust",    "/etc/localtime",       "/etc/timezone",
    "/etc/alternatives",    "/etc/services",        "/etc/protocols",       "/etc/mime.types",
    "/etc/java-17-openjdk", "/etc/java-21-openjdk", "/etc/fonts",           "/etc/bash.bashrc",
};

long read_number(const char* path, long missing) {
  const Result<std::string> text = read_file(path, 4096);
  if (!text) return missing;
  long value = missing;
  const std::string_view digits = trim(*text);
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

int landlock_abi() {
  const long abi =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, landlock::kCreateRulesetVersion);
  return abi < 0 ? 0 : static_cast<int>(abi);
}

bool may_write(const std::string& directory) {
  return ::access(directory.c_str(), W_OK | X_OK) == 0;
}

// The directory of our own group in the hierarchy of `controller` (v1), or "" .
std::string v1_directory(std::string_view cgroups, std::string_view controller) {
  for (const std::string_view line : split(cgroups, '\n')) {
    const std::vector<std::string_view> parts = split(line, ':');
    if (parts.size() < 3) continue;
    for (const std::string_view name : split(parts[1], ',')) {
      if (name != controller) continue;
      // The path may contain ':'; everything after the second colon belongs to it.
      const std::string_view path = line.substr(parts[0].size() + parts[1].size() + 2);
      std::string directory =
          fmt::format("/sys/fs/cgroup/{}{}", controller, path == "/" ? "" : path);
      if (may_write(directory)) return directory;
      // In a container the path is the host's, the mount shows our group at its top.
      directory = fmt::format("/sys/fs/cgroup/{}", controller);
      return may_write(directory) ? directory : "";
    }
  }
  return "";
}

bool has_word(std::string_view words, std::string_view wanted) {
  return std::ranges::any_of(split(trim(words), ' '),
                             [&](std::string_view word) { return word == wanted; });
}

// A delegated v2 group: controllers can be enabled for children only if no process stays in the
// group itself ("no internal processes", cgroup-v2.rst). Enabled already, or nobody here but us,
// who can move.
bool is_usable_v2(const std::string& directory) {
  if (!may_write(directory) || ::access((directory + "/cgroup.procs").c_str(), W_OK) != 0) {
    return false;
  }
  if (controls_children(directory)) return true;
  const Result<std::string> processes = read_file(directory + "/cgroup.procs", 1 << 20);
  return processes && trim(*processes) == fmt::format("{}", ::getpid());
}

std::string v2_directory(std::string_view cgroups) {
  for (const std::string_view line : split(cgroups, '\n')) {
    if (!line.starts_with("0::")) continue;
    const std::string directory =
        fmt::format("/sys/fs/cgroup{}", line.substr(3) == "/" ? "" : line.substr(3));
    return is_usable_v2(directory) ? directory : "";
  }
  return "";
}

CgroupPlaces v2_places(CgroupKind kind, const std::string& directory) {
  const Result<std::string> controllers = read_file(directory + "/cgroup.controllers", 4096);
  const auto place = [&](std::string_view name) {
    return controllers && has_word(*controllers, name) ? directory : "";
  };
  return {.kind = kind, .memory = place("memory"), .pids = place("pids"), .cpu = place("cpu")};
}

// The group of the systemd manager that would start a scope for us, "" if there is none.
std::string systemd_directory(uid_t uid) {
  if (!exists("/run/systemd/system") || ::access("/usr/bin/busctl", X_OK) != 0) return "";
  const std::string bus =
      uid == 0 ? "/run/dbus/system_bus_socket" : fmt::format("/run/user/{}/bus", uid);
  if (::access(bus.c_str(), W_OK) != 0) return "";
  const std::string directory =
      uid == 0 ? "/sys/fs/cgroup"
               : fmt::format("/sys/fs/cgroup/user.slice/user-{0}.slice/user@{0}.service", uid);
  return exists(directory + "/cgroup.controllers") ? directory : "";
}

void find_system_paths(HostFacts& facts) {
  facts.system_directories.emplace_back("/usr");
  for (const std::string_view candidate : kSystemCandidates) {
    struct stat status {};
    const std::string path(candidate);
    if (::lstat(path.c_str(), &status) != 0) continue;
    if (S_ISDIR(status.st_mode)) {
      facts.system_directories.push_back(path);
    } else if (S_ISLNK(status.st_mode)) {
      std::array<char, 256> target{};
      const ssize_t length = ::readlink(path.c_str(), target.data(), target.size() - 1);
      if (length > 0) {
        facts.system_links.push_back(
            {path, std::string(target.data(), static_cast<std::size_t>(length))});
      }
    }
  }
  for (const char* bundle :
       {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"}) {
    if (exists(bundle)) facts.root_bundles.emplace_back(bundle);
  }
  for (const std::string_view candidate : kEtcCandidates) {
    const std::string path(candidate);
    if (::access(path.c_str(), F_OK) == 0) facts.system_files.push_back(path);
  }
}

// File systems without the extended attributes, whiteouts or renames that an overlay's upper layer
// needs (Documentation/filesystems/overlayfs.rst, "Upper and lower"); numbers of magic.h.
std::string unfit_for_upper(const std::string& directory) {
  struct statfs file_system {};
  if (::statfs(directory.c_str(), &file_system) != 0) return "";
  switch (static_cast<std::uint32_t>(file_system.f_type)) {
    case 0x794c7630:
      return "overlayfs";
    case 0x6969:
      return "nfs";
    case 0x65735546:
      return "fuse";
    case 0xff534d42:
    case 0xfe534d42:
      return "smb";
    case 0x01021997:
      return "9p";
    case 0x4d44:
    case 0x2011bab0:
      return "fat";
    case 0xf15f:
      return "ecryptfs";
    default:
      return "";
  }
}

// In the first user namespace the map is the identity over all 32 bits (user_namespaces(7)).
bool owns_every_uid() {
  const Result<std::string> map = read_file("/proc/self/uid_map", 4096);
  if (!map) return true;
  std::vector<std::string_view> numbers;
  for (const std::string_view word : split(trim(*map), ' ')) {
    if (!word.empty()) numbers.push_back(word);
  }
  return numbers == std::vector<std::string_view>{"0", "0", "4294967295"};
}

}  // namespace

CgroupPlaces find_cgroups() {
  CgroupPlaces places;
  const Result<std::string> own = read_file("/proc/self/cgroup", 1 << 16);
  if (!own) return places;
  const auto holds = [](const CgroupPlaces& found) {
    return !found.memory.empty() && !found.pids.empty();
  };
  if (const std::string v2 = v2_directory(*own); !v2.empty()) {
    if (CgroupPlaces found = v2_places(CgroupKind::v2, v2); holds(found)) return found;
  }
  if (const std::string manager = systemd_directory(::geteuid()); !manager.empty()) {
    if (CgroupPlaces found = v2_places(CgroupKind::scope, manager); holds(found)) return found;
  }
  places.memory = v1_directory(*own, "memory");
  places.pids = v1_directory(*own, "pids");
  places.cpu = v1_directory(*own, "cpu");
  if (!places.memory.empty() || !places.pids.empty() || !places.cpu.empty()) {
    places.kind = CgroupKind::v1;
  }
  return places;
}

Result<HostFacts> probe_host(const std::string& state_directory, const CgroupPlaces& places) {
  HostFacts facts;
  utsname names{};
  if (::uname(&names) != 0) return os_error("ask for the kernel's name");
  facts.kernel = names.release;
  facts.uid = ::geteuid();
  facts.gid = ::getegid();
  facts.landlock_abi = landlock_abi();
  const int borrowing = borrowing_error();
  facts.borrowing_unfit = borrowing == 0 ? "" : std::strerror(borrowing);
  facts.max_user_namespaces = read_number("/proc/sys/user/max_user_namespaces", -1);
  facts.apparmor_restricts_userns =
      read_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 0) == 1;
  facts.userns_clone_disabled = read_number("/proc/sys/kernel/unprivileged_userns_clone", 1) == 0;
  facts.cgroup = places.kind;
  facts.cgroup_memory = !places.memory.empty();
  facts.cgroup_pids = !places.pids.empty();
  facts.cgroup_cpu = !places.cpu.empty();
  const char* home = ::getenv("HOME");
  facts.home = home != nullptr ? home : "";
  const char* path = ::getenv("PATH");
  facts.path = path != nullptr ? path : "";
  find_system_paths(facts);
  facts.state_unfit = unfit_for_upper(state_directory);
  facts.inside_user_namespace = !owns_every_uid();
  facts.namespaces_unfit = namespaces_unfit(facts);
  return facts;
}

}  // namespace berm
