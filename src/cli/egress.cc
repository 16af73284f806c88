#include <fmt/format.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "egress/serve.h"
#include "egress/sidecar.h"
#include "plan/network.h"
#include "session/policy_sources.h"

namespace berm {
namespace {

struct EgressOptions {
  bool child = false;
  std::string policy;
  std::vector<std::string> http;
  std::vector<std::string> socks;
  std::string health;
  std::string ca_file;
  std::string grace = "30s";
  std::uint32_t uid = 65534;
};

Result<Destination> place(const std::string& text) {
  const std::optional<Destination> at = parse_authority(text);
  if (at && at->address) return *at;
  return failure(Errc::usage, fmt::format("'{}' is not ADDRESS:PORT", printable(text)),
                 "write for example 127.0.0.1:8118 or [::]:8118");
}

Result<EgressConfiguration> configuration_of(const EgressOptions& options) {
  const ResolvedPolicy resolved = BERM_TRY(resolve_policy_file(options.policy));
  const Policy& policy = resolved.merged.policy;
  if (!policy.credentials.empty()) {
    return failure(Errc::unsupported,
                   "serve the credentials of this policy: egress alone mints none",
                   "leave [credentials] to the policy of berm run");
  }
  EgressConfiguration out;
  out.rules = egress_rules(policy);
  out.budget = policy.network_budget;
  out.per_host = policy.network_per_host;
  out.proxy = BERM_TRY(host_proxy());
  // Root has no business in a proxy.
  out.uid = ::geteuid() == 0 ? options.uid : 0;
  constexpr std::int64_t kWeek = 7LL * 24 * 3600 * 1000;
  out.ca_lifetime = Milliseconds(kWeek);
  return out;
}

Result<int> serve(const EgressOptions& options) {
  SidecarOptions sidecar{.ca_file = options.ca_file};
  for (const std::string& text : options.http) {
    sidecar.listeners.push_back({ListenerKind::http, BERM_TRY(place(text))});
  }
  for (const std::string& text : options.socks) {
    sidecar.listeners.push_back({ListenerKind::socks, BERM_TRY(place(text))});
  }
  if (options.policy.empty() || sidecar.listeners.empty()) {
    return failure(Errc::usage, "serve: a policy and a place to listen are needed",
                   "berm egress --policy berm.toml --listen 127.0.0.1:8118");
  }
  if (!options.health.empty()) sidecar.health = BERM_TRY(place(options.health));
  sidecar.grace = BERM_TRY(parse_duration(options.grace));
  sidecar.read_policy = [&] { return configuration_of(options); };
  return run_sidecar(sidecar);
}

int egress(const EgressOptions& options) {
  if (options.child) return serve_egress();
  const Result<int> code = serve(options);
  return code ? *code : fail(code.error());
}

}  // namespace

void add_egress(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand(
      "egress", "the proxy alone, for a sidecar or a pod: names in, policy applied");
  command->footer(
      "Examples:\n  berm egress --policy berm.toml --listen 127.0.0.1:8118\n"
      "  berm egress --policy /etc/berm/egress.toml --listen 0.0.0.0:8118 --socks 0.0.0.0:1080 "
      "--health 0.0.0.0:8119\n"
      "  kill -HUP PID   # reads the policy again; open connections go on\n\n"
      "Events are JSON lines on stdout. Exit codes: 0 drained · 1 ended by itself · 125 not "
      "started");
  auto options = std::make_shared<EgressOptions>();
  command->add_flag("--child", options->child)->group("");  // for berm itself
  command->add_option("--policy", options->policy, "policy file, its [network] and limits.egress");
  command->add_option("--listen", options->http, "ADDRESS:PORT of an HTTP proxy; may be repeated")
      ->allow_extra_args(false);
  command->add_option("--socks", options->socks, "ADDRESS:PORT of a SOCKS 5 proxy; may be repeated")
      ->allow_extra_args(false);
  command->add_option("--health", options->health, "ADDRESS:PORT that answers 200 while serving");
  command->add_option("--ca-file", options->ca_file,
                      "where the CA of inspected hosts is written, for clients to trust");
  command->add_option("--grace", options->grace, "for open connections after SIGTERM [30s]");
  command->add_option("--uid", options->uid, "taken on when started by root [65534]");
  command->callback([=, &action] { action = [=] { return egress(*options); }; });
}

}  // namespace berm
