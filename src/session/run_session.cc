#include "session/run_session.h"

#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "audit/record_file.h"
#include "base/text.h"
#include "egress/start.h"
#include "host/doctor.h"
#include "host/probe.h"
#include "judge/start.h"
#include "plan/print.h"
#include "pod/bridge.h"
#include "policy/parse.h"
#include "record/attestation.h"
#include "record/canonical.h"
#include "record/chain.h"
#include "record/sha256.h"
#include "remote/run.h"
#include "session/attach_file.h"
#include "session/audit_key.h"
#include "session/change_diffs.h"
#include "session/import_on_success.h"
#include "session/materials.h"
#include "session/pod_changes.h"
#include "session/pod_session.h"
#include "session/secrets.h"
#include "session/sinks.h"
#include "session/tool_answers.h"
#include "sys/locked_memory.h"
#include "tiers/kubernetes/run_objects.h"
#include "workspace/import.h"
#include "workspace/prepare.h"

namespace berm {
namespace {

constexpr std::size_t kLargestAttested = 1ULL << 30;

using nlohmann::json;

// What later commands need of this run. Written before the start, so that a crash leaves it.
json stored_run(const PreparedRun& prepared, const timespec& started) {
  const Plan& plan = prepared.plan;
  json hidden = json::array();
  for (const HiddenPath& path : prepared.repository.hidden) {
    hidden.push_back(to_hex({reinterpret_cast<const unsigned char*>(path.path.data()),
                             path.path.size()}));  // any bytes
  }
  json objects = json::array();
  for (const HostPath& path : prepared.repository.object_dirs) objects.push_back(path.str());
  json policy = to_json(plan)["guard"];
  return {{"schema", "berm.stored-run/1"},
          {"id", plan.run_id},
          {"status", "running"},
          {"created", wall_time()},
          {"started_s", started.tv_sec},
          {"started_ns", started.tv_nsec},
          {"repository", plan.workspace.repository.str()},
          {"root", {{"device", prepared.repository.device}, {"inode", prepared.repository.inode}}},
          {"git_dir", prepared.repository.git_dir.str()},
          {"objects", std::move(objects)},
          {"base", {{"head", plan.workspace.base_commit}, {"branch", plan.workspace.base_branch}}},
          {"mode", spelling(plan.workspace.mode)},
          {"git", spelling(plan.workspace.git)},
          {"agent", spelling(plan.agent)},
          {"argv", plan.argv},
          {"hidden", std::move(hidden)},
          {"guard", std::move(policy)}};
}

// One run after its plan is made. Each stage is a method; run() is the page to read.
class Session {
 public:
  Session(PreparedRun prepared, const RunRequest& request, RecordFile record)
      : prepared_(std::move(prepared)),
        plan_(prepared_.plan),
        request_(request),
        record_(std::move(record)) {
    report_.id = plan_.run_id;
    report_.path = plan_.run_directory.str();
    report_.notes = prepared_.policy.notes;
    for (const std::string& note : prepared_.policy.merged.tightened) report_.notes.push_back(note);
    for (const std::string& note : plan_.notes) report_.notes.push_back(note);
    report_.tier = plan_.tier;
    report_.layers = plan_.layers;
    report_.weaknesses = plan_.weaknesses;
  }

  RunReport run() {
    // The clock of st_ctim, so that "changed since" compares like with like.
    ::clock_gettime(CLOCK_REALTIME_COARSE, &started_);
    Result<void> ready = prepare_layers(plan_, prepared_.repository);
    if (ready) ready = acquire_secrets();
    if (ready) ready = launch_egress();
    if (ready) ready = acquire_key();
    if (ready) ready = launch_sinks();
    if (ready) ready = compile_rules();
    if (ready) ready = launch_judge();
    if (ready) {
      if (plan_.kubernetes) {
        run_in_pods();
      } else {
        supervise_run();
      }
    } else {
      open_record();
      report_.outcome = SetupFailed{ready.error()};
      end_secrets(false);
    }
    return conclude();
  }

