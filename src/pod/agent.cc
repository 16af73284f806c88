#include "pod/agent.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "pod/accept.h"
#include "pod/agent_pod.h"
#include "sys/locked_memory.h"

namespace berm::pod {
namespace {

// The run's own connections come here. Nobody of the run reaches it: a socket of a directory that
// is not the run's (supervise/connection_broker.h), and Landlock.
Result<UniqueFd> listen_locally(const std::string& path) {
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  if (path.size() >= sizeof at.sun_path) {
    return failure(Errc::usage, "listen at '" + path + "': it is too long a path");
  }
  std::memcpy(at.sun_path, path.c_str(), path.size() + 1);
  (void)::unlink(path.c_str());
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 ||
      ::chmod(path.c_str(), 0600) != 0 || ::listen(fd.get(), SOMAXCONN) != 0) {
    return os_error("listen at '" + path + "'");
  }
  return fd;
}

}  // namespace

Result<int> serve_agent_pod(const AgentPlace& place) {
  forbid_dumps();
  BERM_TRY(make_directories(place.root, 0755));
  const LinkEnd own = BERM_TRY(read_link_end(place.channel, ""));
  const SslContext link = BERM_TRY(link_server(own));
  UniqueFd local = BERM_TRY(listen_locally(place.socket()));
  UniqueFd listener = BERM_TRY(listen_on(place.listen));
  AgentPod pod(place);
  end_on_signal([&pod] { pod.end(); });
  accept_on(std::move(local), nullptr,
            [&pod](std::unique_ptr<ByteStream> stream) { pod.serve_local(std::move(stream)); });
  accept_on(std::move(listener), link.get(),
            [&pod](std::unique_ptr<ByteStream> stream) { pod.serve(std::move(stream)); });
  pod.wait_for_end();
  // Threads are at work, and nothing of them is worth keeping: the session dies with us.
  ::_exit(0);
}

}  // namespace berm::pod
