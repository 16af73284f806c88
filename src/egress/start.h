// src/egress/start.h: the egress process of a run, seen from the supervisor.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/secret.h"
#include "egress/configuration.h"
#include "supervise/supervisor.h"

namespace berm {

/// What the run's egress is told. Without secrets.
[[nodiscard]] Result<EgressConfiguration> egress_configuration(const Plan& plan);

/// Starts the egress process; it makes itself ready while the sandbox is being built. The secrets
/// go through a socket: not by argument, not by environment, not by file.
/// @param secrets  in the order of `configuration.credentials`
[[nodiscard]] Result<EgressProcess> start_egress(
    const EgressConfiguration& configuration,
    std::span<const std::shared_ptr<const Secret>> secrets);

/// Gives egress the new value of a secret that was renewed.
[[nodiscard]] Result<void> renew_secret(const EgressProcess& egress, std::size_t credential,
                                        const Secret& secret);

/// Gives egress the user's answer about a host.
[[nodiscard]] Result<void> answer_host(const EgressProcess& egress, const std::string& host,
                                       std::uint16_t port, HostAnswer said);

/// Waits until egress is confined and ready, or says why it is not.
/// @return the certificate of the run's CA (PEM); "" if no host is inspected.
[[nodiscard]] Result<std::string> await_egress(const EgressProcess& egress);

/// Gives egress its listeners: from now on it serves.
/// @param name_pool  where the addresses of names come from inside
[[nodiscard]] Result<void> hand_over(const EgressProcess& egress, std::vector<UniqueFd> listeners,
                                     const IpNetwork& name_pool);

/// Writes ca.pem, bundle.pem and trust.jks into `directory` for the programs inside.
[[nodiscard]] Result<void> write_trust(const std::string& directory, const std::string& ca_pem);

/// Refuses early what start_egress() would refuse late.
[[nodiscard]] Result<void> check_egress(const Plan& plan);

}  // namespace berm
