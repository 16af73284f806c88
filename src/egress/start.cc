#include "egress/start.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <array>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/secret.h"
#include "base/text.h"
#include "net/trust_files.h"
#include "net/upstream_trust.h"
#include "sys/frames.h"
#include "sys/self.h"

namespace berm {
namespace {

using nlohmann::json;

Result<std::string> random_token() {
  std::array<unsigned char, 32> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    return os_error("make the token of the run's connections");
  }
  return to_hex(bytes);
}

}  // namespace

Result<EgressConfiguration> egress_configuration(const Plan& plan) {
  EgressConfiguration out{.rules = plan.egress.rules,
                          .budget = plan.egress.budget,
                          .per_host = plan.egress.per_host,
                          .listeners = plan.egress.listeners,
                          .model = plan.egress.model,
                          .credentials = plan.egress.credentials,
                          .model_budget = plan.egress.model_budget,
                          .proxy = BERM_TRY(host_proxy()),
                          .uid = plan.identity.from_root ? plan.identity.host_uid : 0};
  // An hour more than the run may last: the guard works after it.
  out.ca_lifetime = plan.limits.time + Milliseconds(3600'000);
  if (plan.tier == TierChoice::process) out.token = BERM_TRY(random_token());
  return out;
}

Result<void> check_egress(const Plan& plan) {
  if (!plan.egress.any()) return {};
  BERM_TRY(host_proxy());
  return {};
}

Result<EgressProcess> start_egress(const EgressConfiguration& configuration,
                                   std::span<const std::shared_ptr<const Secret>> secrets) {
  Pipe events = BERM_TRY(make_pipe());
  SocketPair control = BERM_TRY(make_socket_pair());
  // Whom this user trusts, and nothing else of his environment.
  const TrustSources trust = trust_sources_from_environment();
  ChildProcess child = BERM_TRY(start_self(
      {"egress", "--child"}, {"SSL_CERT_FILE=" + trust.file, "SSL_CERT_DIR=" + trust.directory},
      control.theirs.get(), events.write.get()));
  EgressProcess egress{.process = std::move(child),
                       .events = std::move(events.read),
                       .control = std::move(control.ours),
                       .token = std::make_shared<Secret>(std::string(configuration.token))};
  BERM_TRY(write_frame(egress.control.get(), to_json(configuration).dump()));
  for (const std::shared_ptr<const Secret>& secret : secrets) {
    BERM_TRY(write_frame(egress.control.get(), secret->reveal()));
  }
  return egress;
}

Result<void> renew_secret(const EgressProcess& egress, std::size_t credential,
                          const Secret& secret) {
  BERM_TRY(write_all(egress.control.get(), "s"));
  BERM_TRY(write_frame(egress.control.get(), std::to_string(credential)));
  return write_frame(egress.control.get(), secret.reveal());
}

Result<void> answer_host(const EgressProcess& egress, const std::string& host, std::uint16_t port,
                         HostAnswer said) {
  BERM_TRY(write_all(egress.control.get(), "a"));
  const json answer = {{"host", host}, {"port", port}, {"said", static_cast<unsigned>(said)}};
  return write_frame(egress.control.get(), answer.dump());
}

Result<std::string> await_egress(const EgressProcess& egress) {
  const std::string text = BERM_TRY(read_frame(egress.control.get(), std::chrono::seconds(10)));
  const json ready = json::parse(text, nullptr, false);
  if (!ready.is_object()) return failure(Errc::internal, "understand the egress process");
  if (ready.value("ok", false)) return ready.value("ca", "");
  return tl::unexpected(Error{.code = Errc::unsupported,
                              .what = ready.value("what", "start the egress process"),
                              .os_errno = ready.value("errno", 0),
                              .fix = ready.value("fix", ""),
                              .context = {"starting the egress process"}});
}

Result<void> hand_over(const EgressProcess& egress, std::vector<UniqueFd> listeners,
                       const IpNetwork& name_pool) {
  BERM_TRY(send_descriptors(egress.control.get(), listeners));
  return write_frame(egress.control.get(), to_text(name_pool));
}

Result<void> write_trust(const std::string& directory, const std::string& ca_pem) {
  const std::string roots = BERM_TRY(read_host_roots(trust_sources_from_environment()));
  const std::string all = bundle(roots, ca_pem);
  BERM_TRY(make_directories(directory, 0755));
  BERM_TRY(write_file(directory + "/ca.pem", ca_pem, 0644));
  BERM_TRY(write_file(directory + "/bundle.pem", all, 0644));
  const std::vector<std::string> certificates = der_certificates(all);
  return write_file(directory + "/trust.jks", java_trust_store(certificates), 0644);
}

}  // namespace berm
