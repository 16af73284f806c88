// src/audit/ship/start.h: what ships a record, seen from who has it shipped.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "audit/ship/configuration.h"
#include "supervise/sink_watch.h"

namespace berm {

/// Values by "SINK/KEY".
using SinkSecrets = std::map<std::string, std::shared_ptr<const Secret>>;

/// Starts the process that ships and waits until it is confined: every receiver's files are open,
/// its secrets are there. It does not need the receivers to answer.
[[nodiscard]] Result<ShipProcess> start_ship(const ShipConfiguration& configuration,
                                             const SinkSecrets& secrets);

/// A secret has a new value.
[[nodiscard]] Result<void> renew_secret(const ShipProcess& ship, const std::string& sink,
                                        const std::string& key, const Secret& secret);

}  // namespace berm
