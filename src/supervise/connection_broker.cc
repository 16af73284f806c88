#include "supervise/connection_broker.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <optional>

#include "base/text.h"
#include "plan/tools.h"
#include "sys/process_memory.h"

namespace berm {
namespace {

constexpr int kPatience = 5000;  // ms: both ends are on this machine

int option_of(const UniqueFd& socket, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  return ::getsockopt(socket.get(), SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

struct Address {
  sockaddr_storage bytes{};
  socklen_t size = 0;
};

// Read once: what is checked is what is used.
int read_address(const seccomp_notif& call, Address& out) {
  const auto size = static_cast<std::int32_t>(call.data.args[2]);
  if (size < 0 || static_cast<std::size_t>(size) > sizeof out.bytes) return EINVAL;
  if (size < static_cast<int>(sizeof(sa_family_t))) return EINVAL;
  out.size = static_cast<socklen_t>(size);
  const auto pid = static_cast<pid_t>(call.pid);
  return read_memory(pid, call.data.args[1], &out.bytes, out.size) ? 0 : EFAULT;
}

// The path of a local address; "" for an abstract name, which is the host's: a run has none.
std::string local_path(const Address& address) {
  sockaddr_un local{};
  std::memcpy(&local, &address.bytes, std::min<std::size_t>(address.size, sizeof local));
  const std::size_t before = offsetof(sockaddr_un, sun_path);
  if (address.size <= before) return "";
  const std::size_t room = std::min<std::size_t>(address.size, sizeof local) - before;
  return {local.sun_path, ::strnlen(local.sun_path, room)};
}

Address local_address(const std::string& path) {
  Address out;
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  std::memcpy(local.sun_path, path.c_str(), std::min(path.size(), sizeof local.sun_path - 1));
  std::memcpy(&out.bytes, &local, sizeof local);
  out.size = sizeof local;
  return out;
}

// IPv4 in the form of IPv6, so that both are looked at alike.
std::optional<sockaddr_in6> internet_address(const Address& address) {
  sockaddr_in6 out{};
  if (address.bytes.ss_family == AF_INET6 && address.size >= 24) {  // SIN6_LEN_RFC2133
    std::memcpy(&out, &address.bytes, std::min<std::size_t>(address.size, sizeof out));
    return out;
  }
  if (address.bytes.ss_family != AF_INET || address.size < sizeof(sockaddr_in)) return std::nullopt;
  sockaddr_in v4{};
  std::memcpy(&v4, &address.bytes, sizeof v4);
  out.sin6_family = AF_INET6;
  out.sin6_port = v4.sin_port;
  out.sin6_addr.s6_addr[10] = out.sin6_addr.s6_addr[11] = 0xff;
  std::memcpy(&out.sin6_addr.s6_addr[12], &v4.sin_addr, 4);
  return out;
}

bool is_any(const in6_addr& address) {
  return IN6_IS_ADDR_UNSPECIFIED(&address) ||
         (IN6_IS_ADDR_V4MAPPED(&address) && address.s6_addr32[3] == 0);
}
bool is_loopback(const in6_addr& address) {
  return IN6_IS_ADDR_LOOPBACK(&address) ||
         (IN6_IS_ADDR_V4MAPPED(&address) && address.s6_addr[12] == 127);
}

// 127.0.0.1 in the family of the socket. Mapped on an IPv6 socket, unless it takes no IPv4.
Address loopback_for(const UniqueFd& socket, std::uint16_t port, bool v6_only) {
  Address out;
  if (option_of(socket, SO_DOMAIN) == AF_INET) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    std::memcpy(&out.bytes, &v4, sizeof v4);
    out.size = sizeof v4;
    return out;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  v6.sin6_addr = in6addr_loopback;
  if (!v6_only) {
    v6.sin6_addr = {};
    v6.sin6_addr.s6_addr[10] = v6.sin6_addr.s6_addr[11] = 0xff;
    v6.sin6_addr.s6_addr[12] = 127;
    v6.sin6_addr.s6_addr[15] = 1;
  }
  std::memcpy(&out.bytes, &v6, sizeof v6);
  out.size = sizeof v6;
  return out;
}

bool takes_no_ipv4(const UniqueFd& socket) {
  int value = 0;
  socklen_t size = sizeof value;
  return ::getsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &value, &size) == 0 && value != 0;
}

// Why a descriptor is not ours to act on, in the words of the call.
int refusal(int error, int number) {
  if (error == EBADF || error == ENOTSOCK) return error;
  if (error != EISCONN) return EPERM;
  return number == SYS_connect ? EISCONN : EINVAL;
}

// Never waits for long, whoever listens: the whole run would stand still meanwhile.
int connect_within(const UniqueFd& socket, const Address& to) {
  const int flags = ::fcntl(socket.get(), F_GETFL);
  ::fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK);
  const auto* address = reinterpret_cast<const sockaddr*>(&to.bytes);
  int error = ::connect(socket.get(), address, to.size) == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    pollfd waiting{socket.get(), POLLOUT, 0};
    error = ::poll(&waiting, 1, kPatience) == 1 ? option_of(socket, SO_ERROR) : ETIMEDOUT;
  }
  if ((flags & O_NONBLOCK) == 0) ::fcntl(socket.get(), F_SETFL, flags);
  return error;
}

// "sl local_address rem_address st … uid timeout inode" of /proc/net/tcp: sockets that listen on a
// port, by their inode.
std::set<ino_t> listening_on(std::uint16_t port) {
  std::set<ino_t> out;
  const std::string wanted = fmt::format(":{:04X}", port);
  for (const char* table : {"/proc/self/net/tcp", "/proc/self/net/tcp6"}) {
    const Result<std::string> text = read_file(table, 16 << 20);
    for (const std::string_view line : split(text ? std::string_view(*text) : "", '\n')) {
      std::vector<std::string_view> words;
      for (const std::string_view word : split(line, ' ')) {
        if (!word.empty()) words.push_back(word);
      }
      constexpr std::string_view kListen = "0A";
      if (words.size() < 10 || !words[1].ends_with(wanted) || words[3] != kListen) continue;
      ino_t inode = 0;
      std::from_chars(words[9].data(), words[9].data() + words[9].size(), inode);
      out.insert(inode);
    }
  }
  return out;
}

}  // namespace

