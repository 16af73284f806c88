#include "supervise/notifications.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <system_error>

#include "sys/process_memory.h"

namespace berm {
namespace {

constexpr int kMostInterpreters = 5;  // as the kernel (exec_binprm)
constexpr std::uint64_t kDigestedAtOnce = 1 << 20;
constexpr std::int64_t kSettled = 2'000'000'000;

bool is_exec(const seccomp_notif& notification) {
  return notification.data.nr == SYS_execve || notification.data.nr == SYS_execveat;
}

// An object may be known by its numbers if every change of its content changes them: not in a tmpfs
// that can be written (stores through a mapping leave no trace), not when it changed within the
// clock's grain of now.
bool can_be_known(int fd, const ObjectId& id) {
  struct statfs file_system {};
  if (::fstatfs(fd, &file_system) != 0) return false;
  if ((file_system.f_flags & ST_RDONLY) != 0) return true;
  if (file_system.f_type == TMPFS_MAGIC) return false;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec - id.changed_ns > kSettled;
}

// "#!/usr/bin/env -S node\n": what the kernel makes of a script's first line (binfmt_script).
struct Shebang {
  std::string interpreter;
  std::string argument;  ///< one, whatever blanks it holds; "" = none
};

Shebang parse_shebang(std::string_view line) {
  const auto trimmed = [](std::string_view text) {
    const std::size_t from = text.find_first_not_of(" \t");
    if (from == std::string_view::npos) return std::string_view();
    return text.substr(from, text.find_last_not_of(" \t") - from + 1);
  };
  line = trimmed(line);
  const std::size_t blank = line.find_first_of(" \t");
  if (blank == std::string_view::npos) return {std::string(line), ""};
  return {std::string(line.substr(0, blank)), std::string(trimmed(line.substr(blank)))};
}

}  // namespace

Result<void> NotificationWatch::start(UniqueFd notifications, pid_t init, Decide decide,
                                      const KnownSecrets* known, std::optional<Shared> shared) {
  BERM_TRY(attempts_.start());
  shared_ = std::move(shared);
  // Without a mount namespace its root is ours, and berm-init lets nobody look into it.
  root_ = BERM_TRY(RunRoot::open(shared_ ? ::getpid() : init));
  if (shared_) {
    descriptors_.emplace();
    paths_.emplace(shared_->places.directories, *descriptors_);
    connections_.emplace(shared_->places, shared_->token, *descriptors_);
  }
  stop_ = UniqueFd(::eventfd(0, EFD_CLOEXEC));
  if (!stop_) return os_error("watch connections and programs");
  BERM_TRY(execs_.start(known));
  // SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (Linux 6.6) is left alone: it answers a lone program faster,
  // but moves two jobs onto one processor, and `make -j2` then takes a tenth longer.
  notifications_ = std::move(notifications);
  decide_ = std::move(decide);
  try {
    thread_ = std::thread([this] { work(); });
  } catch (const std::system_error& error) {
    return os_error("start the thread that watches connections", error.code().value());
  }
  return {};
}

NotificationWatch::~NotificationWatch() { stop(std::chrono::milliseconds(0)); }

void NotificationWatch::stop(std::chrono::milliseconds grace) {
  if (thread_.joinable()) {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t told = ::write(stop_.get(), &one, sizeof one);
    execs_.close();
    thread_.join();
  }
  notifications_.reset();
  execs_.end(grace);
  root_ = RunRoot();
}

// Whatever ends the thread but stop() and the end of the run: closing the descriptor makes every
// call that waits or comes fail with ENOSYS. Fail closed, and say so.
void NotificationWatch::work() {
  try {
    if (take_identity() && serve()) return;
  } catch (...) {  // the rules' code is not ours, and memory may be short
  }
  notifications_.reset();
  lost_ = true;
  execs_.wake();
}

// setresuid(2) itself changes the calling thread alone; it is glibc that changes all of them.
bool NotificationWatch::take_identity() const {
  if (!shared_ || !shared_->identity) return true;
  const auto& [uid, gid] = *shared_->identity;
  return ::syscall(SYS_setgroups, 0, nullptr) == 0 &&
         ::syscall(SYS_setresgid, gid, gid, gid) == 0 &&
         ::syscall(SYS_setresuid, uid, uid, uid) == 0;
}

// True at the end that is meant: stop(), or nobody is left who could notify.
bool NotificationWatch::serve() {
  while (execs_.await_room()) {
    pollfd fds[2] = {{notifications_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    if (::poll(fds, 2, -1) < 0) continue;
    if (fds[1].revents != 0 || (fds[0].revents & (POLLHUP | POLLERR)) != 0) return true;
    seccomp_notif notification{};
    if (::ioctl(notifications_.get(), SECCOMP_IOCTL_NOTIF_RECV, &notification) != 0) {
      if (errno == ENOENT || errno == EINTR) continue;  // it was killed meanwhile
      return false;
    }
    if (is_exec(notification)) {
      on_exec(notification);
    } else if (PathBroker::handles(notification.data.nr)) {
      on_path_call(notification);
    } else if (descriptors_ && notification.data.nr == SYS_socket) {
      on_socket(notification);
    } else if (connections_) {
      on_socket_call(notification);
    } else {
      on_connect(notification);
    }
  }
  return true;
}

// False: nobody waits for it any more.
bool NotificationWatch::answer(const seccomp_notif& notification, int error) const {
  seccomp_notif_resp answer{};
  answer.id = notification.id;
  answer.error = -error;
  if (error == 0) answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  return ::ioctl(notifications_.get(), SECCOMP_IOCTL_NOTIF_SEND, &answer) == 0;
}

void NotificationWatch::on_connect(const seccomp_notif& notification) {
  Attempt attempt;
  const bool meant = read_attempt(notification, attempt);
  // The pid may be somebody else's by now: then nobody waits, and what was read is nobody's.
  if (answer(notification, 0) && meant) attempts_.add(attempt);
}

void NotificationWatch::on_socket(const seccomp_notif& notification) {
  const RunDescriptors::Made made = descriptors_->make_socket(notification, notifications_.get());
  if (made.by_caller) {
    answer(notification, 0);
  } else if (made.error != 0) {
    give(notification, made.error, 0);
  }
}

void NotificationWatch::on_socket_call(const seccomp_notif& notification) {
  Attempt attempt;
  const bool meant = notification.data.nr == SYS_connect && read_attempt(notification, attempt);
  const int error =
      connections_->serve(notification, root_, [&] { return still_waits(notification); });
  if (give(notification, error, 0) && meant) attempts_.add(attempt);
}

void NotificationWatch::on_path_call(const seccomp_notif& notification) {
  const PathBroker::Answer made =
      paths_->serve(notification, root_, [&] { return still_waits(notification); });
  give(notification, made.error, made.value);
}

// Nobody else has its number: what was read is of who asked.
bool NotificationWatch::still_waits(const seccomp_notif& notification) const {
  std::uint64_t id = notification.id;
  return ::ioctl(notifications_.get(), SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

// The call was made here; the kernel does not go on with it.
bool NotificationWatch::give(const seccomp_notif& notification, int error, long value) const {
  seccomp_notif_resp answer{};
  answer.id = notification.id;
  answer.error = -error;
  answer.val = value;
  return ::ioctl(notifications_.get(), SECCOMP_IOCTL_NOTIF_SEND, &answer) == 0;
}

void NotificationWatch::on_exec(const seccomp_notif& notification) {
  const SeenProcess process(static_cast<pid_t>(notification.pid));
  SeenExec seen;
  seen.pid = process.tid();
  int error = look(notification, process, seen);
  // Before the answer: a short program is gone, and its parent too, before we could ask.
  const SeenProcess::Numbers numbers = process.numbers();
  if (error == 0) {
    error = judge(process, seen);
  } else if (error == EPERM) {
    seen.decision = {.action = ToolAction::deny,
                     .rule = "exec",
                     .reason = "the process hides its memory: what it starts cannot be seen"};
    seen.denied = true;
  }
  // It was killed meanwhile, and what was read may be another's: nothing was started.
  if (!answer(notification, error)) return;
  // A name that leads nowhere (one more directory of PATH) starts nothing: the answer was ours.
  if (error != 0 && !seen.denied) return;
  if (numbers.pid != 0) seen.pid = numbers.pid;
  seen.parent = numbers.parent;
  execs_.add(std::move(seen));
}

// Everything that is known of the call, as far as it could be read. Returns the errno that the
// caller gets if it may not go on: never a "go on and see", because what we cannot read, the kernel
// may (memfd_secret(2) hides memory from us alone).
int NotificationWatch::look(const seccomp_notif& notification, const SeenProcess& process,
                            SeenExec& seen) {
  const auto& args = notification.data.args;
  const bool at = notification.data.nr == SYS_execveat;
  ProgramCall call;
  const int unread = read_program_call(process.tid(), args[at ? 1 : 0], args[at ? 2 : 1], {}, call);
  if (unread != 0) return unread;
  const bool itself = at && call.path.empty() && (args[4] & AT_EMPTY_PATH) != 0;
  if (call.path.empty() && !itself) return ENOENT;
  UniqueFd object;
  const int base = at ? static_cast<int>(args[0]) : AT_FDCWD;
  const int unresolved = root_.resolve(process, base, call.path, object);
  if (unresolved != 0) return unresolved;
  struct stat status {};
  if (::fstat(object.get(), &status) != 0) return errno;
  if (!S_ISREG(status.st_mode)) return EACCES;
  seen.id = id_of(status);
  seen.call = {.executable = path_of(object.get()),
               .argv = std::move(call.argv),
               .cwd = process.cwd(),
               .complete = call.whole};
  seen.last_cut = call.last_cut;
  seen.remember = can_be_known(object.get(), *seen.id);
  seen.object = std::move(object);
  if (!seen.remember) return 0;
  const std::optional<ObjectContent> known = execs_.content(*seen.id);
  if (known && !known->sha256.empty()) seen.sha256 = known->sha256;
  return 0;
}

// The rest of the first line after "#!"; "" if it is no script.
int NotificationWatch::interpreter_of(const UniqueFd& object, const std::optional<ObjectId>& id,
                                      std::string& line) {
  if (id) {
    const std::optional<ObjectContent> known = execs_.content(*id);
    if (known && known->interpreter) {
      line = *known->interpreter;
      return 0;
    }
  }
  const std::string path = fmt::format("/proc/self/fd/{}", object.get());
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  std::array<char, 256> head{};  // BINPRM_BUF_SIZE
  const ssize_t got = file ? ::pread(file.get(), head.data(), head.size(), 0) : -1;
  if (got < 0) return EACCES;
  const std::string_view text(head.data(), static_cast<std::size_t>(got));
  line.clear();
  if (text.starts_with("#!"))
    line = text.substr(2, text.find_first_of(std::string_view("\n\0", 2)) - 2);
  if (id) execs_.note_interpreter(*id, line);
  return 0;
}

int NotificationWatch::judge(const SeenProcess& process, SeenExec& seen) {
  ExecCall call = seen.call;
  UniqueFd opened;
  const UniqueFd* object = &seen.object;
  std::optional<ObjectId> id = seen.remember ? seen.id : std::nullopt;
  std::string script = seen.call.executable;
  for (int depth = 0; depth <= kMostInterpreters; ++depth) {
    if (decide_) {
      ToolDecision decision = decide_(call);
      // Nobody can be asked while a process waits in execve(2).
      seen.denied = decision.action == ToolAction::deny || decision.action == ToolAction::ask;
      if (depth == 0 || seen.denied) seen.decision = std::move(decision);
      if (seen.denied) break;
    }
    std::string line;
    if (interpreter_of(*object, id, line) != 0) {
      // It may be executed but not read: an interpreter in it would be started unseen.
      seen.decision = {.action = ToolAction::deny,
                       .rule = "exec",
                       .reason = "the program cannot be read, so what it starts is unknown"};
      seen.denied = true;
      break;
    }
    const Shebang shebang = parse_shebang(line);
    if (shebang.interpreter.empty()) break;
    UniqueFd next;
    const int unresolved = root_.resolve(process, AT_FDCWD, shebang.interpreter, next);
    if (unresolved != 0) return unresolved;
    // argv as binfmt_script makes it: interpreter, its argument, the script, the rest.
    std::vector<std::string> argv = {shebang.interpreter};
    if (!shebang.argument.empty()) argv.push_back(shebang.argument);
    argv.push_back(script);
    if (call.argv.size() > 1) argv.insert(argv.end(), call.argv.begin() + 1, call.argv.end());
    call.executable = path_of(next.get());
    call.argv = std::move(argv);
    script = shebang.interpreter;
    seen.interpreters.push_back(call.executable);
    struct stat status {};
    if (::fstat(next.get(), &status) != 0 || !S_ISREG(status.st_mode)) break;
    const ObjectId next_id = id_of(status);
    id = can_be_known(next.get(), next_id) ? std::optional(next_id) : std::nullopt;
    opened = std::move(next);
    object = &opened;
  }
  // What was written a moment ago may be written again a moment later: read it while its process
  // waits. What is larger is read behind its back, and said to have changed if it has.
  if (!seen.remember && seen.id->size <= kDigestedAtOnce) digest(seen, [] { return false; });
  if (!seen.sha256.empty() || !seen.undigested.empty()) seen.object.reset();
  return seen.denied ? EPERM : 0;
}

std::vector<nlohmann::json> NotificationWatch::take_attempts() { return attempts_.take(); }

}  // namespace berm
