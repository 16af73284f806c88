#include "harness.h"

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace berm::test {
namespace {

namespace fs = std::filesystem;

std::vector<char*> c_strings(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (const std::string& text : strings) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

void collect(int fd, bool& open, std::string& into, short revents) {
  if (revents == 0) return;
  std::array<char, 65536> buffer{};
  const ssize_t got = ::read(fd, buffer.data(), buffer.size());
  if (got > 0) into.append(buffer.data(), static_cast<std::size_t>(got));
  if (got == 0 || (got < 0 && errno != EINTR)) open = false;
}

}  // namespace

std::vector<std::string> in_tier(std::vector<std::string> argv) {
  const char* tier = std::getenv("BERM_TEST_TIER");
  for (std::size_t i = 0; tier != nullptr && i + 1 < argv.size(); ++i) {
    if (argv[i].ends_with("/berm") && argv[i + 1] == "run") {
      const auto at = argv.begin() + static_cast<std::ptrdiff_t>(i) + 2;
      argv.insert(at, {"--tier", tier});
      if (std::string_view(tier) == "microvm") argv.emplace(argv.begin() + 2, "--emulate");
      break;
    }
  }
  return argv;
}

Finished run_as(As as, const std::vector<std::string>& given,
                const std::map<std::string, std::string>& env, const std::string& directory,
                const std::string& input) {
  const std::vector<std::string> argv = in_tier(given);
  std::vector<std::string> assignments;
  for (const auto& [name, value] : env) assignments.push_back(name + "=" + value);
  const std::vector<char*> words = c_strings(argv);
  const std::vector<char*> variables = c_strings(assignments);
  int in[2], out[2], err[2];
  if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0) {
    std::abort();
  }
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(in[0], 0);
    ::dup2(out[1], 1);
    ::dup2(err[1], 2);
    if (as == As::user && ::geteuid() == 0) {
      if (::setgroups(0, nullptr) != 0 || ::setresgid(kUserId, kUserId, kUserId) != 0 ||
          ::setresuid(kUserId, kUserId, kUserId) != 0) {
        ::_exit(98);
      }
    }
    if (!directory.empty() && ::chdir(directory.c_str()) != 0) ::_exit(99);
    ::execvpe(words[0], words.data(), variables.data());
    ::_exit(127);
  }
  for (const int fd : {in[0], out[1], err[1]}) ::close(fd);
  Finished finished;
  std::string_view pending = input;
  bool out_open = true;
  bool err_open = true;
  ::signal(SIGPIPE, SIG_IGN);
  if (pending.empty()) ::close(in[1]);
  while (out_open || err_open) {
    pollfd fds[3] = {{out_open ? out[0] : -1, POLLIN, 0},
                     {err_open ? err[0] : -1, POLLIN, 0},
                     {pending.empty() ? -1 : in[1], POLLOUT, 0}};
    if (::poll(fds, 3, 120000) <= 0) {
      ADD_FAILURE() << "no output for two minutes: " << argv[0];
      ::kill(pid, SIGKILL);
      break;
    }
    if (fds[2].revents != 0) {
      const ssize_t wrote =
          ::write(in[1], pending.data(), std::min<std::size_t>(pending.size(), 4096));
      if (wrote > 0) pending.remove_prefix(static_cast<std::size_t>(wrote));
      if (wrote < 0 || pending.empty()) {
        pending = {};
        ::close(in[1]);
      }
    }
    collect(out[0], out_open, finished.out, fds[0].revents);
    collect(err[0], err_open, finished.err, fds[1].revents);
  }
  ::close(out[0]);
  ::close(err[0]);
  int status = 0;
  ::waitpid(pid, &status, 0);
  finished.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return finished;
}

std::vector<As> identities() {
  if (::geteuid() == 0) return {As::root, As::user};
  return {As::user};
}

std::string name_of(As as) { return as == As::root ? "root" : "user"; }

Site::Site(As as) : as_(as) {
  std::string pattern = "/var/tmp/berm-test-XXXXXX";
  root_ = ::mkdtemp(pattern.data());
  repository_ = root_ + "/repo";
  ::chmod(root_.c_str(), 0755);
  for (const char* name : {"/bin", "/repo", "/state", "/home", "/cache"}) {
    fs::create_directories(root_ + name);
  }
  // Copies, so that an ordinary user reaches them wherever the build lies.
  for (const char* name : {"berm", "berm-init", "deny-syscall"}) {
    const std::string from = std::string(BERM_BINARY_DIR) + "/" + name;
    if (fs::exists(from)) fs::copy_file(from, root_ + "/bin/" + name);
  }
  // The kernel of the microvm tier, which a test before built.
  if (const char* machine = std::getenv("BERM_TEST_MACHINE")) {
    fs::create_directories(root_ + "/cache/berm");
    fs::copy(machine, root_ + "/cache/berm/microvm", fs::copy_options::recursive);
  }
  if (as == As::user && ::geteuid() == 0) {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root_ + "/cache")) {
      if (::lchown(entry.path().c_str(), kUserId, kUserId) != 0) ADD_FAILURE() << "chown";
    }
    for (const char* name : {"", "/repo", "/state", "/home", "/cache"}) {
      if (::chown((root_ + name).c_str(), kUserId, kUserId) != 0) ADD_FAILURE() << "chown";
    }
  }
  shell(
      "git init -q -b main . && git config user.name Tester && git config user.email "
      "tester@example.com && mkdir src && printf 'int main(void) { return 0; }\\n' > src/main.c && "
      "printf 'hello\\n' > README.md && printf 'build/\\n*.log\\n' > .gitignore && git add . && "
      "git commit -qm initial");
}

