#include "audit/ship/start.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "sys/frames.h"
#include "sys/self.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds kPatience{15};
// One that does not take a message is ill: the supervisor must not wait for it.
constexpr timeval kSlowest{2, 0};

// The proxy and the roots of this user, and nothing else of his environment.
std::vector<std::string> environment() {
  std::vector<std::string> out;
  for (const char* name :
       {"HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"}) {
    if (const char* value = ::getenv(name)) out.push_back(fmt::format("{}={}", name, value));
  }
  return out;
}

Result<void> send_all(int control, const ShipConfiguration& configuration,
                      const SinkSecrets& secrets) {
  BERM_TRY(write_frame(
      control, to_json(configuration).dump(-1, ' ', false, json::error_handler_t::replace)));
  std::vector<UniqueFd> fds;
  for (const SinkGrant& sink : configuration.sinks) {
    for (const auto& [key, from] : sink.secret) {
      const auto value = secrets.find(sink.name + "/" + key);
      if (value == secrets.end()) return failure(Errc::internal, "find the secret of a sink");
      BERM_TRY(write_frame(control, value->second->reveal()));
    }
    const int fd = descriptor_of(sink);
    if (fd < 0) continue;
    UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 16));
    if (!copy) return os_error(fmt::format("use descriptor {} for sink '{}'", fd, sink.name));
    fds.push_back(std::move(copy));
  }
  if (fds.empty()) return {};
  return send_descriptors(control, fds);
}

}  // namespace

Result<ShipProcess> start_ship(const ShipConfiguration& configuration, const SinkSecrets& secrets) {
  SocketPair control = BERM_TRY(make_socket_pair());
  ChildProcess child = BERM_TRY(
      start_self({"ship", "--child"}, environment(), control.theirs.get(), control.theirs.get()));
  control.theirs.reset();
  ShipProcess ship{.process = std::move(child), .control = std::move(control.ours)};
  ::setsockopt(ship.control.get(), SOL_SOCKET, SO_SNDTIMEO, &kSlowest, sizeof kSlowest);
  BERM_TRY(send_all(ship.control.get(), configuration, secrets));
  const std::string text = BERM_TRY(
      in_context("starting what ships the record", read_frame(ship.control.get(), kPatience)));
  const json ready = json::parse(text, nullptr, false);
  if (ready.is_object() && ready.contains("ok") && ready["ok"] == true) return ship;
  const bool says = ready.is_object() && ready.contains("what") && ready["what"].is_string();
  return failure(Errc::unsupported, says ? ready["what"].get<std::string>()
                                         : std::string("start what ships the record"));
}

Result<void> renew_secret(const ShipProcess& ship, const std::string& sink, const std::string& key,
                          const Secret& secret) {
  const json message = {{"secret", {{"sink", sink}, {"key", key}}}};
  BERM_TRY(write_frame(ship.control.get(), message.dump()));
  return write_frame(ship.control.get(), secret.reveal());
}

}  // namespace berm
