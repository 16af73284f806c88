#include "tiers/container/launch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "host/engines.h"
#include "tiers/container/engine_errors.h"
#include "tiers/container/stage.h"

namespace berm {
namespace {

constexpr std::chrono::milliseconds kStarts{60000};
constexpr std::chrono::milliseconds kRemoves{30000};
constexpr int kConnectsMs = 10000;  // after the engine said that it runs
constexpr int kEndsMs = 20000;

Result<CommandResult> ask_engine(std::vector<std::string> argv,
                                 std::chrono::milliseconds deadline) {
  return run_command({.argv = std::move(argv),
                      .env = client_environment(),
                      .directory = "/",
                      .input = "",
                      .output_limit = 1 << 20,
                      .deadline = deadline});
}

bool becomes_readable(int fd, int deadline_ms) {
  pollfd waiting{fd, POLLIN, 0};
  int ready = -1;
  do {
    ready = ::poll(&waiting, 1, deadline_ms);
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

Result<void> send_handover(int control, const std::vector<int>& fds) {
  wire::Message message{wire::MessageKind::handover, wire::Step::read_program,
                        static_cast<std::int32_t>(fds.size()), 0};
  iovec part{&message, sizeof message};
  alignas(cmsghdr) char space[CMSG_SPACE(sizeof(int) * wire::kHandoverFds)] = {};
  const std::size_t size = fds.size() * sizeof(int);
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = space;
  header.msg_controllen = CMSG_SPACE(size);
  cmsghdr* rights = CMSG_FIRSTHDR(&header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(size);
  std::memcpy(CMSG_DATA(rights), fds.data(), size);
  if (::sendmsg(control, &header, MSG_NOSIGNAL) == sizeof message) return {};
  return os_error("hand the program to berm-init in the container");
}

}  // namespace

Result<std::unique_ptr<Sandbox>> ContainerSandbox::start(const Plan& plan, ChildStreams streams,
                                                         const RunCgroup&) {
  auto made = std::make_unique<ContainerSandbox>();
  ContainerSandbox& sandbox = *made;
  sandbox.steps_ = contained_steps(plan);
  sandbox.container_ = *plan.container;
  const StageSockets sockets = BERM_TRY(in_context("preparing the container", make_stage(plan)));
  const UniqueFd program =
      BERM_TRY(sealed_memory("berm-program", encode(plan, sandbox.steps_, false, {}).bytes));
  // From here on one may be there, whatever the client says.
  sandbox.name_ = container_name(plan);
  std::vector<std::string> argv = BERM_TRY(run_arguments(plan, look_at_host(plan)));
  const CommandResult started =
      BERM_TRY(in_context("starting the container", ask_engine(std::move(argv), kStarts)));
  if (started.code != 0) {
    return tl::unexpected(explain_engine_error(*plan.container, started.errors));
  }
  BERM_TRY(sandbox.accept_init(plan, sockets.control));
  std::vector<int> fds = {streams.in.get(), streams.out.get(), streams.err.get(), program.get()};
  if (sockets.tools) fds.push_back(sockets.tools.get());
  BERM_TRY(send_handover(sandbox.control_.get(), fds));
  // Nobody else can connect any more.
  ::unlink(staged(plan, "control.sock").c_str());
  return made;
}

Result<void> ContainerSandbox::accept_init(const Plan& plan, const UniqueFd& listener) {
  const std::string_view kFix =
      "the engine must run on this machine and see the run's directory; or use --tier namespace";
  if (!becomes_readable(listener.get(), kConnectsMs)) {
    return failure(Errc::unsupported, "hear from berm-init in the container", std::string(kFix));
  }
  control_ = UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  ucred peer{};
  socklen_t size = sizeof peer;
  if (!control_ || ::getsockopt(control_.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return os_error("accept berm-init's connection");
  }
  // 0: a process of another process id namespace than ours.
  if (peer.pid <= 0 || peer.uid != plan.identity.host_uid) {
    return failure(Errc::unsupported, "recognise berm-init in the container", std::string(kFix));
  }
  pid_ = peer.pid;
  init_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (!init_) return os_error("watch berm-init in the container");
  return {};
}

void ContainerSandbox::kill() {
  const bool signalled =
      init_ && ::syscall(SYS_pidfd_send_signal, init_.get(), SIGKILL, nullptr, 0) == 0;
  if (!signalled) remove();
}

Result<ChildProcess::Ended> ContainerSandbox::wait() {
  if (init_ && !becomes_readable(init_.get(), kEndsMs)) {
    remove();
    if (!becomes_readable(init_.get(), kEndsMs)) {
      return failure(Errc::kernel, "wait for the end of the container");
    }
  }
  // --rm: the engine removes it, a moment later, or at its next start if it is gone meanwhile. To
  // ask for what happens anyway would be a tenth of a short run.
  name_.clear();
  return ChildProcess::Ended{};
}

void ContainerSandbox::remove() {
  if (name_.empty()) return;
  std::vector<std::string> argv = client_arguments(container_);
  for (const char* word : {"rm", "--force", "--volumes"}) argv.emplace_back(word);
  argv.push_back(std::exchange(name_, ""));
  (void)ask_engine(std::move(argv), kRemoves);
}

ContainerSandbox::~ContainerSandbox() {
  if (name_.empty()) return;
  kill();
  remove();
}

Error ContainerSandbox::explain(const wire::Message& message) const {
  Error error{.code = Errc::kernel,
              .what = describe(message.step, message.detail, steps_),
              .os_errno = message.value};
  using wire::Step;
  if (message.step == Step::exec) {
    error.code = Errc::usage;
    error.fix = message.value == ENOENT
                    ? "the command is looked up inside the container: its image, or --read, must "
                      "have it"
                    : "check that the file is executable and its interpreter is visible inside";
  } else if (message.step >= Step::self_check_read && message.step <= Step::self_check_unshare) {
    error.code = Errc::denied;
    error.os_errno = 0;
    error.fix = "a layer that should hold does not: run 'berm doctor' and report this engine";
  } else if (message.step == Step::drop_capabilities || message.step == Step::take_identity) {
    error.code = Errc::denied;
    error.fix =
        "the engine gave the container more than it was asked for: check its configuration "
        "for default capabilities, users and groups";
  }
  return error;
}

}  // namespace berm
