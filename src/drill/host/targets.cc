#include "drill/host/targets.h"

#include <dirent.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"
#include "drill/acts/act.h"
#include "sys/fd.h"
#include "workspace/git.h"

namespace berm::drill {
namespace {

constexpr std::string_view kCanaries[] = {
    ".ssh/id_ed25519",  ".aws/credentials",    ".netrc",       ".config/gh/hosts.yml",
    ".npmrc",           ".docker/config.json", ".kube/config", ".claude/.credentials.json",
    ".git-credentials", ".bash_history"};

// Fifteen bytes are what a process's name may have (prctl(2), PR_SET_NAME).
Result<std::string> random_token() {
  unsigned char bytes[4];
  if (::getrandom(bytes, sizeof bytes, 0) != sizeof bytes) return os_error("draw random bytes");
  return "drill-" + to_hex(bytes);
}

Result<void> put_file(const std::string& path, const std::string& content, unsigned mode) {
  BERM_TRY(make_directories(path.substr(0, path.rfind('/')), 0755));
  return write_file(path, content, mode);
}

Result<UniqueFd> listener(int family, const void* address, std::size_t length) {
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd ||
      ::bind(fd.get(), static_cast<const sockaddr*>(address), static_cast<socklen_t>(length)) !=
          0 ||
      ::listen(fd.get(), 64) != 0) {
    return os_error("open a socket for the drill");
  }
  return fd;
}

// A process to signal and to trace. It ends with the drill, however that ends.
Result<ChildProcess> idle_process() {
  const pid_t pid = ::fork();
  if (pid < 0) return os_error("start a process for the drill");
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) ::pause();
  }
  return ChildProcess::adopt(pid);
}

}  // namespace

Targets::Targets(Targets&& other) noexcept
    : root_(std::exchange(other.root_, "")),
      token_(other.token_),
      abstract_(other.abstract_),
      unix_(std::move(other.unix_)),
      hidden_(std::move(other.hidden_)),
      tcp_(std::move(other.tcp_)),
      port_(other.port_),
      process_(std::move(other.process_)) {}

Targets::~Targets() {
  if (root_.empty()) return;
  clean();
  (void)remove_tree(root_);
}

Result<void> Targets::lay() {
  const std::string repository = at("repo");
  for (const char* name : {"repo", "home", "state", "cache", "bin"}) {
    BERM_TRY(make_directories(at(name), 0755));
  }
  for (const std::string_view name : kCanaries) {
    BERM_TRY(put_file(at("home/" + std::string(name)), token_ + "\n", 0644));
  }
  BERM_TRY(put_file(at("host-secret"), token_ + "\n", 0666));
  const GitInvocation git{.directory = repository};
  BERM_TRY(git_output(git, {"init", "-q", "-b", "main"}));
  BERM_TRY(put_file(repository + "/README.md", "a repository for hostile acts\n", 0644));
  BERM_TRY(put_file(repository + "/.gitignore", ".env\n*.pem\nberm-drill\n", 0644));
  BERM_TRY(git_output(git, {"add", "-A"}));
  BERM_TRY(git_output(git, {"-c", "user.name=drill", "-c", "user.email=drill@example.com", "commit",
                            "-q", "-m", "initial"}));
  BERM_TRY(put_file(repository + "/.env", "TOKEN=" + token_ + "\n", 0644));
  return put_file(repository + "/deep/er/server.pem", token_ + "\n", 0644);
}

Result<void> Targets::listen() {
  sockaddr_un named{};
  named.sun_family = AF_UNIX;
  const std::string path = at("daemon.sock");
  path.copy(named.sun_path, sizeof named.sun_path - 1);
  unix_ = BERM_TRY(listener(AF_UNIX, &named, sizeof named));
  ::chmod(path.c_str(), 0666);
  sockaddr_un hidden{};
  hidden.sun_family = AF_UNIX;
  abstract_ = "berm-" + token_;
  abstract_.copy(hidden.sun_path + 1, sizeof hidden.sun_path - 2);
  hidden_ =
      BERM_TRY(listener(AF_UNIX, &hidden, offsetof(sockaddr_un, sun_path) + 1 + abstract_.size()));
  sockaddr_in loopback{};
  loopback.sin_family = AF_INET;
  loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  tcp_ = BERM_TRY(listener(AF_INET, &loopback, sizeof loopback));
  socklen_t length = sizeof loopback;
  if (::getsockname(tcp_.get(), reinterpret_cast<sockaddr*>(&loopback), &length) != 0) {
    return os_error("ask for the drill's port");
  }
  port_ = ntohs(loopback.sin_port);
  return {};
}

Result<Targets> Targets::make() {
  Targets out;
  std::string pattern = "/var/tmp/berm-drill-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) {
    tl::unexpected<Error> error = os_error("make a directory for the drill in /var/tmp");
    error.value().fix =
        "the drill lays its targets there: give this host, or container, a writable /var/tmp";
    return error;
  }
  out.root_ = pattern;
  // Passable: a run that root starts has a user of its own.
  ::chmod(pattern.c_str(), 0711);
  out.token_ = BERM_TRY(random_token());
  BERM_TRY(out.lay());
  BERM_TRY(out.listen());
  out.process_ = BERM_TRY(idle_process());
  return out;
}

std::vector<std::string> Targets::variables(const std::string& record,
                                            unsigned long processes) const {
  return {"BERM_DRILL_ROOT=" + root_,
          "BERM_DRILL_TOKEN=" + token_,
          "BERM_DRILL_MARKER=" + at("host-secret"),
          "BERM_DRILL_SOCKET=" + at("daemon.sock"),
          "BERM_DRILL_ABSTRACT=" + abstract_,
          fmt::format("BERM_DRILL_PORT={}", port_),
          fmt::format("BERM_DRILL_PID={}", process_.pid()),
          "BERM_DRILL_RECORD=" + record,
          fmt::format("BERM_DRILL_PROCESSES={}", processes)};
}

bool Targets::has(const char* path) const {
  if (path[0] == '\0') return !survivors().empty();
  if (path[0] == '/') return ::access((path + token_).c_str(), F_OK) == 0;
  const Result<std::string> text = read_plain_file(at(path));
  return text && text->find(token_) != std::string::npos &&
         // What the drill itself laid holds the token once, and a line's end after it.
         !(text->size() == token_.size() + 1 && text->back() == '\n');
}

std::vector<pid_t> Targets::survivors() const {
  std::vector<pid_t> out;
  DIR* proc = ::opendir("/proc");
  if (proc == nullptr) return out;
  while (const dirent* entry = ::readdir(proc)) {
    const int pid = ::atoi(entry->d_name);
    if (pid <= 0) continue;
    // Its third field is the state: what is dead already only waits for its parent.
    const std::string stat = read_plain_file(fmt::format("/proc/{}/stat", pid)).value_or("");
    const std::size_t name = stat.find("(" + token_ + ") ");
    if (name == std::string::npos) continue;
    const char state = stat[name + token_.size() + 3];
    if (state != 'Z' && state != 'X') out.push_back(pid);
  }
  ::closedir(proc);
  return out;
}

void Targets::clean() const {
  for (const pid_t pid : survivors()) ::kill(pid, SIGKILL);
  for (const Act& act : persistence_acts()) {
    if (act.path[0] == '/') (void)::unlink((act.path + token_).c_str());
  }
}

}  // namespace berm::drill