// Everything that is known of one call, read once.
struct ConnectionBroker::Call {
  UniqueFd socket;
  Address address;
  SeenProcess process;
  const RunRoot& root;
};

int ConnectionBroker::serve(const seccomp_notif& notification, const RunRoot& root,
                            const std::function<bool()>& still_waits) {
  const auto tid = static_cast<pid_t>(notification.pid);
  Call call{.socket = descriptors_.socket(tid, static_cast<int>(notification.data.args[0])),
            .address = {},
            .process = SeenProcess(tid),
            .root = root};
  if (!call.socket) return refusal(errno, notification.data.nr);
  const bool listens = notification.data.nr == SYS_listen;
  const int unread = listens ? 0 : read_address(notification, call.address);
  if (unread != 0) return unread;
  if (!still_waits()) return ESRCH;
  if (option_of(call.socket, SO_DOMAIN) < 0) return ENOTSOCK;
  const int error = make(call, notification);
  // What is connected or listens has nothing more to ask; nor has netlink, once it is bound.
  const bool done =
      notification.data.nr != SYS_bind || option_of(call.socket, SO_DOMAIN) == AF_NETLINK;
  if (error == 0 && done) descriptors_.forget(call.socket);
  return error;
}

int ConnectionBroker::make(const Call& call, const seccomp_notif& notification) {
  if (notification.data.nr == SYS_connect) return connect(call);
  if (notification.data.nr == SYS_bind) return bind(call);
  return listen(call.socket, static_cast<int>(notification.data.args[1]));
}

int ConnectionBroker::connect(const Call& call) {
  if (call.address.bytes.ss_family == AF_UNIX) {
    const std::string path = local_path(call.address);
    return path.empty() ? EPERM : connect_local(call, path);
  }
  const std::optional<sockaddr_in6> to = internet_address(call.address);
  if (!to) return EACCES;  // AF_UNSPEC would let go of a connection; a stream has no need to
  return connect_inet(call.socket, *to);
}

int ConnectionBroker::connect_inet(const UniqueFd& socket, const sockaddr_in6& to) {
  if (!is_loopback(to.sin6_addr)) return ENETUNREACH;
  const std::uint16_t port = ntohs(to.sin6_port);
  const auto known =
      std::ranges::find(places_.ports, port, &std::pair<std::uint16_t, std::uint16_t>::first);
  const bool to_egress = known != places_.ports.end();
  if (!to_egress && !listens_here(port)) return ECONNREFUSED;
  const bool v6 = IN6_IS_ADDR_LOOPBACK(&to.sin6_addr);
  if (to_egress && v6) return ECONNREFUSED;  // egress listens on 127.0.0.1 alone, as in every tier
  const Address where = loopback_for(socket, to_egress ? known->second : port, v6);
  if (const int error = connect_within(socket, where); error != 0) return error;
  if (!to_egress) return 0;
  const std::string_view token = token_->reveal();
  const ssize_t sent = ::send(socket.get(), token.data(), token.size(), MSG_NOSIGNAL);
  return sent == static_cast<ssize_t>(token.size()) ? 0 : ECONNRESET;
}

// Sockets that the run's own processes made, and that of the hooks. By the object, not by the name:
// what was looked at is what is connected to.
int ConnectionBroker::connect_local(const Call& call, const std::string& path) {
  UniqueFd object;
  if (path == kToolSocket && !places_.tool_socket.empty()) {
    object = UniqueFd(::open(places_.tool_socket.c_str(), O_PATH | O_CLOEXEC | O_NOFOLLOW));
    if (!object) return errno;
    if (const int error = sign(call); error != 0) return error;
  } else {
    const int unresolved = call.root.resolve(call.process, AT_FDCWD, path, object);
    if (unresolved != 0) return unresolved;
    if (!is_own(path_of(object.get()))) return EACCES;
  }
  const std::string at = fmt::format("/proc/self/fd/{}", object.get());
  return connect_within(call.socket, local_address(at));
}

