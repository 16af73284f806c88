#include "pod/egress.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "egress/configuration.h"
#include "net/dial.h"
#include "plan/network.h"
#include "pod/accept.h"
#include "pod/egress_pod.h"
#include "pod/line.h"
#include "sys/locked_memory.h"

namespace berm::pod {
namespace {

Result<EgressConfiguration> read_configuration_file(const EgressPlace& place) {
  const std::string text = BERM_TRY(read_file(place.channel + "/configuration.json", 1 << 20));
  EgressConfiguration out =
      BERM_TRY(read_configuration(nlohmann::json::parse(text, nullptr, false)));
  // Its listeners lie on this pod's own loopback, where nobody else is; and it is nobody already.
  out.token.clear();
  out.uid = 0;
  return out;
}

Result<std::vector<std::shared_ptr<const Secret>>> read_secrets(const EgressPlace& place,
                                                                std::size_t count) {
  std::vector<std::shared_ptr<const Secret>> out;
  for (std::size_t i = 0; i < count; ++i) {
    std::string text =
        BERM_TRY(read_file(place.channel + "/credential-" + std::to_string(i), kMostLine));
    out.push_back(std::make_shared<const Secret>(std::move(text)));
  }
  return out;
}

// Where a listener of the run is here: any free port of the loopback.
Result<LocalListener> listen_for(const Listener& listener, std::vector<UniqueFd>& fds) {
  const Destination loopback{"127.0.0.1", parse_ip("127.0.0.1"), 0};
  UniqueFd fd = BERM_TRY(listen_at(loopback, false));
  sockaddr_in at{};
  socklen_t size = sizeof at;
  if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&at), &size) != 0) {
    return os_error("look at a listener");
  }
  fds.push_back(std::move(fd));
  return LocalListener{listener, {loopback.host, loopback.address, ntohs(at.sin_port)}};
}

}  // namespace

Result<int> serve_egress_pod(const EgressPlace& place) {
  forbid_dumps();
  const LinkEnd of_caller = BERM_TRY(read_link_end(place.channel, kCallerPrefix));
  const SslContext from_caller = BERM_TRY(link_server(of_caller));
  const LinkEnd of_agent = BERM_TRY(read_link_end(place.channel, kAgentPrefix));
  SslContext to_agent = BERM_TRY(link_client(of_agent));
  const EgressConfiguration configuration = BERM_TRY(read_configuration_file(place));
  std::optional<EgressProcess> egress;
  std::string ca;
  std::vector<LocalListener> listeners;
  if (!configuration.listeners.empty()) {
    const std::vector<std::shared_ptr<const Secret>> secrets =
        BERM_TRY(read_secrets(place, configuration.credentials.size()));
    egress = BERM_TRY(start_egress(configuration, secrets));
    ca = BERM_TRY(await_egress(*egress));
    std::vector<UniqueFd> fds;
    for (const Listener& listener : configuration.listeners) {
      listeners.push_back(BERM_TRY(listen_for(listener, fds)));
    }
    BERM_TRY(hand_over(*egress, std::move(fds), loopback_name_pool()));
  }
  UniqueFd listener = BERM_TRY(listen_on(place.listen));
  const bool serves = egress.has_value();
  EgressPod pod(place, std::move(egress), ca, std::move(listeners), std::move(to_agent));
  end_on_signal([&pod] { pod.end(0); });
  if (serves) std::thread([&pod] { pod.keep_events(); }).detach();
  accept_on(std::move(listener), from_caller.get(),
            [&pod](std::unique_ptr<ByteStream> stream) { pod.serve(std::move(stream)); });
  ::_exit(pod.wait_for_end());
}

}  // namespace berm::pod
