// berm audit: whether the record arrives where the policy sends it, and what to do if it did not.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "audit/ship/progress_file.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "session/policy_sources.h"
#include "session/run_directory.h"
#include "session/sinks.h"
#include "workspace/repository.h"

namespace berm {
namespace {

using nlohmann::json;

struct AuditOptions {
  std::string policy;
  std::string name;  ///< of a sink, or of a run
  std::vector<std::string> sinks;
  bool all = false;
  bool json = false;
  std::string timeout = "30s";
};

// The sinks of the policy that counts here, those of `names`, or all.
Result<std::vector<SinkGrant>> sinks_of(const AuditOptions& options,
                                        const std::vector<std::string>& wanted) {
  ResolvedPolicy resolved;
  if (!options.policy.empty()) {
    resolved = BERM_TRY(resolve_policy_file(options.policy));
  } else {
    char here[4096];
    if (::getcwd(here, sizeof here) == nullptr) return os_error("find the current directory");
    const RepositoryFacts repository = BERM_TRY(find_repository(here, ::geteuid()));
    PolicyRequest request;
    request.sinks = wanted;  // who names one agrees to it
    const std::string state = BERM_TRY(state_directory());
    resolved = BERM_TRY(resolve_policy(request, repository, state));
  }
  std::vector<SinkGrant> sinks = resolved.merged.policy.audit.sinks;
  for (const std::string& name : wanted) {
    if (std::ranges::find(sinks, name, &SinkGrant::name) != sinks.end()) continue;
    std::vector<std::string_view> known;
    for (const SinkGrant& sink : sinks) known.push_back(sink.name);
    const std::string_view near = nearest(name, known);
    return failure(
        Errc::usage, fmt::format("find a sink '{}' in the policy", printable(name)),
        near.empty() ? "add it to [audit] sinks" : fmt::format("did you mean '{}'?", near));
  }
  if (!wanted.empty()) {
    std::erase_if(sinks, [&](const SinkGrant& sink) {
      return std::ranges::find(wanted, sink.name) == wanted.end();
    });
  }
  if (sinks.empty()) {
    return failure(Errc::usage, "find a sink in the policy", "add one to [audit] sinks");
  }
  return sinks;
}

json progress_to_json(const SinkProgress& sink, std::uint64_t events) {
  return {{"sink", sink.name},
          {"acknowledged", sink.acknowledged},
          {"events", events},
          {"refused", sink.refused},
          {"why", printable(sink.why)}};
}

int show(const ResendReport& report, bool as_json) {
  json rows = json::array();
  for (const SinkProgress& sink : report.sinks) {
    rows.push_back(progress_to_json(sink, report.events));
    if (as_json) continue;
    put(fmt::format("{:<20} {} of {} events acknowledged{}{}\n", sink.name, sink.acknowledged,
                    report.events,
                    sink.refused > 0 ? fmt::format(", {} refused for good", sink.refused) : "",
                    sink.why.empty() || (sink.acknowledged >= report.events && sink.refused == 0)
                        ? ""
                        : ": " + printable(sink.why)));
  }
  if (as_json) put_json({{"complete", report.complete()}, {"sinks", std::move(rows)}});
  return report.complete() ? kDone : kNo;
}

Result<int> test(const AuditOptions& options) {
  if (options.all == !options.name.empty()) {
    return failure(Errc::usage, "choose: a sink's name, or --all");
  }
  std::vector<std::string> wanted;
  if (!options.name.empty()) wanted.push_back(options.name);
  const std::vector<SinkGrant> sinks = BERM_TRY(sinks_of(options, wanted));
  const std::string state = BERM_TRY(state_directory());
  const Milliseconds patience = BERM_TRY(parse_duration(options.timeout));
  return show(BERM_TRY(test_sinks(state, sinks, patience)), options.json);
}

Result<int> send_again(const AuditOptions& options) {
  const std::string state = BERM_TRY(state_directory());
  const std::string directory = BERM_TRY(find_run(state, options.name));
  const std::string id = directory.substr(directory.rfind('/') + 1);
  if (is_running(directory)) {
    return failure(Errc::usage, fmt::format("send run {} again: it goes on", id),
                   "wait for its end: it ships its record itself");
  }
  ResendRequest request{.run = id, .directory = directory, .from_zero = options.all};
  request.sinks = BERM_TRY(sinks_of(options, options.sinks));
  request.patience = BERM_TRY(parse_duration(options.timeout));
  return show(BERM_TRY(resend(request)), options.json);
}

json state_of(const std::string& path, const std::string& name, const std::string& run) {
  const Result<std::string> text = read_plain_file(path, 1 << 16);
  if (!text) return {{"sink", name}, {"why", "its state cannot be read"}};
  const Result<SinkProgressState> state = read_progress(*text, run);
  if (!state) return {{"sink", name}, {"why", sentence(state.error())}};
  return {{"sink", name},
          {"acknowledged", state->acknowledged.sequence},
          {"refused", state->refused},
          {"gaps", state->gaps}};
}

Result<int> status(const AuditOptions& options) {
  const std::string state = BERM_TRY(state_directory());
  const std::string directory = BERM_TRY(find_run(state, options.name));
  const std::string id = directory.substr(directory.rfind('/') + 1);
  const std::uint64_t events = BERM_TRY(events_of_record(directory));
  json rows = json::array();
  bool complete = true;
  for (const std::string& name : sinks_with_state(directory)) {
    json row = state_of(progress_path(directory, name), name, id);
    const bool has_all = row.value("acknowledged", std::uint64_t{0}) >= events &&
                         row.value("refused", std::uint64_t{0}) == 0 && !row.contains("why");
    row["complete"] = has_all;
    complete = complete && has_all;
    rows.push_back(std::move(row));
  }
  if (options.json) {
    put_json({{"run", id}, {"events", events}, {"complete", complete}, {"sinks", rows}});
    return complete ? kDone : kNo;
  }
  put(fmt::format("run {}: {} events\n", id, events));
  if (rows.empty()) put("no sink\n");
  for (const json& row : rows) {
    put(fmt::format("{:<20} {} acknowledged{}{}\n", row["sink"].get<std::string>(),
                    row.value("acknowledged", std::uint64_t{0}),
                    row["complete"] == true ? "" : ", incomplete",
                    row.contains("why") ? ": " + row["why"].get<std::string>() : ""));
    for (const json& gap : row.value("gaps", json::array())) {
      put("  refused " + printable(gap.get<std::string>()) + "\n");
    }
  }
  return complete ? kDone : kNo;
}

int run_action(const Result<int>& code) { return code ? *code : fail(code.error()); }

}  // namespace

void add_audit(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("audit", "the record's sinks: test, status, resend");
  command->require_subcommand(1);
  command->footer(
      "Examples:\n  berm audit test siem\n  berm audit status latest\n"
      "  berm audit resend latest --sink siem\n\n"
      "Exit codes: 0 everything is acknowledged · 1 something is not · 2 wrong use · 125 could "
      "not");
  auto options = std::make_shared<AuditOptions>();
  const auto common = [&](CLI::App* sub) {
    sub->add_flag("--json", options->json, "for machines");
    sub->add_option("--policy", options->policy,
                    "policy file [berm.toml of the base branch, else HEAD]");
    sub->add_option("--timeout", options->timeout, "for all of it [30s]");
  };
  CLI::App* test_command = command->add_subcommand("test", "send one marked event");
  test_command->add_option("SINK", options->name, "a sink of the policy");
  test_command->add_flag("--all", options->all, "every sink");
  common(test_command);
  test_command->callback([=, &action] { action = [=] { return run_action(test(*options)); }; });
  CLI::App* resend_command =
      command->add_subcommand("resend", "send what a sink has not acknowledged");
  resend_command->add_option("RUN", options->name, "id, prefix, or latest")->required();
  resend_command->add_option("--sink", options->sinks, "only this one; may be repeated")
      ->allow_extra_args(false);
  resend_command->add_flag("--all", options->all, "everything, whatever was acknowledged");
  common(resend_command);
  resend_command->callback(
      [=, &action] { action = [=] { return run_action(send_again(*options)); }; });
  CLI::App* status_command = command->add_subcommand("status", "what each sink has of a run");
  status_command->add_option("RUN", options->name, "id, prefix, or latest")->required();
  status_command->add_flag("--json", options->json, "for machines");
  status_command->callback([=, &action] { action = [=] { return run_action(status(*options)); }; });
}

}  // namespace berm
