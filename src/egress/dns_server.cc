#include "egress/dns_server.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "rules/egress/dns.h"

namespace berm {
namespace {

// Short: the pool's addresses are the run's own, and a question costs nothing.
constexpr std::uint32_t kTtl = 30;

}  // namespace

std::string answer_dns(Gate& gate, std::span<const std::uint8_t> message) {
  const std::optional<DnsQuery> query = parse_dns_query(message);
  if (!query) return "";
  std::optional<std::array<std::uint8_t, 4>> ipv4;
  DnsCode code = DnsCode::name_error;
  if (query->opcode != 0) {
    code = DnsCode::not_implemented;
  } else if (query->klass != kDnsClassIn) {
    code = DnsCode::refused;
  } else if (query->plain_name) {
    if (const std::optional<std::string> name = canonical_host(query->name)) {
      if (const std::optional<IpAddress> address = gate.look_up(*name)) {
        code = DnsCode::no_error;
        ipv4 = {address->bytes[0], address->bytes[1], address->bytes[2], address->bytes[3]};
      }
    }
  }
  const std::vector<std::uint8_t> answer = dns_answer(*query, code, ipv4, kTtl);
  return {answer.begin(), answer.end()};
}

void serve_dns(Gate& gate, int fd) {
  for (int i = 0; i < 64; ++i) {
    std::uint8_t message[4096];
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const ssize_t got = ::recvfrom(fd, message, sizeof message, MSG_DONTWAIT,
                                   reinterpret_cast<sockaddr*>(&from), &size);
    if (got < 0) return;
    const std::string answer = answer_dns(gate, {message, static_cast<std::size_t>(got)});
    if (answer.empty()) continue;
    ::sendto(fd, answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
             reinterpret_cast<const sockaddr*>(&from), size);
  }
}

}  // namespace berm