// The judge would take us for who asks: the kernel names the process that called connect(2). So the
// socket gets a name that says it, which nobody inside can take: abstract names are refused.
int ConnectionBroker::sign(const Call& call) {
  struct stat theirs {};
  struct stat ours {};
  const bool hook = ::stat(call.process.proc("exe").c_str(), &theirs) == 0 &&
                    ::stat(places_.hook_program.c_str(), &ours) == 0 &&
                    theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  const std::string text = fmt::format("{}{}/{}/{}", kHookName, hook ? "hook" : "other",
                                       call.process.numbers().pid, ::getpid()) +
                           fmt::format("-{}", ++signed_);
  if (text.size() + 1 >= sizeof name.sun_path) return ENAMETOOLONG;
  std::memcpy(name.sun_path + 1, text.data(), text.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
  return ::bind(call.socket.get(), reinterpret_cast<const sockaddr*>(&name), size) == 0 ? 0
                                                                                        : EACCES;
}

// Made in the directory that was looked at, whatever its name leads to by then.
int ConnectionBroker::bind_local(const Call& call, const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  if (name.empty() || name == "." || name == "..") return EADDRINUSE;
  UniqueFd directory;
  const int unresolved = call.root.resolve(call.process, AT_FDCWD, parent, directory);
  if (unresolved != 0) return unresolved;
  if (!is_own(path_of(directory.get()) + "/")) return EACCES;
  const std::string at = fmt::format("/proc/self/fd/{}/{}", directory.get(), name);
  if (at.size() >= sizeof(sockaddr_un::sun_path)) return ENAMETOOLONG;
  const Address where = local_address(at);
  const auto* to = reinterpret_cast<const sockaddr*>(&where.bytes);
  return ::bind(call.socket.get(), to, where.size) == 0 ? 0 : errno;
}

bool ConnectionBroker::is_own(const std::string& path) const {
  return std::ranges::any_of(places_.directories, [&](const std::string& directory) {
    return path.starts_with(directory + "/");
  });
}

// A server inside is for the run itself: wherever it wants to listen, it listens on the loopback.
int ConnectionBroker::bind(const Call& call) {
  const Address& address = call.address;
  const UniqueFd& socket = call.socket;
  if (address.bytes.ss_family == AF_UNIX) {
    const std::string path = local_path(address);
    return path.empty() ? EPERM : bind_local(call, path);
  }
  if (address.bytes.ss_family == AF_NETLINK) {
    const auto* to = reinterpret_cast<const sockaddr*>(&address.bytes);
    return ::bind(socket.get(), to, address.size) == 0 ? 0 : errno;
  }
  const std::optional<sockaddr_in6> at = internet_address(address);
  if (!at || (!is_any(at->sin6_addr) && !is_loopback(at->sin6_addr))) return EADDRNOTAVAIL;
  return bind_inet(socket, *at);
}

int ConnectionBroker::bind_inet(const UniqueFd& socket, const sockaddr_in6& at) {
  const bool v6 = IN6_IS_ADDR_LOOPBACK(&at.sin6_addr) || takes_no_ipv4(socket);
  const Address where = loopback_for(socket, ntohs(at.sin6_port), v6);
  const auto* to = reinterpret_cast<const sockaddr*>(&where.bytes);
  if (::bind(socket.get(), to, where.size) == 0) return 0;
  if (errno != EADDRINUSE) return errno;
  // It may be held by us alone: a program that looks for a free port binds, closes, and binds
  // again.
  descriptors_.drop_closed();
  return ::bind(socket.get(), to, where.size) == 0 ? 0 : errno;
}

int ConnectionBroker::listen(const UniqueFd& socket, int backlog) {
  const int domain = option_of(socket, SO_DOMAIN);
  if (domain != AF_UNIX) {
    sockaddr_in6 at{};  // of an IPv4 socket, the port lies in the same place
    socklen_t size = sizeof at;
    if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&at), &size) != 0) return errno;
    if (at.sin6_port == 0) {  // listen(2) itself would take any port of every address
      const Address where = loopback_for(socket, 0, takes_no_ipv4(socket));
      const auto* to = reinterpret_cast<const sockaddr*>(&where.bytes);
      if (::bind(socket.get(), to, where.size) != 0) return errno;
    }
  }
  if (::listen(socket.get(), backlog) != 0) return errno;
  struct stat status {};
  if (domain != AF_UNIX && ::fstat(socket.get(), &status) == 0) listeners_.insert(status.st_ino);
  return 0;
}

// Who listens there now is asked at each call: a port that a server of the run has left may be
// somebody else's by now.
bool ConnectionBroker::listens_here(std::uint16_t port) const {
  const std::set<ino_t> found = listening_on(port);
  return !found.empty() &&
         std::ranges::all_of(found, [&](ino_t inode) { return listeners_.contains(inode); });
}

}  // namespace berm