  // From where its caller died. What fails before the pods are found leaves all as it is.
  Result<RunReport> attach(nlohmann::json stored, RemoteAttach& remote) {
    stored_ = std::move(stored);
    secrets_.emplace();
    record_.hide(secrets_->known());
    record_.sync(plan_.audit.fsync);
    lasting_key_ = BERM_TRY(lasting_key(plan_.audit.key, plan_.audit.public_key));
    BERM_TRY(launch_sinks());
    record_.append(
        "supervisor", "run.attach",
        {{"berm", BERM_VERSION}, {"events", record_.count()}, {"passed_on", remote.passed_on}});
    report_.notes.emplace_back(
        "the berm that began this run died; what the run's credentials are, this one does not "
        "know: "
        "output and changes were searched for what looks like a secret");
    BERM_TRY(hear_pods(&remote));
    for (std::string& told : end_leases_of_dead_runs(prepared_.state)) {
      report_.notes.push_back(std::move(told));
    }
    return conclude();
  }

 private:
  RunReport conclude() {
    const bool started = !std::holds_alternative<SetupFailed>(report_.outcome);
    if (started && request_.pod) return_changes();
    if (started && !request_.pod) judge_run();
    if (started && (report_.usage.denied > 0 || plan_.egress.rules.learn)) collect_network();
    if (!started) drop_workspace();
    settle_sinks();
    report_.verdict = judge(report_.outcome, guard_, !record_.failed());
    if (report_.verdict.status == VerdictStatus::success) import_on_success();
    close_record();
    finish_sinks();
    if (secrets_) report_.known = secrets_->shared_known();
    return std::move(report_);
  }

  void store();
  void store_verdict();
  void open_record();
  Result<void> acquire_secrets();
  Result<void> launch_egress();
  Result<void> launch_judge();
  Result<void> acquire_key();
  Result<void> launch_sinks();
  [[nodiscard]] std::shared_ptr<const Secret> credential_value(const std::string& name) const;
  void settle_sinks();
  void finish_sinks();
  Result<void> compile_rules();
  [[nodiscard]] ToolDecision decide_exec(const ExecCall& call) const;
  void end_secrets(bool disable_keys);
  void supervise_run();
  void run_in_pods();
  [[nodiscard]] Result<void> hear_pods(RemoteAttach* dead);
  void take_outcome(Result<Supervision> done);
  void judge_run();
  void return_changes();
  [[nodiscard]] Result<Changes> look_at_changes(const Result<WalkPlace>& place) const;
  void collect_network();
  void drop_workspace();
  void import_on_success();
  void write_attestation();
  void close_record();

