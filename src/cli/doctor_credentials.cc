// berm doctor --credentials: every grant's age, scope and end, and none of their values.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "agents/agent.h"
#include "base/text.h"
#include "cli/console.h"
#include "cli/doctor_parts.h"
#include "plan/credentials.h"
#include "session/policy_sources.h"
#include "session/run_directory.h"
#include "session/secrets.h"
#include "workspace/repository.h"

namespace berm {
namespace {

using nlohmann::json;

Result<Policy> policy_of(const CredentialCheck& check, const std::string& state) {
  if (!check.policy.empty()) {
    return BERM_TRY(resolve_policy_file(check.policy)).merged.policy;
  }
  char here[4096];
  if (::getcwd(here, sizeof here) == nullptr) return os_error("find the current directory");
  const RepositoryFacts repository = BERM_TRY(find_repository(here, ::geteuid()));
  PolicyRequest request;
  request.agent = agent_named(check.agent).value_or(AgentKind::none);
  request.credentials = check.credentials;
  return BERM_TRY(resolve_policy(request, repository, state)).merged.policy;
}

std::string age_of(const LeaseReport& report) {
  if (!report.minted) return "age unknown";
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const auto seconds = (now - *report.minted).count();
  return seconds < 86400 ? fmt::format("{} minutes old", seconds / 60)
                         : fmt::format("{} days old", seconds / 86400);
}

void print(const LeaseReport& report, const std::string& from) {
  put(fmt::format("{:<14} {} ({})\n", printable(report.name), printable(from),
                  printable(report.issuer)));
  put(fmt::format("               {}, {}, {}\n", age_of(report),
                  report.expires ? "expires " + to_text(*report.expires) : "does not expire",
                  report.revocable ? "revoked at the end of a run"
                                   : "not revocable by berm: it outlives a run"));
  if (!report.scope.empty()) put(fmt::format("               scope {}\n", printable(report.scope)));
  if (!report.note.empty()) put(fmt::format("               note: {}\n", printable(report.note)));
}

Result<int> check(const CredentialCheck& wanted) {
  const std::string state = BERM_TRY(state_directory());
  const Policy policy = BERM_TRY(policy_of(wanted, state));
  const std::vector<CredentialSource> sources = sources_of(plan_credentials(policy, "doctor"));
  json rows = json::array();
  if (!sources.empty()) {
    // Really asked for: a login that fails is found here, and not at night in CI.
    const std::string run = fmt::format("doctor-{}", ::getpid());
    Broker broker = BERM_TRY(Broker::start(BrokerProgram{}, lease_journal(state), run, sources));
    const std::vector<Credential> credentials = broker.take_credentials();
    for (std::size_t i = 0; i < credentials.size() && i < sources.size(); ++i) {
      rows.push_back(lease_to_json(credentials[i].report));
      if (!wanted.as_json) print(credentials[i].report, sources[i].from);
    }
    for (const RevokeOutcome& outcome : BERM_TRY(broker.revoke_all())) {
      if (outcome.end != LeaseEnd::failed || wanted.as_json) continue;
      put(fmt::format("{:<14} could not be revoked: {}\n", printable(outcome.name),
                      printable(outcome.why)));
    }
  }
  if (wanted.as_json) {
    put_json({{"schema", "berm.credentials/1"}, {"credentials", std::move(rows)}});
  } else if (sources.empty()) {
    put("The policy grants no credential.\n");
  }
  return kDone;
}

}  // namespace

int doctor_credentials(const CredentialCheck& wanted) {
  const Result<int> done = check(wanted);
  return done ? *done : fail(done.error());
}

}  // namespace berm
