#include "session/attach_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include "agents/agent.h"
#include "base/text.h"
#include "base/wall_time.h"
#include "pod/line.h"
#include "policy/parse.h"
#include "record/chain.h"
#include "remote/pod_record.h"
#include "session/run_session.h"

namespace berm {
namespace {

using nlohmann::json;
using pod::number_in;
using pod::text_in;

constexpr std::size_t kLargestRecord = 1ULL << 30;

std::string attach_path(const std::string& run_directory) { return run_directory + "/attach.json"; }

// What becomes of the changes and of the record; all else was decided, and is held elsewhere.
PolicyLayer layer_of(const Plan& plan) {
  PolicyLayer out;
  const AuditPolicy& audit = plan.audit;
  out.audit = {.key = audit.key,
               .public_key = audit.public_key,
               .fsync = audit.fsync,
               .require_sink = audit.require_sink,
               .grace = audit.grace,
               .spool = audit.spool,
               .overflow = audit.overflow,
               .sinks = audit.sinks};
  if (audit.key.empty()) out.audit.key.reset();
  if (audit.public_key.empty()) out.audit.public_key.reset();
  out.workspace.on_success = plan.workspace.on_success;
  return out;
}

AuditPolicy audit_of(const AuditLayer& layer) {
  const AuditPolicy none;
  return {.key = layer.key.value_or(""),
          .public_key = layer.public_key.value_or(""),
          .fsync = layer.fsync.value_or(none.fsync),
          .require_sink = layer.require_sink.value_or(none.require_sink),
          .grace = layer.grace.value_or(none.grace),
          .spool = layer.spool.value_or(none.spool),
          .overflow = layer.overflow.value_or(none.overflow),
          .sinks = layer.sinks};
}

template <class E>
E named(const json& object, const char* key, E otherwise) {
  for (const auto& [name, value] : names(E{})) {
    if (name == text_in(object, key)) return value;
  }
  return otherwise;
}

std::vector<LayerReport> layers_in(const json& list) {
  std::vector<LayerReport> out;
  if (!list.is_array()) return out;
  for (const json& one : list) {
    Strength strength = Strength::absent;
    for (const Strength each : {Strength::supervised, Strength::kernel}) {
      if (name_of(each) == text_in(one, "strength")) strength = each;
    }
    out.push_back({named(one, "layer", Layer::filesystem), strength, text_in(one, "how")});
  }
  return out;
}

std::vector<std::string> texts_in(const json& object, const char* key) {
  std::vector<std::string> out;
  if (!object.contains(key) || !object[key].is_array()) return out;
  for (const json& one : object[key]) out.push_back(one.is_string() ? one.get<std::string>() : "");
  return out;
}

Result<Plan> plan_of(const json& kept, const json& stored, const WalkPlace& place,
                     const std::string& id) {
  const PolicyLayer layer = BERM_TRY(parse_policy(text_in(kept, "policy"), "attach.json"));
  Plan plan{.run_id = id,
            .tier = TierChoice::kubernetes,
            .cwd = *SandboxPath::parse("/"),
            .workspace = {.repository = place.repository, .at = *SandboxPath::parse("/")},
            .run_directory = BERM_TRY(HostPath::parse(place.run_directory)),
            .init = *HostPath::parse("/")};
  plan.agent = named(stored, "agent", AgentKind::none);
  plan.argv = texts_in(stored, "argv");
  plan.identity.host_uid = static_cast<std::uint32_t>(number_in(kept, "host_uid"));
  plan.identity.from_root = ::geteuid() == 0;
  WorkspacePlan& workspace = plan.workspace;
  workspace.mode = place.mode;
  workspace.git = place.git;
  workspace.base_commit = place.base_commit;
  workspace.base_branch = text_in(stored["base"], "branch");
  workspace.object_dirs = object_dirs_of(stored);
  workspace.on_success = layer.workspace.on_success.value_or(OnSuccess{});
  plan.audit = audit_of(layer.audit);
  plan.limits.time = Milliseconds(static_cast<std::int64_t>(number_in(kept, "time_ms")));
  plan.limits.disk = Bytes{number_in(kept, "disk")};
  plan.egress.rules.learn = kept.value("learn", json()) == true;
  plan.kubernetes.emplace().name_space = text_in(kept, "namespace");
  plan.layers = layers_in(kept.value("layers", json()));
  plan.weaknesses = texts_in(kept, "weaknesses");
  return plan;
}

// From the record: what the pods had said by then, and when the agent was started.
struct Heard {
  bool started = false;
  std::uint64_t passed_on = 0;
  std::chrono::milliseconds elapsed{};
};

Heard heard_of(std::string_view record) {
  Heard out;
  for (const std::string_view line : split(record, '\n')) {
    const std::optional<SealedLine> event = parse_sealed(line);
    if (!event) continue;
    if (out.started && !is_callers(event->type)) ++out.passed_on;
    if (event->type != "pod.start") continue;
    out.started = true;
    const std::optional<WallTime> began = parse_wall_time(event->time);
    const std::optional<WallTime> now = parse_wall_time(wall_time());
    if (began && now) out.elapsed = std::max(*now - *began, std::chrono::seconds(0));
  }
  return out;
}

Result<UniqueFd> take_lock(const std::string& run_directory) {
  UniqueFd lock = BERM_TRY(open_file(run_directory + "/lock", O_RDWR));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  return failure(Errc::denied, "attach: the berm of this run lives", "berm show follows a run");
}

}  // namespace

Result<void> write_attach_file(const Plan& plan, const LinkEnd& own, const SigningKey& record_key) {
  const Secret seed = BERM_TRY(record_key.seed());
  json kept = {{"schema", "berm.attach/1"},
               {"namespace", plan.kubernetes->name_space},
               {"link",
                {{"ca", own.authority},
                 {"certificate", own.certificate},
                 {"key", std::string(own.key.reveal())}}},
               {"record_key", std::string(seed.reveal())},
               {"policy", to_toml(layer_of(plan))},
               {"host_uid", plan.identity.host_uid},
               {"time_ms", plan.limits.time.count()},
               {"disk", plan.limits.disk.count},
               {"learn", plan.egress.rules.learn},
               {"layers", layers_to_json(plan.layers)},
               {"weaknesses", plan.weaknesses}};
  std::string text = kept.dump(1, ' ', false, json::error_handler_t::replace);
  const Result<void> written = write_file(attach_path(plan.run_directory.str()), text, 0600);
  ::explicit_bzero(text.data(), text.size());
  return written;
}

void remove_attach_file(const std::string& run_directory) {
  (void)::unlink(attach_path(run_directory).c_str());
}

Result<DeadRun> open_dead_run(const std::string& name) {
  const std::string state = BERM_TRY(state_directory());
  const std::string path = BERM_TRY(find_run(state, name));
  const std::string id = path.substr(path.rfind('/') + 1);
  UniqueFd lock = BERM_TRY(take_lock(path));
  json stored = BERM_TRY(load_run(path));
  if (!exists(attach_path(path))) {
    return failure(Errc::usage, fmt::format("{} has ended, or was none on a cluster", id),
                   "'berm runs' lists what became of runs");
  }
  const std::string text = BERM_TRY(read_plain_file(attach_path(path)));
  const json kept = json::parse(text, nullptr, false);
  if (!kept.is_object() || text_in(kept, "schema") != "berm.attach/1" || !kept.contains("link") ||
      !stored.contains("base")) {
    return failure(Errc::denied, fmt::format("understand '{}'", attach_path(path)));
  }
  const WalkPlace place = BERM_TRY(walk_place_of(path, stored));
  RunKey key{.key = BERM_TRY(SigningKey::parse(text_in(kept, "record_key"))), .certificate = ""};
  RecordFile record = BERM_TRY(RecordFile::resume(path + "/record.jsonl", id, std::move(key)));
  const Heard heard = heard_of(BERM_TRY(read_file(path + "/record.jsonl", kLargestRecord)));
  const HostPath git_dir = BERM_TRY(HostPath::parse(text_in(stored, "git_dir")));
  PreparedRun prepared{
      .state = state,
      .run = {.id = id, .path = path, .lock = std::move(lock)},
      .repository = {.root = place.repository, .git_dir = git_dir, .common_dir = git_dir},
      .host = {},
      .cgroups = {},
      .policy = {},
      .agent_version = "",
      .plan = BERM_TRY(plan_of(kept, stored, place, id))};
  prepared.repository.object_dirs = object_dirs_of(stored);
  return DeadRun{.prepared = std::move(prepared),
                 .stored = std::move(stored),
                 .record = std::move(record),
                 .remote = {.link = {.authority = text_in(kept["link"], "ca"),
                                     .certificate = text_in(kept["link"], "certificate"),
                                     .key = Secret(text_in(kept["link"], "key"))},
                            .passed_on = heard.passed_on,
                            .elapsed = heard.elapsed}};
}

}  // namespace berm
