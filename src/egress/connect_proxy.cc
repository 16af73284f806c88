#include "egress/connect_proxy.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/beast/http.hpp>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "egress/resolve.h"
#include "rules/egress/destination.h"

namespace berm {
namespace {

namespace http = boost::beast::http;
using nlohmann::json;

constexpr std::size_t kMaxHead = 16 << 10;

// Reads up to and including the empty line. Returns "" on overflow or a broken connection.
std::string read_head(int fd) {
  std::string head;
  char byte = 0;
  // One byte at a time: what follows the head belongs to the tunnel.
  while (head.size() < kMaxHead && ::read(fd, &byte, 1) == 1) {
    head += byte;
    if (head.ends_with("\r\n\r\n")) return head;
  }
  return "";
}

void refuse(int fd, std::string_view status, std::string_view reason) {
  const std::string body = fmt::format("berm: {}\n", reason);
  (void)write_all(fd, fmt::format("HTTP/1.1 {}\r\nContent-Type: text/plain\r\nContent-Length: "
                                  "{}\r\nConnection: close\r\n\r\n{}",
                                  status, body.size(), body));
}

// Carries bytes until both directions have ended.
std::pair<std::uint64_t, std::uint64_t> tunnel(int client, int server) {
  std::uint64_t carried[2] = {0, 0};
  bool open[2] = {true, true};
  const int from[2] = {client, server};
  char buffer[65536];
  while (open[0] || open[1]) {
    pollfd fds[2] = {{open[0] ? client : -1, POLLIN, 0}, {open[1] ? server : -1, POLLIN, 0}};
    if (::poll(fds, 2, -1) < 0 && errno != EINTR) break;
    for (int i = 0; i < 2; ++i) {
      if (fds[i].revents == 0) continue;
      const ssize_t got = ::read(from[i], buffer, sizeof buffer);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0 || !write_all(from[1 - i], {buffer, static_cast<std::size_t>(got)})) {
        open[i] = false;
        ::shutdown(from[1 - i], SHUT_WR);
        if (got < 0) open[0] = open[1] = false;
      } else {
        carried[i] += static_cast<std::uint64_t>(got);
      }
    }
  }
  return {carried[0], carried[1]};
}

}  // namespace

Result<UniqueFd> dial(const ResolvedAddress& address) {
  UniqueFd fd(::socket(address.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return os_error("make a socket");
  const timeval patience{10, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  const int one = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address.address), address.length) !=
      0) {
    return os_error("connect");
  }
  const timeval forever{0, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &forever, sizeof forever);
  return fd;
}

void serve_connect(UniqueFd client, const std::vector<HostGrant>& allow, EventSink& events) {
  const std::string head = read_head(client.get());
  http::request_parser<http::empty_body> parser;
  parser.header_limit(kMaxHead);
  boost::system::error_code error;
  parser.put(boost::asio::buffer(head), error);
  const auto deny = [&](std::string_view status, const std::string& host, int port,
                        std::string_view reason) {
    events.say({{"type", "net.denied"},
                {"host", printable(host.substr(0, 256))},
                {"port", port},
                {"reason", reason}});
    refuse(client.get(), status, reason);
  };
  if (head.empty() || error || !parser.is_header_done()) {
    return deny("400 Bad Request", "", 0, "not an HTTP request");
  }
  const std::string target(parser.get().target());
  if (parser.get().method() != http::verb::connect) {
    return deny("405 Method Not Allowed", target, 0, "this proxy speaks CONNECT only");
  }
  const std::optional<Destination> to = parse_authority(target);
  if (!to) return deny("403 Forbidden", target, 0, "not a plain host name and port");
  if (matching_grant(allow, *to) == nullptr) {
    return deny("403 Forbidden", to->host, to->port,
                "the policy grants no such host (network.allow)");
  }
  const Result<std::vector<ResolvedAddress>> addresses = resolve_host(to->host, to->port);
  if (!addresses) return deny("502 Bad Gateway", to->host, to->port, addresses.error().what);
  const Result<ResolvedAddress> chosen = choose_address(*addresses, LocalAddresses::refuse);
  if (!chosen) return deny("403 Forbidden", to->host, to->port, "cannot " + chosen.error().what);
  const Result<UniqueFd> server = dial(*chosen);
  if (!server) return deny("502 Bad Gateway", to->host, to->port, "the host does not answer");
  events.say({{"type", "net.allowed"}, {"host", to->host}, {"port", to->port}});
  if (!write_all(client.get(), "HTTP/1.1 200 Connection established\r\n\r\n")) return;
  const auto [sent, received] = tunnel(client.get(), server->get());
  events.say({{"type", "net.closed"},
              {"host", to->host},
              {"port", to->port},
              {"sent", sent},
              {"received", received}});
}

}  // namespace berm
