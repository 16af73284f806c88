// What berm-init does otherwise where a container engine made the namespaces and the root: it finds
// its supervisor by a socket, and verifies what it would have set up itself.
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "init/setup.h"

namespace berm::init {
namespace {

constexpr int kStreams = 3;
constexpr int kLifted = 100;  // above every number that is overwritten

int connect_to_supervisor() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ::strcpy(address.sun_path, wire::kControlSocket);
  const int fd = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return -1;
  return ::fcntl(fd, F_DUPFD_CLOEXEC, kLifted);
}

// The descriptors of the first message, lifted; their number or -1.
int receive_handover(int control, int (&fds)[wire::kHandoverFds]) {
  wire::Message message{};
  iovec part{&message, sizeof message};
  alignas(cmsghdr) char space[CMSG_SPACE(sizeof fds)] = {};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = space;
  header.msg_controllen = sizeof space;
  ssize_t got = -1;
  do {
    got = ::recvmsg(control, &header, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  const cmsghdr* rights = CMSG_FIRSTHDR(&header);
  if (got != sizeof message || message.kind != wire::MessageKind::handover || rights == nullptr ||
      rights->cmsg_type != SCM_RIGHTS || (header.msg_flags & MSG_CTRUNC) != 0) {
    return -1;
  }
  const int count = static_cast<int>((rights->cmsg_len - CMSG_LEN(0)) / sizeof(int));
  ::memcpy(fds, CMSG_DATA(rights), static_cast<std::size_t>(count) * sizeof(int));
  for (int i = 0; i < count; ++i) {
    fds[i] = ::fcntl(fds[i], F_DUPFD_CLOEXEC, kLifted);
    if (fds[i] < 0) return -1;
  }
  return count;
}

}  // namespace

int join_supervisor() {
  const int control = connect_to_supervisor();
  if (control < 0) return -1;
  int fds[wire::kHandoverFds];
  const int count = receive_handover(control, fds);
  if (count <= kStreams) return -1;
  for (int i = 0; i < kStreams; ++i) {
    if (::dup2(fds[i], i) < 0) return -1;
  }
  if (::dup2(control, wire::kControlFd) < 0 || ::dup2(fds[kStreams], wire::kProgramFd) < 0) {
    return -1;
  }
  const int tools = count > kStreams + 1 ? ::dup2(fds[kStreams + 1], wire::kFirstTreeFd) : 0;
  if (tools < 0) return -1;
  // What else the engine, or we, left open.
  ::close_range(static_cast<unsigned>(tools > 0 ? tools + 1 : wire::kProgramFd + 1), ~0U, 0);
  return tools;
}

int find_supervisor_alive(Setup&) {
  // No PR_SET_PDEATHSIG: our parent is the engine's, not the supervisor. What ends us is the end of
  // the control socket, here and in reap_until_agent_ends().
  pollfd control{wire::kControlFd, POLLIN, 0};
  if (::poll(&control, 1, 0) < 0) return errno;
  return (control.revents & (POLLHUP | POLLERR)) != 0 ? ECONNRESET : 0;
}

int verify_identity(Setup& setup) {
  const wire::Program& program = setup.program.header();
  uid_t uid[3];
  gid_t gid[3];
  if (::getresuid(&uid[0], &uid[1], &uid[2]) != 0) return errno;
  if (::getresgid(&gid[0], &gid[1], &gid[2]) != 0) return errno;
  for (int i = 0; i < 3; ++i) {
    if (uid[i] != program.uid || gid[i] != program.gid || uid[i] == 0) return EPERM;
  }
  // An engine gives the groups that the image's /etc/group names; ours names none.
  gid_t groups[64];
  const int count = ::getgroups(64, groups);
  if (count < 0) return errno;
  for (int i = 0; i < count; ++i) {
    if (groups[i] != program.gid) return EPERM;
  }
  return 0;
}

int verify_no_capability(Setup&) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct now[2] = {};
  if (::syscall(SYS_capget, &header, now) != 0) return errno;
  for (const __user_cap_data_struct& word : now) {
    if ((word.effective | word.permitted | word.inheritable) != 0) return EPERM;
  }
  for (int cap = 0; cap < 64; ++cap) {
    const int bounded = ::prctl(PR_CAPBSET_READ, cap, 0, 0, 0);
    if (bounded < 0) break;  // past the last capability of this kernel
    if (bounded != 0) return EPERM;
  }
  return 0;
}

}  // namespace berm::init
