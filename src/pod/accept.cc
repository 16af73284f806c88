#include "pod/accept.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <thread>

namespace berm::pod {
namespace {

constexpr std::chrono::seconds kHandshake{10};
// Both ends are ours: more is a mistake, or an attack on the pod's memory.
constexpr int kMostConnections = 1024;

void serve_one(UniqueFd fd, SSL_CTX* link, const Serve& serve) {
  const int one = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
  if (link == nullptr) return serve(std::make_unique<SocketStream>(std::move(fd)));
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  Result<TlsStream> stream = TlsStream::accept(link, std::move(fd), "", kHandshake);
  if (stream) serve(std::make_unique<TlsStream>(*std::move(stream)));
}

}  // namespace

void accept_on(UniqueFd listener, SSL_CTX* link, Serve serve) {
  std::thread([listener = std::move(listener), link, serve = std::move(serve)] {
    static std::atomic<int> live = 0;
    for (;;) {
      pollfd waiting{listener.get(), POLLIN, 0};
      if (::poll(&waiting, 1, -1) < 0) continue;
      UniqueFd fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!fd || live >= kMostConnections) continue;
      ++live;
      std::thread([fd = std::move(fd), link, serve]() mutable {
        serve_one(std::move(fd), link, serve);
        --live;
      }).detach();
    }
  }).detach();
}

void end_on_signal(std::function<void()> end) {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  ::sigaddset(&signals, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread([signals, end = std::move(end)] {
    int number = 0;
    if (::sigwait(&signals, &number) == 0) end();
  }).detach();
}

}  // namespace berm::pod
