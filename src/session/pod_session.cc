#include "session/pod_session.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "agents/agent.h"
#include "base/text.h"
#include "plan/pod_policy.h"
#include "pod/line.h"
#include "policy/parse.h"
#include "session/pod_changes.h"
#include "session/run_session.h"

namespace berm {
namespace {

using nlohmann::json;

std::map<std::string, std::string> passed_values(const Policy& policy) {
  std::map<std::string, std::string> out;
  for (const std::string& name : policy.env_pass) {
    if (const char* value = ::getenv(name.c_str())) out[name] = value;
  }
  return out;
}

Result<RunRequest> request_of(const json& job, const pod::AgentPlace& place) {
  RunRequest request;
  const std::string agent = pod::text_in(job, "agent");
  const std::string policy = place.root + "/policy.toml";
  BERM_TRY(write_file(policy, pod::text_in(job, "policy"), 0600));
  request.policy.file = policy;
  request.policy.agent = agent_named(agent).value_or(AgentKind::none);
  request.policy.learn = job.value("learn", false);
  request.agent.kind = request.policy.agent;
  if (!job.contains("arguments") || !job["arguments"].is_array()) {
    return failure(Errc::internal, "understand the run's job");
  }
  for (const json& word : job["arguments"]) {
    request.agent.arguments.push_back(word.is_string() ? word.get<std::string>() : "");
  }
  const char* path = ::getenv("PATH");
  request.agent.path = path == nullptr ? "" : path;
  const std::string below = pod::text_in(job, "directory");
  request.directory = place.workspace() + (below.empty() ? "" : "/" + below);
  request.agent.directory = request.directory;
  request.pod = PodRun{.id = pod::text_in(job, "run"),
                       .socket = place.socket(),
                       .result = place.result(),
                       .bounded = job.value("bounded", false)};
  return request;
}

Result<RunReport> run_job(const pod::AgentPlace& place) {
  BERM_TRY(in_context("unpacking the workspace", read_pod_input(place.input(), place.source())));
  (void)::unlink(place.input().c_str());  // its room is the agent's
  const std::string text = BERM_TRY(read_file(place.job(), 4 << 20));
  const json job = json::parse(text, nullptr, false);
  if (!job.is_object()) return failure(Errc::internal, "understand the run's job");
  // A second start of the session must not find half of the first.
  BERM_TRY(remove_tree(place.state()));
  BERM_TRY(make_directories(place.state(), 0755));
  return run_session(BERM_TRY(request_of(job, place)));
}

}  // namespace

json pod_job(const PreparedRun& prepared, const RunRequest& request) {
  const Policy& policy = prepared.policy.merged.policy;
  return {{"schema", "berm.pod-job/1"},
          {"run", prepared.plan.run_id},
          {"agent", spelling(request.agent.kind)},
          {"arguments", request.agent.arguments},
          {"directory", prepared.repository.relative_cwd},
          {"policy", to_toml(pod_policy(policy, passed_values(policy)))},
          {"bounded", policy.tools.bounded},
          {"learn", policy.learn}};
}

int run_pod_session(const pod::AgentPlace& place) {
  // Ours and the agent's alike: the caller reads it from there.
  const int errors = ::open(place.output("stderr").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (errors >= 0) ::dup2(errors, 2);
  const Result<RunReport> report = run_job(place);
  json out = {{"schema", "berm.pod-report/1"}};
  if (report) {
    out["outcome"] = outcome_to_json(report->outcome);
    out["usage"] = usage_to_json(report->usage);
    out["layers"] = layers_to_json(report->layers);
    out["weaknesses"] = report->weaknesses;
    out["notes"] = report->notes;
  } else {
    const Error& error = report.error();
    out["outcome"] = outcome_to_json(SetupFailed{error});
  }
  const Result<void> written =
      replace_file(place.report(), out.dump(-1, ' ', false, json::error_handler_t::replace), 0600);
  return report && written ? 0 : 125;
}

}  // namespace berm
