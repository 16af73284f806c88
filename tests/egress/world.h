// tests/egress/world.h: the host and the world behind it, in namespaces of the test's own.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "harness.h"

namespace berm::test {

inline const std::string kEgressSources = std::string(BERM_SOURCE_DIR) + "/tests/egress";

/// The host and the world behind it (tests/egress/world).
class World {
 public:
  /// @param services  a program of the world's own, see tests/egress/world
  explicit World(const std::string& services = "") : directory_(make_directory()) {
    int in[2];
    int out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) return;
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(in[0], 0);
      ::dup2(out[1], 1);
      const std::string program = kEgressSources + "/world";
      ::execl(program.c_str(), program.c_str(), directory_.c_str(), services.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    hold_ = in[1];
    std::string line;
    for (char c = 0; ::read(out[0], &c, 1) == 1 && c != '\n';) line += c;
    ::close(out[0]);
    if (line.starts_with("READY ")) host_ = line.substr(6);
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World() {
    ::close(hold_);
    ::waitpid(pid_, nullptr, 0);
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  [[nodiscard]] bool works() const { return !host_.empty(); }
  [[nodiscard]] const std::string& directory() const { return directory_; }

  /// A program on the host of this world, as the site's user.
  [[nodiscard]] Finished on_host(const Site& site, const std::vector<std::string>& argv,
                                 const std::map<std::string, std::string>& extra = {}) const {
    return run_as(As::root, entering(site, argv), environment(site, extra), site.root(), "");
  }

  /// What on_host() executes, for who starts it himself.
  [[nodiscard]] std::vector<std::string> entering(const Site& site,
                                                  const std::vector<std::string>& argv) const {
    std::vector<std::string> all = {"nsenter", "--mount=/proc/" + host_ + "/ns/mnt",
                                    "--net=/proc/" + host_ + "/ns/net",
                                    "--wd=" + site.repository()};
    if (site.as() == As::user) {
      const std::string id = std::to_string(kUserId);
      all.insert(all.end(), {"setpriv", "--reuid", id, "--regid", id, "--clear-groups"});
    }
    all.insert(all.end(), argv.begin(), argv.end());
    return all;
  }
  [[nodiscard]] std::map<std::string, std::string> environment(
      const Site& site, const std::map<std::string, std::string>& extra = {}) const {
    std::map<std::string, std::string> env = site.environment();
    env["SSL_CERT_FILE"] = directory_ + "/ca.pem";
    for (const auto& [name, value] : extra) env[name] = value;
    return env;
  }

  /// What one of its files says: the log of what arrived, or of a service.
  [[nodiscard]] std::string log(const std::string& name = "log") const {
    std::ifstream file(directory_ + "/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  static std::string make_directory() {
    std::string name = "/var/tmp/berm-world-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) return "";
    ::chmod(name.c_str(), 0755);
    return name;
  }
  std::string directory_;
  pid_t pid_ = -1;
  int hold_ = -1;
  std::string host_;
};

}  // namespace berm::test
