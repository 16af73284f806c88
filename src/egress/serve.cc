#include "egress/serve.h"

#include <fmt/format.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <nlohmann/json.hpp>
#include <thread>

#include "egress/confine.h"
#include "egress/worker.h"
#include "net/upstream_trust.h"
#include "sys/frames.h"
#include "sys/locked_memory.h"
#include "sys/socket_address.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr int kControlFd = 0;
constexpr int kEventsFd = 1;
constexpr std::chrono::seconds kPatience{10};
constexpr unsigned kMostWorkers = 4;

std::vector<IpAddress> own_addresses() {
  std::vector<IpAddress> out;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return out;
  for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr) continue;
    if (const std::optional<IpAddress> address = ip_of(*one->ifa_addr)) out.push_back(*address);
  }
  ::freeifaddrs(list);
  return out;
}

// Everything that needs files, or makes what must not be made later.
struct Equipment {
  EgressConfiguration configuration;
  std::unique_ptr<Resolver> resolver;
  HttpUpstream http;
  std::unique_ptr<SecretStore> secrets;
  std::vector<IpAddress> own;
  std::vector<std::unique_ptr<Loop>> loops;
  std::size_t most_connections = 0;
};

Result<HttpUpstream> equip_http(const EgressConfiguration& configuration) {
  HttpUpstream http;
  if (configuration.model) {
    http.model = BERM_TRY(parse_model_route(configuration.model->upstream));
  }
  std::vector<std::string> hosts;
  for (const NetworkRule& rule : configuration.rules.inspect) hosts.push_back(rule.host);
  for (const HostGrant& grant : configuration.rules.keyed) hosts.push_back(grant.pattern);
  if (!hosts.empty()) {
    http.authority = BERM_TRY(RunAuthority::create(
        hosts, std::chrono::duration_cast<std::chrono::seconds>(configuration.ca_lifetime)));
  }
  if (!hosts.empty() || (http.model && http.model->tls)) {
    const std::string roots = BERM_TRY(read_host_roots(trust_sources_from_environment()));
    http.trust = BERM_TRY(upstream_context(roots));
  }
  return http;
}

Result<Equipment> equip() {
  const std::string text = BERM_TRY(read_frame(kControlFd, kPatience));
  Equipment out{.configuration = BERM_TRY(read_configuration(json::parse(text, nullptr, false)))};
  std::vector<std::shared_ptr<const Secret>> secrets;
  for (std::size_t i = 0; i < out.configuration.credentials.size(); ++i) {
    secrets.push_back(
        std::make_shared<const Secret>(BERM_TRY(read_secret_frame(kControlFd, kPatience))));
  }
  out.secrets = BERM_TRY(SecretStore::create(out.configuration.credentials, std::move(secrets)));
  out.http = BERM_TRY(equip_http(out.configuration));
  out.resolver = BERM_TRY(Resolver::create());
  out.own = own_addresses();
  out.most_connections = raise_connection_limit();
  const unsigned workers = std::clamp(std::thread::hardware_concurrency(), 1U, kMostWorkers);
  for (unsigned i = 0; i < workers; ++i) out.loops.push_back(BERM_TRY(Loop::create()));
  return out;
}

Result<void> say_ready(const Equipment& equipment) {
  const json ready = {
      {"ok", true},
      {"ca", equipment.http.authority ? equipment.http.authority->certificate_pem() : ""}};
  return write_frame(kControlFd, ready.dump());
}

void say_failed(const Error& error) {
  const json failed = {
      {"ok", false}, {"what", error.what}, {"errno", error.os_errno}, {"fix", error.fix}};
  (void)write_frame(kControlFd, failed.dump(-1, ' ', false, json::error_handler_t::replace));
}

// A worker's thread takes a descriptor table of its own, with copies of what is open now.
void start_worker(std::unique_ptr<Loop> loop, EgressShared& shared,
                  const std::vector<int>& listeners,
                  std::vector<std::unique_ptr<Worker>>& workers) {
  Worker& worker =
      *workers.emplace_back(std::make_unique<Worker>(std::move(loop), shared, listeners));
  std::thread([&worker] {
    if (::unshare(CLONE_FILES) != 0) ::_exit(125);
    worker.run();
    ::_exit(125);
  }).detach();
}