  PreparedRun prepared_;
  PolicyAnswers answers_{prepared_.repository, prepared_.state};
  const Plan& plan_;
  const RunRequest& request_;
  RecordFile record_;
  std::optional<RunSecrets> secrets_;  ///< outlives the record's use of it
  std::optional<EgressProcess> egress_;
  bool egress_serves_ = false;
  std::optional<JudgeProcess> judge_;
  RunSinks sinks_;  ///< after the record, which it writes to
  std::optional<ToolRules> tool_rules_;
  mutable std::mutex consent_mutex_;
  std::set<std::string> consented_;  ///< rules whose question the user allowed
  std::optional<LastingKey> lasting_key_;
  std::optional<RunKey> run_key_;  ///< until the record has it
  json stored_;
  timespec started_{};
  GuardSummary guard_;
  RunReport report_;
};

void Session::store() {
  if (!save_run(report_.path, stored_)) report_.notes.emplace_back("run.json could not be written");
}

void Session::store_verdict() {
  stored_["status"] = name_of(report_.verdict.status);
  stored_["exit_code"] = report_.verdict.exit_code;
}

void Session::open_record() {
  if (record_.count() > 0) return;
  stored_ = stored_run(prepared_, started_);
  store();
  const json plan = to_json(plan_);
  json sources = json::array();
  for (const PolicySourceDigest& source : prepared_.policy.sources) {
    sources.push_back({{"source", source.source}, {"sha256", source.sha256}});
  }
  record_.append(
      "supervisor", "run.start",
      {{"berm", BERM_VERSION},
       {"plan_sha256", sha256_hex(plan.dump(-1, ' ', false, json::error_handler_t::replace))},
       {"policy", std::move(sources)},
       {"notes", report_.notes},
       {"agent", spelling(plan_.agent)},
       {"argv", plan_.argv},
       {"repository", plan_.workspace.repository.str()},
       {"base", {{"head", plan_.workspace.base_commit}, {"branch", plan_.workspace.base_branch}}},
       {"lock_files", lock_files_in(plan_.workspace.repository.str())},
       {"grants",
        {{"network", plan["network"]["allow"]},
         {"write", plan["guard"]["allow"]},
         {"read", prepared_.policy.merged.policy.read_paths}}},
       {"kernel", prepared_.host.kernel}});
  if (run_key_) record_.sign_with(*std::exchange(run_key_, std::nullopt));
  if (!prepared_.agent_version.empty()) {
    record_.append("supervisor", "agent.version",
                   {{"agent", spelling(plan_.agent)}, {"version", prepared_.agent_version}});
  }
  record_.append("supervisor", "enforcement",
                 {{"layers", layers_to_json(plan_.layers)},
                  {"limits", plan["limits"]},
                  {"weaknesses", plan_.weaknesses}});
  if (secrets_) secrets_->record_minted(record_);
}

// Before anything hostile runs. The record hides them from its first event on.
Result<void> Session::acquire_secrets() {
  secrets_.emplace();
  record_.hide(secrets_->known());
  // The values are in the egress pod; here their placeholders do.
  if (request_.pod) return {};
  return secrets_->acquire(plan_, prepared_.state);
}

// After the last hostile byte, and before the guard takes its time.
void Session::end_secrets(bool disable_keys) {
  if (secrets_) secrets_->end(record_, disable_keys, report_.notes);
}

// Before the sandbox is built: its certificate is among the files inside.
Result<void> Session::launch_egress() {
  if (!plan_.egress.any() || plan_.kubernetes) return {};
  const EgressConfiguration configuration = BERM_TRY(egress_configuration(plan_));
  egress_ = BERM_TRY(request_.pod ? pod::start_bridge(configuration, request_.pod->socket)
                                  : start_egress(configuration, secrets_->values()));
  if (!plan_.egress.trust_run_ca) return {};
  const std::string ca = BERM_TRY(await_egress(*egress_));
  return write_trust((plan_.run_directory / "trust").str(), ca);
}

Result<void> Session::launch_judge() {
  if (plan_.tools.hooked && !plan_.kubernetes) judge_ = BERM_TRY(start_judge(plan_));
  return {};
}

// Whoever is to vouch for this run's key does so before anything happens that it will sign.
Result<void> Session::acquire_key() {
  record_.sync(plan_.audit.fsync);
  lasting_key_ = BERM_TRY(lasting_key(plan_.audit.key, plan_.audit.public_key));
  if (lasting_key_) run_key_ = BERM_TRY(make_run_key(plan_.run_id, lasting_key_));
  return {};
}

std::shared_ptr<const Secret> Session::credential_value(const std::string& name) const {
  for (std::size_t i = 0; secrets_ && i < plan_.credentials.size(); ++i) {
    if (plan_.credentials[i].name == name) return secrets_->values()[i];
  }
  return nullptr;
}

Result<void> Session::launch_sinks() {
  return sinks_.launch(
      plan_, [this](const std::string& name) { return credential_value(name); }, record_,
      [this](const std::string& name, const Secret& value) {
        // One too short to be recognised is used all the same: nothing inside can come by it.
        (void)secrets_->know(name, value);
      });
}

// Nothing is imported whose evidence is not where the policy demands it.
void Session::settle_sinks() {
  if (std::holds_alternative<RecordLost>(report_.outcome)) return;
  const std::string missing = sinks_.settle();
  if (missing.empty()) return;
  report_.notes.push_back(missing);
  if (!plan_.audit.require_sink || std::holds_alternative<SetupFailed>(report_.outcome)) return;
  report_.outcome = RecordLost{missing};
}

// The last lines. What lacks them can be sent again: berm audit resend.
void Session::finish_sinks() {
  if (sinks_.watch() == nullptr) return;
  // It had its grace already.
  const bool lost = std::holds_alternative<RecordLost>(report_.outcome);
  const std::string missing = sinks_.finish(lost ? Milliseconds(0) : plan_.audit.grace);
  stored_["sinks"] = sinks_.reached();
  if (!missing.empty()) {
    report_.notes.push_back(missing + fmt::format("; berm audit resend {} sends them", report_.id));
    if (plan_.audit.require_sink && report_.verdict.exit_code != 123) {
      report_.verdict = {VerdictStatus::record_failed, 123, {missing}};
      store_verdict();
    }
  }
  store();
}

// What the user allowed at a hook, by the same rule, may start; nobody is asked while a process
// waits in execve(2), and that is a no. On the thread of the notifications.
ToolDecision Session::decide_exec(const ExecCall& call) const {
  ToolDecision decision = tool_rules_->decide(call);
  if (decision.action != ToolAction::ask) return decision;
  {
    const std::lock_guard lock(consent_mutex_);
    if (!consented_.contains(decision.rule)) return decision;
  }
  decision.action = ToolAction::report;
  decision.reported.push_back(decision.rule);
  return decision;
}

Result<void> Session::compile_rules() {
  tool_rules_ = BERM_TRY(ToolRules::compile(
      plan_.tools.policy, {.workspace = plan_.workspace.at.str(), .home = plan_.tools.home}));
  return {};
}

void Session::supervise_run() {
  const CgroupPlaces& places = prepared_.cgroups;
  SuperviseOptions options{
      .cgroups = {.v2 = places.kind == CgroupKind::v2 || places.kind == CgroupKind::scope,
                  .scope = places.kind == CgroupKind::scope,
                  .memory = places.memory,
                  .pids = places.pids,
                  .cpu = places.cpu},
      .egress = egress_ ? &*egress_ : nullptr,
      .hand_over = [this](std::vector<UniqueFd> listeners, bool routed) -> Result<void> {
        if (!plan_.egress.trust_run_ca) BERM_TRY(await_egress(*egress_));
        BERM_TRY(hand_over(*egress_, std::move(listeners),
                           routed ? routed_name_pool() : loopback_name_pool()));
        egress_serves_ = true;
        return {};
      },
      .judge = judge_ ? &*judge_ : nullptr,
      .hand_over_tools = [this](UniqueFd socket) { return hand_over(*judge_, std::move(socket)); },
      // The plan is on the record before the agent runs, and costs no time: the sandbox is being
      // built.
      .while_building = [this]() -> Result<void> {
        if (secrets_ && !secrets_->values().empty()) forbid_dumps();
        open_record();
        BERM_TRY(fill_git(plan_, prepared_.repository));
        return place_git(plan_, prepared_.repository);
      },
      .known = secrets_ ? &secrets_->known() : nullptr,
      // Not before egress serves: until then its control socket carries something else.
      .broker_fd = [this] { return egress_serves_ && secrets_ ? secrets_->fd() : -1; },
      .on_broker = [this]() -> Result<void> {
        BERM_TRY(secrets_->hear(
            [this](std::size_t index, const Secret& value) {
              return renew_secret(*egress_, index, value);
            },
            record_));
        sinks_.renew();
        return {};
      },
      .on_consent =
          [this](const std::string& rule) {
            const std::lock_guard lock(consent_mutex_);
            consented_.insert(rule);
          },
      .answer_host =
          [this](const std::string& host, std::uint16_t port, HostAnswer answer) {
            // Egress that does not hear it goes on refusing.
            if (egress_) (void)answer_host(*egress_, host, port, answer);
          },
      .on_exec = [this](const ExecCall& call) { return decide_exec(call); },
      .sinks = sinks_.watch(),
      .can_ask = request_.can_ask,
      .write_to_policy =
          [this](const json& question) { answers_.allow_for_good(question, report_.notes); },
      .show_status = request_.show_status,
      .stdout_fd = request_.report_on_stdout ? 2 : 1};
  take_outcome(supervise(plan_, record_, options));
}

// The sandbox is elsewhere: what it needs travels there, and what it did comes back.
void Session::run_in_pods() {
  if (secrets_ && !secrets_->values().empty()) forbid_dumps();
  open_record();
  const std::string input = (plan_.run_directory / "input.tree").str();
  Result<void> ready = fill_git(plan_, prepared_.repository);
  if (ready) {
    ready = write_pod_input(plan_, prepared_.repository, pod_job(prepared_, request_), input);
  }
  if (!ready) return take_outcome(tl::unexpected(ready.error()));
  stored_["cluster"] = {{"namespace", plan_.kubernetes->name_space},
                        {"object", kubernetes::object_name(plan_)},
                        {"left", true}};
  store();
  const Result<void> heard = hear_pods(nullptr);
  (void)::unlink(input.c_str());
  if (heard) return;
  remove_attach_file(plan_.run_directory.str());
  take_outcome(tl::unexpected(heard.error()));
}

// @param dead  nullptr: the run is begun
Result<void> Session::hear_pods(RemoteAttach* dead) {
  const std::string result = (plan_.run_directory / "result.tree").str();
  const RemoteRunOptions options{
      .input = (plan_.run_directory / "input.tree").str(),
      .result = result,
      .secrets = secrets_->values(),
      .known = &secrets_->known(),
      .broker_fd = [this] { return secrets_->fd(); },
      .on_broker = [this](const RunSecrets::Renew& renew) -> Result<void> {
        BERM_TRY(secrets_->hear(renew, record_));
        sinks_.renew();
        return {};
      },
      .sinks = sinks_.watch(),
      .on_link = [this](const LinkEnd& own) -> Result<void> {
        record_.make_key();
        if (record_.signing_key() == nullptr) return failure(Errc::kernel, "write the record");
        return write_attach_file(plan_, own, *record_.signing_key());
      },
      .attach = dead,
      .show_status = request_.show_status,
      .stdout_fd = request_.report_on_stdout ? 2 : 1};
  RemoteEnd done = BERM_TRY(run_remotely(plan_, record_, options));
  if (exists(result)) {
    const Result<void> taken = read_pod_changes(plan_, result);
    // Half of it would be judged as if it were all.
    if (!taken) done.supervision.outcome = BoundaryLost{sentence(taken.error())};
    (void)::unlink(result.c_str());
  }
  remove_attach_file(plan_.run_directory.str());
  stored_["cluster"]["left"] = !done.left.empty();
  if (!done.left.empty()) {
    report_.notes.push_back("objects of the run are left in the cluster: " + done.left +
                            "; berm runs --prune deletes them");
  }
  take_outcome(std::move(done.supervision));
  return {};
}

void Session::take_outcome(Result<Supervision> done) {
  egress_.reset();
  judge_.reset();
  open_record();  // set-up may have failed before
  end_secrets(done && done->disable_keys);
  if (!done) {
    report_.outcome = SetupFailed{done.error()};
    return;
  }
  report_.outcome = std::move(done->outcome);
  report_.usage = done->usage;
  if (auto* failed = std::get_if<SetupFailed>(&report_.outcome)) {
    failed->error = explain_setup_failure(std::move(failed->error), prepared_.host);
  }
  record_.append(
      "supervisor", "run.outcome",
      {{"outcome", outcome_to_json(report_.outcome)}, {"usage", usage_to_json(report_.usage)}});
}

// Nothing of the agent ran: what was made for it, perhaps half of a copy, is of no use to anybody.
void Session::drop_workspace() {
  if (const Result<void> removed = remove_workspace(report_.path); !removed) {
    report_.notes.push_back(sentence(removed.error()));
  }
}

Result<Changes> Session::look_at_changes(const Result<WalkPlace>& place) const {
  BERM_TRY(withdraw_git(plan_, prepared_.repository));
  if (!place) return tl::unexpected(place.error());
  return walk_changes(*place);
}

void Session::judge_run() {
  // The overlay's own workshop, which nobody could remove by hand: the kernel makes it without
  // rights.
  if (const Result<void> removed = remove_tree(report_.path + "/changes/work"); !removed) {
    report_.notes.push_back(sentence(removed.error()));
  }
  Result<WalkPlace> place = walk_place_of(report_.path, stored_);
  Result<Changes> changes = look_at_changes(place);
  if (!changes) {
    // A guard that cannot look refuses (MS toolkit#3506).
    report_.findings.push_back({"guard-failed", "", sentence(changes.error())});
    record_.append("supervisor", "guard.failed",
                   {{"what", changes.error().what}, {"errno", changes.error().os_errno}});
    return;
  }
  report_.changes = *std::move(changes);
  if (place->mode == WorkspaceMode::direct) {
    if (const Result<void> disarmed = remove_special_modes(*place, report_.changes); !disarmed) {
      report_.notes.push_back(sentence(disarmed.error()));
    }
  }
  const KnownSecrets* known = secrets_ ? &secrets_->known() : nullptr;
  GuardPolicy guard = guard_policy_of(stored_);
  guard.known = known;
  report_.findings = judge_changes(report_.changes, guard);
  const Result<std::vector<Finding>> of_commits =
      judge_commits(*place, report_.changes, stored_, known);
  if (of_commits) {
    report_.findings.insert(report_.findings.end(), of_commits->begin(), of_commits->end());
  } else {
    report_.findings.push_back({"commits", "",
                                "the commits cannot be judged: " + sentence(of_commits.error()),
                                Severity::refuse});
  }
  guard_.judged = true;
  guard_.changes = report_.changes.files.size();
  for (const Finding& finding : report_.findings) {
    if (finding.severity != Severity::refuse) continue;
    guard_.refusals.push_back(
        finding.path.empty() ? finding.message
                             : fmt::format("'{}' {}", printable(finding.path), finding.message));
  }
  json changed = changes_to_json(report_.changes);
  const Result<std::string> diffs =
      write_diffs(report_.changes, secrets_->known(), report_.path + "/diffs.json");
  if (!diffs) report_.notes.push_back(sentence(diffs.error()));
  changed["diffs_sha256"] = diffs.value_or("");
  record_.append("supervisor", "changes", changed);
  record_.append("supervisor", "guard",
                 {{"findings", findings_to_json(report_.findings)},
                  {"decision", guard_.refusals.empty() ? "allow" : "deny"},
                  {"refused", !guard_.refusals.empty()}});
}

// The guard is where the caller is, and so is what it judges.
void Session::return_changes() {
  const Result<WalkPlace> place = walk_place_of(report_.path, stored_);
  const Result<Changes> changes = look_at_changes(place);
  const Result<void> written = changes ? write_pod_changes(*place, *changes, request_.pod->result)
                                       : tl::unexpected(changes.error());
  if (!written) {
    // Half of them would be judged as if they were all.
    (void)::unlink(request_.pod->result.c_str());
    record_.append("supervisor", "guard.failed",
                   {{"what", written.error().what}, {"errno", written.error().os_errno}});
    report_.notes.push_back(sentence(written.error()));
  }
}

// What the policy lacked for this run, from its own record.
void Session::collect_network() {
  const Result<std::string> text = read_file(report_.path + "/record.jsonl", 256 << 20);
  if (!text) return;
  std::vector<json> events;
  for (const std::string_view line : split(*text, '\n')) {
    if (line.find("\"net.") != std::string_view::npos) events.push_back(parse_event(line));
  }
  report_.asked_for = asked_for(events);
  if (!plan_.egress.rules.learn) return;
  PolicyLayer proposal;
  proposal.network.allow = plan_.egress.rules.allow;
  for (const AskedFor& one : report_.asked_for) {
    const Result<HostGrant> grant = parse_host_grant(one.destination);
    if (grant) proposal.network.allow->push_back(*grant);
  }
  const std::string path = report_.path + "/proposed-policy.toml";
  const std::string head = fmt::format(
      "# Proposed from run {}: what the policy granted, and what the run reached beyond it.\n"
      "# Read every line before you use it: what was asked for is not what is needed.\n",
      report_.id);
  if (write_file(path, head + to_toml(proposal), 0600)) report_.proposal = path;
}

void Session::import_on_success() {
  const Result<WalkPlace> place = walk_place_of(report_.path, stored_);
  if (!place || plan_.workspace.on_success.action == SuccessAction::keep) return;
  Imported done = berm::import_on_success(prepared_, *place, report_.changes);
  if (!done.failed.empty()) {
    report_.verdict.status = VerdictStatus::guard_refused;
    report_.verdict.exit_code = 120;
    report_.verdict.reasons.push_back(done.failed);
  }
  record_.append("supervisor", "import",
                 {{"note", done.note}, {"refs", done.references}, {"failed", done.failed}});
  report_.imported = std::move(done.references);
  report_.import_note = std::move(done.note);
}

// Beside the record, and from it alone: whoever has the record can make the same statement.
void Session::write_attestation() {
  if (record_.failed() || record_.signing_key() == nullptr) return;
  const Result<std::string> text = read_file(report_.path + "/record.jsonl", kLargestAttested);
  Result<void> written = text ? Result<void>() : tl::unexpected(text.error());
  if (text) {
    const json statement =
        statement_of(*text, {.run = report_.id,
                             .events = record_.count(),
                             .head = record_.head(),
                             .checkpoint = record_.last_note(),
                             .key = fingerprint(record_.signing_key()->public_key())});
    std::vector<const SigningKey*> keys = {record_.signing_key()};
    if (lasting_key_ && lasting_key_->key) keys.push_back(&*lasting_key_->key);
    written = write_file(report_.path + "/attestation.json",
                         canonical(dsse_envelope(statement, keys)) + "\n", 0600);
  }
  if (!written) report_.notes.push_back("no attestation: " + sentence(written.error()));
}

void Session::close_record() {
  record_.append("supervisor", "verdict",
                 {{"status", name_of(report_.verdict.status)},
                  {"exit_code", report_.verdict.exit_code},
                  {"reasons", report_.verdict.reasons}});
  record_.end();
  write_attestation();
  if (record_.failed() && report_.verdict.exit_code != 123) {
    report_.verdict = {VerdictStatus::record_failed, 123, {"the record could not be written"}};
  }
  store_verdict();
  stored_["record_head"] = record_.head();
  stored_["usage"] = usage_to_json(report_.usage);
  stored_["changes_sha256"] = report_.changes.digest;
  stored_["imported"] = !report_.import_note.empty();
  store();
}

}  // namespace

Result<RunReport> run_session(const RunRequest& request) {
  PreparedRun prepared = BERM_TRY(prepare_run(request, Footprint::run_directory));
  if (const Result<void> reachable = check_egress(prepared.plan); !reachable) {
    BERM_TRY(remove_tree(prepared.run.path));
    return tl::unexpected(reachable.error());
  }
  for (std::string& told : end_leases_of_dead_runs(prepared.state)) {
    prepared.policy.notes.push_back(std::move(told));
  }
  RecordFile record =
      BERM_TRY(RecordFile::create(prepared.run.path + "/record.jsonl", prepared.run.id));
  return Session(std::move(prepared), request, std::move(record)).run();
}

Result<RunReport> attach_session(const AttachRequest& request) {
  DeadRun dead = BERM_TRY(open_dead_run(request.run));
  const RunRequest shown{.show_status = request.show_status,
                         .report_on_stdout = request.report_on_stdout};
  return Session(std::move(dead.prepared), shown, std::move(dead.record))
      .attach(std::move(dead.stored), dead.remote);
}

}  // namespace berm