// Every record of the suites is evidence for the schema of events: record-schema reads them.
void Site::keep_records() const {
  const fs::path kept = fs::path(BERM_BINARY_DIR) / "records";
  std::error_code ignored;
  fs::create_directories(kept, ignored);
  for (const fs::directory_entry& run :
       fs::directory_iterator(root_ + "/state/berm/runs", ignored)) {
    const std::string name = run.path().filename().string() + ".jsonl";
    fs::copy_file(run.path() / "record.jsonl", kept / name, ignored);
  }
}

Site::~Site() {
  keep_records();
  std::error_code ignored;
  // Runs leave directories without rights behind (overlay work directories).
  for (auto it = fs::recursive_directory_iterator(
           root_, fs::directory_options::skip_permission_denied, ignored);
       it != fs::recursive_directory_iterator(); it.increment(ignored)) {
    if (ignored) break;
    if (it->is_directory(ignored) && !it->is_symlink(ignored)) {
      fs::permissions(it->path(), fs::perms::owner_all, fs::perm_options::add, ignored);
    }
  }
  fs::remove_all(root_, ignored);
}

std::map<std::string, std::string> Site::environment() const {
  return {{"PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"},
          {"HOME", root_ + "/home"},
          {"XDG_STATE_HOME", root_ + "/state"},
          {"XDG_CACHE_HOME", root_ + "/cache"},
          {"LANG", "C.UTF-8"}};
}

Finished Site::berm(const std::vector<std::string>& arguments) const {
  return berm(Invocation{.arguments = arguments});
}

Finished Site::berm(const Invocation& invocation) const {
  std::vector<std::string> argv = {program()};
  argv.insert(argv.end(), invocation.arguments.begin(), invocation.arguments.end());
  std::map<std::string, std::string> env = environment();
  for (const auto& [name, value] : invocation.env) env[name] = value;
  return run_as(as_, argv, env, invocation.directory.empty() ? repository_ : invocation.directory,
                invocation.input);
}

Finished Site::berm_on(const std::string& preparation, const std::vector<std::string>& arguments,
                       const std::string& directory) const {
  std::string script = "set -e; " + preparation + "\ncd " +
                       (directory.empty() ? repository_ : directory) + "\nexec ";
  if (as_ == As::user) {
    script += "setpriv --reuid " + std::to_string(kUserId) + " --regid " + std::to_string(kUserId) +
              " --clear-groups ";
  }
  std::vector<std::string> argv = {"unshare", "--mount", "sh", "-c", script + "\"$0\" \"$@\"",
                                   program()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return run_as(As::root, argv, environment(), root_, "");
}

Finished Site::command(const std::vector<std::string>& argv) const {
  return run_as(as_, argv, environment(), repository_, "");
}

std::string Site::shell(const std::string& script) const {
  const Finished finished = command({"sh", "-c", script});
  EXPECT_EQ(finished.code, 0) << script << "\n" << finished.err;
  return finished.out;
}

nlohmann::json Site::run_script(const std::string& script,
                                const std::vector<std::string>& options) const {
  std::vector<std::string> arguments = {"run", "--json"};
  const bool own_policy = has("berm.toml") ||
                          std::ranges::find(options, "--policy") != options.end() ||
                          std::ranges::find(options, "--policy-from-worktree") != options.end();
  if (!own_policy) {
    // The packs would refuse to start what the layers below are to be tested with.
    std::ofstream(root_ + "/no-packs.toml") << "version = 1\n[tools]\npacks = []\n";
    arguments.insert(arguments.end(), {"--policy", root_ + "/no-packs.toml"});
  }
  arguments.insert(arguments.end(), options.begin(), options.end());
  arguments.insert(arguments.end(), {"--", "sh", "-c", script});
  const Finished finished = berm(arguments);
  nlohmann::json report = finished.json();
  EXPECT_TRUE(report.is_object()) << finished.out << finished.err;
  if (!report.is_object()) return nlohmann::json::object();
  report["stderr"] = finished.err;
  report["code"] = finished.code;
  return report;
}

void Site::write(const std::string& relative, const std::string& text) const {
  const std::string path = repository_ + "/" + relative;
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
  if (as_ == As::user && ::geteuid() == 0) {
    for (fs::path at = path; at.string().size() > repository_.size(); at = at.parent_path()) {
      if (::lchown(at.c_str(), kUserId, kUserId) != 0) ADD_FAILURE() << "chown " << at;
    }
  }
}

std::string Site::read(const std::string& relative) const {
  std::ifstream file(repository_ + "/" + relative, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

bool Site::has(const std::string& relative) const {
  return fs::exists(fs::symlink_status(repository_ + "/" + relative));
}

}  // namespace berm::test
