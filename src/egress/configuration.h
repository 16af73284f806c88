// src/egress/configuration.h: what the egress process is told, once, before it confines itself.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "net/upstream_proxy.h"
#include "plan/plan.h"
#include "rules/egress/access.h"

namespace berm {

struct EgressConfiguration {
  EgressRules rules;
  NetworkBudget budget;
  NetworkBudget per_host;
  std::vector<Listener> listeners;  ///< in the order of the descriptors
  std::optional<ModelProxy> model;
  std::vector<EgressCredential> credentials;  ///< their secrets follow, in this order
  ModelBudget model_budget;
  std::optional<UpstreamProxy> proxy;
  std::uint32_t uid = 0;       ///< taken on when root; 0 = stay
  Milliseconds ca_lifetime{};  ///< of the run's CA, if a host is inspected
  std::string token;  ///< begins each connection; "" = only the run can reach the listeners
  bool operator==(const EgressConfiguration&) const = default;
};

/// One JSON object, without any secret, and back. @return Errc::internal for anything else.
[[nodiscard]] nlohmann::json to_json(const EgressConfiguration& configuration);
[[nodiscard]] Result<EgressConfiguration> read_configuration(const nlohmann::json& json);

}  // namespace berm
