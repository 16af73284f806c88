// tests/support/engines.h: engines that a test starts itself: a dockerd with its own data root in
// namespaces of its own, and podman with its own storage.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "harness.h"

namespace berm::test {

inline bool within(std::chrono::seconds time, const std::function<bool()>& happens) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
    if (happens()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return happens();
}

// Forks and starts `argv`; its output is nobody's.
inline pid_t spawn(const std::vector<std::string>& argv,
                   const std::map<std::string, std::string>& env, const std::string& directory) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  const int null_fd = ::open("/dev/null", O_RDWR);
  for (int fd = 0; fd <= 2; ++fd) ::dup2(null_fd, fd);
  if (::chdir(directory.c_str()) != 0) ::_exit(126);
  std::vector<std::string> variables;
  for (const auto& [name, value] : env) variables.push_back(name + "=" + value);
  std::vector<char*> words, environment;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  for (const std::string& one : variables) environment.push_back(const_cast<char*>(one.c_str()));
  words.push_back(nullptr);
  environment.push_back(nullptr);
  ::execvpe(words[0], words.data(), environment.data());
  ::_exit(127);
}

class Dockerd {
 public:
  Dockerd() {
    directory_ =
        std::filesystem::temp_directory_path() / ("berm-dockerd-" + std::to_string(::getpid()));
    std::filesystem::create_directories(directory_);
    std::ofstream(directory_ / "config.json") << "{}";
    const std::string at = directory_.string();
    // Its networks and mounts are its own. crun refuses a hybrid of both cgroup versions.
    const std::string script =
        "umount /sys/fs/cgroup/unified 2>/dev/null; ip link set lo up; exec dockerd --data-root " +
        at + "/data --exec-root " + at + "/exec --pidfile " + at + "/pid -H unix://" + at +
        "/sock --config-file " + at +
        "/config.json --iptables=false --ip6tables=false --bridge=none --ip-forward=false";
    pid_ = spawn({"unshare", "-m", "-n", "--propagation", "private", "sh", "-c", script},
                 {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}}, "/");
    within(std::chrono::seconds(20), [&] { return std::filesystem::exists(directory_ / "sock"); });
  }
  ~Dockerd() {
    if (pid_ > 0) ::kill(pid_, SIGTERM);
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
    for (const pid_t shim : shims())
      ::kill(shim, SIGKILL);  // an engine that was killed leaves them
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  /// SIGKILL, as by the kernel for want of memory; its containers go on.
  void kill() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_t containerd = 0;
    if (std::ifstream(directory_ / "exec/containerd/containerd.pid") >> containerd) {
      ::kill(containerd, SIGKILL);
    }
    pid_ = -1;
  }
  /// The pids of its containers' shims.
  [[nodiscard]] std::vector<pid_t> shims() const {
    std::vector<pid_t> out;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
      std::string words;
      std::getline(std::ifstream(entry.path() / "cmdline"), words);
      const bool ours = words.find(directory_.string()) != std::string::npos &&
                        words.find("containerd-shim") != std::string::npos;
      if (ours) out.push_back(std::stoi(entry.path().filename()));
    }
    return out;
  }
  [[nodiscard]] std::string host() const { return "unix://" + (directory_ / "sock").string(); }

 private:
  std::filesystem::path directory_;
  pid_t pid_ = -1;
};

/// What makes docker and podman use the test's own engine and storage.
inline std::map<std::string, std::string> engine_environment(const Site& site,
                                                             const Dockerd& daemon) {
  std::ofstream(site.root() + "/storage.conf")
      << "[storage]\ndriver = \"overlay\"\ngraphroot = \"" << site.root()
      << "/graph\"\nrunroot = \"" << site.root() << "/run\"\n";
  return {{"DOCKER_HOST", daemon.host()},
          {"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"},
          {"CONTAINERS_STORAGE_CONF", site.root() + "/storage.conf"}};
}

/// Podman keeps its storage mounted, and what cleans up after a container mounts it once more.
inline void release_storage(const Site& site) {
  const std::string script = "for i in $(seq 100); do pgrep -f '[-]-root " + site.root() +
                             "/graph' >/dev/null || break; sleep 0.1; done; umount " + site.root() +
                             "/graph/overlay 2>/dev/null; true";
  (void)run_as(As::root, {"sh", "-c", script}, {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}}, "/",
               "");
}

inline bool engines_installed() {
  return ::access("/usr/sbin/dockerd", X_OK) == 0 && ::access("/usr/bin/podman", X_OK) == 0;
}

}  // namespace berm::test
