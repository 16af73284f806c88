#include "plan/credentials.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "plan/mounts.h"
#include "policy/credential_presets.h"

namespace berm {
namespace {

std::string filled(std::string text, const std::string& placeholder) {
  const std::size_t at = text.find("{}");
  return at == std::string::npos ? text : text.replace(at, 2, placeholder);
}

}  // namespace

std::vector<CredentialPlan> plan_credentials(const Policy& policy, std::string_view run_id) {
  std::vector<CredentialPlan> out;
  for (const auto& [name, grant] : policy.credentials) {
    out.push_back({.name = name,
                   .grant = grant,
                   .placeholder = grant.placeholder.empty()
                                      ? make_placeholder(grant.preset, run_id, name)
                                      : grant.placeholder});
  }
  return out;
}

std::vector<EgressCredential> egress_credentials(const std::vector<CredentialPlan>& credentials) {
  std::vector<EgressCredential> out;
  for (const CredentialPlan& credential : credentials) {
    out.push_back({.name = credential.name,
                   .placeholder = credential.placeholder,
                   .to = credential.grant.to,
                   .model = credential.grant.model});
  }
  return out;
}

std::vector<HostGrant> keyed_hosts(const std::vector<EgressCredential>& credentials,
                                   const std::optional<ModelProxy>& model) {
  std::vector<HostGrant> out;
  for (const EgressCredential& credential : credentials) {
    if (model && model->credential == credential.name) continue;
    for (const CredentialUse& use : credential.to) {
      const HostGrant host{.pattern = use.host, .port = use.port};
      if (std::ranges::find(out, host) == out.end()) out.push_back(host);
    }
  }
  return out;
}

void add_placeholders(Plan& plan) {
  for (const CredentialPlan& credential : plan.credentials) {
    // The agent's profile tells its client itself.
    if (plan.egress.model && plan.egress.model->credential == credential.name) continue;
    for (const auto& [name, content] : credential.grant.env) {
      plan.env[name] = filled(content, credential.placeholder);
    }
    if (!credential.grant.file) continue;
    const CredentialFile& file = *credential.grant.file;
    const Result<SandboxPath> at = SandboxPath::parse(plan.places.home + file.path.substr(1));
    if (!at) continue;  // the parser has let through normal paths only
    plan.mounts.emplace_back(
        File{.at = *at, .content = filled(file.content, credential.placeholder), .mode = 0644});
  }
}

std::vector<std::string> credential_weaknesses(const Plan& plan) {
  std::vector<std::string> out;
  const ModelBudget& budget = plan.egress.model_budget;
  const bool limited = budget.tokens || budget.cost || budget.requests || budget.token_rate;
  const bool metered = std::ranges::any_of(plan.credentials, [](const CredentialPlan& credential) {
    return !credential.grant.model.api.empty();
  });
  if (limited && !metered) {
    out.emplace_back("limits of model APIs are not held: no credential of the run is for one");
  }
  for (const CredentialPlan& credential : plan.credentials) {
    if (credential.grant.model.hosted_tools == HostedTools::allow) {
      out.push_back(
          fmt::format("credentials.{}.model.hosted_tools = \"allow\": the model's "
                      "provider fetches and executes for the agent, past egress",
                      credential.name));
    }
    if (credential.grant.max_age && !credential.grant.old_is_refused) {
      out.push_back(
          fmt::format("credentials.{}.on_old = \"warn\": an old key is used", credential.name));
    }
  }
  return out;
}

}  // namespace berm