// A secret that was renewed: its index, then its value.
bool take_renewed(SecretStore& secrets) {
  const Result<std::string> index = read_frame(kControlFd, kPatience);
  Result<Secret> value = read_secret_frame(kControlFd, kPatience);
  if (!index || !value) return false;
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(index->data(), index->data() + index->size(), number);
  if (error != std::errc{} || end != index->data() + index->size()) return false;
  return secrets.replace(number, std::make_shared<const Secret>(*std::move(value))).has_value();
}

// What the user says of a host.
bool take_answer(Gate& gate) {
  const Result<std::string> text = read_frame(kControlFd, kPatience);
  if (!text) return false;
  const json said = json::parse(*text, nullptr, false);
  const bool sound = said.is_object() && said.contains("host") && said["host"].is_string() &&
                     said.contains("port") && said["port"].is_number_unsigned() &&
                     said.contains("said") && said["said"].is_number_unsigned() &&
                     said["said"] <= static_cast<unsigned>(HostAnswer::for_this_run);
  if (sound) {
    gate.answer(said["host"], said["port"], static_cast<HostAnswer>(said["said"].get<unsigned>()));
  }
  return sound;
}

// Until whoever started us is gone, or the last connection after 'd'.
[[noreturn]] void follow_control(EgressShared& shared, SecretStore& secrets,
                                 const std::vector<std::unique_ptr<Worker>>& workers) {
  char command = 0;
  for (;;) {
    const ssize_t got = ::read(kControlFd, &command, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) ::_exit(0);
    if (command == 'd') break;
    if (command == 'a' && !take_answer(shared.gate)) ::_exit(125);
    if (command == 's' && !take_renewed(secrets)) ::_exit(125);
  }
  for (const std::unique_ptr<Worker>& worker : workers) worker->stop_accepting();
  while (shared.live > 0) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  ::_exit(0);
}

}  // namespace

int serve_egress() {
  forbid_dumps();  // before the first secret is read
  static EventSink events(kEventsFd);
  Result<Equipment> made = equip();
  if (!made) {
    say_failed(made.error());
    return 125;
  }
  static Equipment equipment = *std::move(made);
  const Result<void> confined = confine_egress(equipment.configuration.uid);
  if (!confined) {
    say_failed(confined.error());
    return 125;
  }
  if (!say_ready(equipment)) return 125;
  const Result<std::vector<UniqueFd>> received = receive_descriptors(kControlFd);
  if (!received || received->size() != equipment.configuration.listeners.size()) return 125;
  const Result<std::string> told = read_frame(kControlFd, kPatience);
  const std::optional<IpNetwork> pool = told ? parse_network(*told) : std::nullopt;
  if (!pool) return 125;
  std::vector<int> listeners;
  for (const UniqueFd& fd : *received) {
    // Inherited by what is accepted: an answer in two parts must not wait for the client's ACK.
    const int one = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    listeners.push_back(fd.get());
  }
  static Gate gate(equipment.configuration, events, *pool, equipment.own);
  static ModelMeter meter(equipment.configuration.model_budget, events);
  static ToolResultLog tool_results(events);
  static EgressShared shared{.gate = gate,
                             .resolver = *equipment.resolver,
                             .http = equipment.http,
                             .secrets = *equipment.secrets,
                             .meter = meter,
                             .tool_results = tool_results,
                             .most_connections = equipment.most_connections};
  equipment.resolver->start();
  static std::vector<std::unique_ptr<Worker>> workers;
  for (std::unique_ptr<Loop>& loop : equipment.loops) {
    start_worker(std::move(loop), shared, listeners, workers);
  }
  events.say(
      {{"type", "egress.start"}, {"workers", workers.size()}, {"name_pool", to_text(*pool)}});
  follow_control(shared, *equipment.secrets, workers);
}

}  // namespace berm
