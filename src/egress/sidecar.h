// src/egress/sidecar.h: egress without a run: a proxy beside somebody else's container.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "egress/start.h"

namespace berm {

struct SidecarListener {
  ListenerKind kind = ListenerKind::http;
  Destination at;  ///< an address and a port
};

struct SidecarOptions {
  std::vector<SidecarListener> listeners;
  std::optional<Destination> health;  ///< answers 200 while a worker serves, 503 while it drains
  Milliseconds grace{30'000};         ///< for open connections after SIGTERM
  /// The configuration as the policy file says it now; called again at each SIGHUP.
  std::function<Result<EgressConfiguration>()> read_policy;
  std::string ca_file;  ///< where the CA's certificate is written if a host is inspected
  int events_fd = 1;    ///< JSON lines
};

/// Serves until SIGTERM or SIGINT, then drains. SIGHUP reads the policy again: a new process with
/// the new policy takes over the listeners, the old one keeps its connections to their end; a
/// policy with a mistake changes nothing and is complained about.
/// @return the exit code: 0 after a drain, 1 if egress ended by itself.
[[nodiscard]] Result<int> run_sidecar(const SidecarOptions& options);

}  // namespace berm
