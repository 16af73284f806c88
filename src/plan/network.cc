#include "plan/network.h"

#include <fmt/format.h>

#include <algorithm>

#include "plan/credentials.h"

namespace berm {
namespace {

constexpr std::uint16_t kHttpPort = 8118;
constexpr std::uint16_t kSocksPort = 1080;
constexpr std::size_t kMostTransparent = 48;  // 64 descriptors fit into one message

const Listener* listener_of(const EgressPlan& egress, ListenerKind kind) {
  const auto found = std::ranges::find(egress.listeners, kind, &Listener::kind);
  return found == egress.listeners.end() ? nullptr : &*found;
}

void add_way_out(EgressPlan& egress) {
  egress.listeners = {{ListenerKind::http, kHttpPort},
                      {ListenerKind::socks, kSocksPort},
                      {ListenerKind::dns_udp, 53},
                      {ListenerKind::dns_tcp, 53}};
  std::size_t count = 0;
  for (const std::uint16_t port : granted_ports(egress.rules)) {
    // These are taken on 127.0.0.1: there a client reaches the proxy instead, and is understood.
    const bool taken = port == kHttpPort || port == kSocksPort || port == 53;
    if (!taken && count++ < kMostTransparent) {
      egress.listeners.push_back({ListenerKind::transparent, port});
    }
  }
  egress.routes = {routed_name_pool()};
  for (const IpNetwork& network : granted_networks(egress.rules)) egress.routes.push_back(network);
}

std::string joined(const std::vector<HostGrant>& grants) {
  std::string out;
  for (const HostGrant& grant : grants) out += (out.empty() ? "" : ", ") + to_text(grant);
  return out;
}

}  // namespace

EgressRules egress_rules(const Policy& policy) {
  if (policy.network == NetworkMode::none) return {};
  return {.mode = policy.network,
          .allow = policy.allow_hosts,
          .deny = policy.deny_hosts,
          .internal = policy.internal_hosts,
          .opaque = policy.opaque_hosts,
          .inspect = policy.network_rules,
          .learn = policy.learn,
          .ask = policy.ask};
}

namespace {

// Without a network namespace there is no port 53 to answer on, and no address that would lead to
// egress by itself.
void keep_to_proxies(EgressPlan& egress) {
  std::erase_if(egress.listeners, [](const Listener& listener) {
    return listener.kind == ListenerKind::dns_udp || listener.kind == ListenerKind::dns_tcp ||
           listener.kind == ListenerKind::transparent;
  });
  egress.routes.clear();
}

}  // namespace

EgressPlan plan_egress(const Policy& policy, const AgentFacts& agent,
                       std::vector<EgressCredential> credentials) {
  EgressPlan egress{.rules = egress_rules(policy)};
  if (policy.network == NetworkMode::none) return egress;
  egress.budget = policy.network_budget;
  egress.per_host = policy.network_per_host;
  egress.model = agent.model;
  egress.model_budget = policy.model_budget;
  egress.rules.keyed = keyed_hosts(credentials, egress.model);
  // Its secret is set where its base URL leads; a tunnel beside that would carry any other key.
  for (const EgressCredential& credential : credentials) {
    if (!egress.model || credential.name != egress.model->credential) continue;
    for (const CredentialUse& use : credential.to) {
      egress.rules.deny.push_back({.pattern = use.host, .port = use.port});
    }
  }
  egress.credentials = std::move(credentials);
  egress.trust_run_ca = !policy.network_rules.empty() || !egress.rules.keyed.empty();
  const bool anything = !policy.allow_hosts.empty() || egress.trust_run_ca ||
                        policy.network == NetworkMode::open || policy.learn || policy.ask;
  if (anything) add_way_out(egress);
  if (egress.model) egress.listeners.push_back({ListenerKind::model, egress.model->port});
  if (agent.telemetry_port != 0 && !egress.listeners.empty()) {
    egress.listeners.push_back({ListenerKind::telemetry, agent.telemetry_port});
  }
  const bool proxies_only =
      policy.tier == TierChoice::process || policy.tier == TierChoice::kubernetes;
  if (proxies_only) keep_to_proxies(egress);
  // Nothing granted, nobody to reach: no proxy process at all.
  if (egress.listeners.empty()) egress.rules.mode = NetworkMode::none;
  return egress;
}

void add_network_environment(Plan& plan) {
  const Listener* http = listener_of(plan.egress, ListenerKind::http);
  if (http == nullptr) return;
  const std::string proxy = fmt::format("http://127.0.0.1:{}", http->port);
  for (const char* name : {"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"}) {
    plan.env[name] = proxy;
  }
  for (const char* name : {"NO_PROXY", "no_proxy"}) plan.env[name] = "127.0.0.1,localhost,::1";
  // Not ALL_PROXY: clients that were built without SOCKS fail on it, and need no proxy here.
  if (const Listener* socks = listener_of(plan.egress, ListenerKind::socks)) {
    plan.env["BERM_SOCKS_PROXY"] = fmt::format("socks5h://127.0.0.1:{}", socks->port);
  }
  if (!plan.egress.trust_run_ca) return;
  const std::string trust = plan.tier == TierChoice::process ? (plan.run_directory / "trust").str()
                                                             : std::string(kTrustDirectory);
  const std::string bundle = trust + "/bundle.pem";
  for (const char* name :
       {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "AWS_CA_BUNDLE",
        "PIP_CERT", "CARGO_HTTP_CAINFO", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "HTTPLIB2_CA_CERTS",
        "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", "NIX_SSL_CERT_FILE"}) {
    plan.env[name] = bundle;
  }
  // These add to the built-in roots.
  for (const char* name : {"NODE_EXTRA_CA_CERTS", "DENO_CERT"}) {
    plan.env[name] = trust + "/ca.pem";
  }
  plan.env["JAVA_TOOL_OPTIONS"] = fmt::format(
      "-Djavax.net.ssl.trustStore={}/trust.jks -Djavax.net.ssl.trustStorePassword=changeit", trust);
}

void add_trust_mounts(Plan& plan, const HostFacts& host) {
  if (!plan.egress.trust_run_ca) return;
  const HostPath trust = plan.run_directory / "trust";
  plan.mounts.emplace_back(Bind{.from = trust, .to = *SandboxPath::parse(kTrustDirectory)});
  for (const std::string_view bundle :
       {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"}) {
    const bool visible = std::ranges::any_of(host.system_files, [&](const std::string& file) {
      return bundle == file || bundle.starts_with(file + "/");
    });
    if (!visible || std::ranges::find(host.root_bundles, bundle) == host.root_bundles.end())
      continue;
    plan.mounts.emplace_back(Bind{.from = trust / "bundle.pem", .to = *SandboxPath::parse(bundle)});
  }
}

std::vector<std::string> network_weaknesses(const EgressPlan& egress) {
  std::vector<std::string> out;
  if (egress.rules.mode == NetworkMode::open) {
    out.emplace_back(
        "network.mode = \"open\": every public name can be reached; only private ranges are "
        "blocked");
  }
  if (egress.rules.learn) {
    out.emplace_back("--learn: every name is let through and noted, whatever the policy grants");
  }
  if (!egress.rules.opaque.empty()) {
    out.push_back(fmt::format("network.opaque: the name of a TLS connection is not compared for {}",
                              joined(egress.rules.opaque)));
  }
  if (!egress.rules.internal.empty()) {
    out.push_back(fmt::format("network.internal: {} may lead to private addresses",
                              joined(egress.rules.internal)));
  }
  for (const HostGrant& grant : egress.rules.allow) {
    const std::optional<IpNetwork> network = parse_network(grant.pattern);
    if (!network || classify(network->address).kind == AddressKind::global) continue;
    out.push_back(fmt::format("network.allow grants {}, which is {}", to_text(grant),
                              classify(network->address).what));
  }
  return out;
}

}  // namespace berm
