#include "pod/bridge.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/asio/error.hpp>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <thread>

#include "net/relay.h"
#include "pod/line.h"
#include "sys/frames.h"
#include "sys/self.h"

namespace berm::pod {
namespace {

using nlohmann::json;
using std::chrono::seconds;

constexpr int kControlFd = 0;
constexpr int kEventsFd = 1;
constexpr seconds kPatience{10};
constexpr seconds kReadyPatience{70};

Result<std::unique_ptr<ByteStream>> connect_local(const std::string& path) {
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  if (path.size() >= sizeof at.sun_path) return failure(Errc::usage, "use so long a path");
  std::memcpy(at.sun_path, path.c_str(), path.size() + 1);
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) {
    return os_error("connect to berm of this pod");
  }
  return std::make_unique<SocketStream>(std::move(fd));
}

// Whoever of the pod connects must know the run's token, as with egress itself.
bool knows_token(ByteStream& stream, const std::string& token) {
  std::string shown(token.size(), '\0');
  boost::system::error_code error;
  stream.set_timeout(kPatience);
  for (std::size_t at = 0; at < shown.size() && !error;) {
    at += stream.read_bytes({shown.data() + at, shown.size() - at}, error);
  }
  unsigned different = error ? 1 : 0;
  for (std::size_t i = 0; i < token.size(); ++i) {
    different |= static_cast<unsigned char>(token[i] ^ shown[i]);
  }
  return different == 0;
}

void carry(UniqueFd fd, const Listener& listener, const std::string& socket,
           const std::string& token) {
  SocketStream local(std::move(fd));
  if (!knows_token(local, token)) return;
  const Result<std::unique_ptr<ByteStream>> way = connect_local(socket);
  if (!way) return;
  const json open = {
      {"call", "open"}, {"kind", static_cast<unsigned>(listener.kind)}, {"port", listener.port}};
  if (write_line(**way, open)) relay(local, **way);
}

void accept_all(const std::vector<UniqueFd>& fds, const EgressConfiguration& configuration,
                const std::string& socket) {
  std::vector<pollfd> waiting;
  for (const UniqueFd& fd : fds) waiting.push_back({fd.get(), POLLIN, 0});
  for (;;) {
    if (::poll(waiting.data(), waiting.size(), -1) < 0) continue;
    for (std::size_t i = 0; i < waiting.size(); ++i) {
      if (waiting[i].revents == 0) continue;
      UniqueFd fd(::accept4(waiting[i].fd, nullptr, nullptr, SOCK_CLOEXEC));
      if (!fd) continue;
      std::thread([fd = std::move(fd), listener = configuration.listeners[i], socket,
                   token = configuration.token]() mutable {
        carry(std::move(fd), listener, socket, token);
      }).detach();
    }
  }
}

// What egress tells, from the other pod to the supervisor of this one. Its end is ours.
[[noreturn]] void pass_events(ByteStream& from) {
  std::array<char, 4096> bytes;
  boost::system::error_code error;
  from.set_timeout(std::chrono::milliseconds::max());
  for (;;) {
    const std::size_t got = from.read_bytes(bytes, error);
    if (error || !write_all(kEventsFd, {bytes.data(), got})) ::_exit(0);
  }
}

// Until the supervisor is gone. What it says of secrets and answers is not for this pod.
[[noreturn]] void follow_control() {
  char command = 0;
  for (;;) {
    const ssize_t got = ::read(kControlFd, &command, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || command == 'd') ::_exit(0);
    const int frames = command == 's' ? 2 : command == 'a' ? 1 : 0;
    for (int i = 0; i < frames; ++i) {
      if (!read_frame(kControlFd, kPatience)) ::_exit(125);
    }
  }
}

}  // namespace

Result<EgressProcess> start_bridge(const EgressConfiguration& configuration,
                                   const std::string& socket) {
  Pipe events = BERM_TRY(make_pipe());
  SocketPair control = BERM_TRY(make_socket_pair());
  ChildProcess child =
      BERM_TRY(start_self({"pod", "bridge", socket}, {}, control.theirs.get(), events.write.get()));
  EgressProcess bridge{.process = std::move(child),
                       .events = std::move(events.read),
                       .control = std::move(control.ours),
                       .token = std::make_shared<Secret>(std::string(configuration.token))};
  BERM_TRY(write_frame(bridge.control.get(), to_json(configuration).dump()));
  return bridge;
}

int serve_bridge(const std::string& socket) {
  const auto say = [](const json& ready) { return write_frame(kControlFd, ready.dump()); };
  const Result<std::string> text = read_frame(kControlFd, kPatience);
  const Result<EgressConfiguration> configuration =
      text ? read_configuration(json::parse(*text, nullptr, false))
           : Result<EgressConfiguration>(tl::unexpected(text.error()));
  if (!configuration) return 125;
  const Result<std::unique_ptr<ByteStream>> berm = connect_local(socket);
  Result<void> asked =
      berm ? write_line(**berm, {{"call", "ready"}}) : tl::unexpected(berm.error());
  const Result<json> ready =
      asked ? read_line(**berm, kReadyPatience) : Result<json>(tl::unexpected(asked.error()));
  if (!ready) {
    (void)say({{"ok", false},
               {"what", "reach the run's egress pod: it has not connected"},
               {"fix", "look at its log; a NetworkPolicy of the cluster may refuse it"}});
    return 125;
  }
  if (!say({{"ok", true}, {"ca", text_in(*ready, "ca")}})) return 125;
  static std::vector<UniqueFd> listeners;
  Result<std::vector<UniqueFd>> received = receive_descriptors(kControlFd);
  if (!received || received->size() != configuration->listeners.size()) return 125;
  listeners = *std::move(received);
  if (!read_frame(kControlFd, kPatience)) return 125;
  std::thread([&configuration, &socket] {
    accept_all(listeners, *configuration, socket);
  }).detach();
  std::thread([&berm] { pass_events(**berm); }).detach();
  follow_control();
}

}  // namespace berm::pod
