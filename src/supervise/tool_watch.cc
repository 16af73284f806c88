#include "supervise/tool_watch.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "record/chain.h"
#include "record/fields.h"
#include "sys/frames.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr std::chrono::milliseconds kPatience{2000};
// The hook of the session's start and the first answer of the model come from two processes.
constexpr std::chrono::milliseconds kStartGrace{5000};
constexpr std::chrono::milliseconds kBeat{2000};
constexpr std::chrono::milliseconds kMostSilence{12000};
// Claude Code's that touch nothing, and that it does not ask about.
constexpr std::string_view kNeverAsked[] = {"EndConversation", "StructuredOutput", "ToolSearch"};
constexpr std::string_view kAlwaysAsked[] = {"shell", "exec_command",      "local_shell",
                                             "bash",  "run_shell_command", "write_file"};
constexpr std::uint64_t kMostQuestions = 100'000;
constexpr std::size_t kMostIds = 100'000;
constexpr std::size_t kMostOpen = 32;
constexpr std::uint64_t kMostIdsOfJudge = 1ULL << 32;  // what is above is ToolDesk's own

}  // namespace

int ToolWatch::fd() const { return begun_ && judge_->control ? judge_->control.get() : -1; }

// Any process inside can speak to the socket. What it says decides nothing but what it is told
// itself; yet a story told by somebody else than the agent's hook must not look like the hook's.
bool ToolWatch::is_hook_program(const json& event) const {
  // The broker of the process tier has looked, when the connection was made.
  if (plan_.tier == TierChoice::process) return event.value("hook", false);
  const auto said = event.find("pid");
  if (said == event.end() || !said->is_number_integer()) return false;
  const auto pid = said->get<std::int64_t>();
  struct stat theirs {};
  struct stat ours {};
  return ::stat(fmt::format("/proc/{}/exe", pid).c_str(), &theirs) == 0 &&
         ::stat(plan_.init.str().c_str(), &ours) == 0 && theirs.st_dev == ours.st_dev &&
         theirs.st_ino == ours.st_ino;
}

// Recorded, then answered.
bool ToolWatch::conclude(std::uint64_t id, json event, bool allow, std::string reason) {
  record_.append("judge", "tool.call", event);
  // What is not on the record does not happen.
  if (record_.failed()) {
    allow = false;
    reason = "the record could not be written";
  }
  note(event, allow);
  if (tell_) tell_(event);
  const json answer = {{"id", id}, {"allow", allow}, {"reason", reason}};
  return write_frame(judge_->control.get(),
                     answer.dump(-1, ' ', false, json::error_handler_t::replace))
      .has_value();
}

ToolWatch::Heard ToolWatch::hear() {
  const Result<std::string> frame = read_frame(judge_->control.get(), kPatience);
  if (!frame) {
    judge_->control.reset();
    return Heard::ended;
  }
  json event = parse_event(*frame);
  if (event.is_object() && event.contains("alive")) {
    unanswered_.reset();
    return Heard::question;
  }
  if (!event.is_object() || !event.contains("id") || !event["id"].is_number_unsigned()) {
    return Heard::nonsense;
  }
  if (++count_ > kMostQuestions) return Heard::flood;
  const std::uint64_t id = event["id"].get<std::uint64_t>();
  if (id >= kMostIdsOfJudge || open_.contains(id)) return Heard::nonsense;
  const bool from_hook = is_hook_program(event);
  event.erase("id");
  event.erase("hook");
  const std::string decision = text_of(event, "decision");
  bool told = false;
  if (!from_hook) {
    event["decision"] = "deny";
    event["rule"] = "hook";
    event["reason"] = "the question does not come from the hook program";
    const std::string reason = event["reason"];
    told = conclude(id, std::move(event), false, reason);
  } else if (!held_.empty()) {
    event["decision"] = "deny";
    event["rule"] = "audit.overflow";
    event["reason"] = held_;
    told = conclude(id, std::move(event), false, held_);
  } else if (decision != "ask") {
    told = conclude(id, std::move(event), decision != "deny", "");
  } else if (open_.size() < kMostOpen && ask_ && ask_(id, event)) {
    open_.emplace(id, std::move(event));
    told = true;
  } else {
    open_.emplace(id, std::move(event));
    told = settle(id, false, "nobody is there to ask");
  }
  return told ? Heard::question : Heard::ended;
}

bool ToolWatch::settle(std::uint64_t id, bool allow, const std::string& how) {
  const auto found = open_.find(id);
  if (found == open_.end()) return true;
  json event = std::move(found->second);
  open_.erase(found);
  event["decision"] = allow ? "allow" : "deny";
  event["asked"] = how;
  const std::string reason = fmt::format("{} ({})", text_of(event, "reason"), how);
  return conclude(id, std::move(event), allow, allow ? "" : reason);
}

void ToolWatch::note(const json& event, bool allowed) {
  if (text_of(event, "rule") != "hook") heard_any_ = true;
  if (text_of(event, "decision") == "deny") ++denied_;
  if (text_of(event, "kind") != "before-tool") return;
  ++calls_;
  // A refused call has no result; whoever asks to be refused makes room for none.
  const std::string id = text_of(event, "tool_use_id");
  if (allowed && !id.empty() && asked_.size() < kMostIds) asked_.insert(id);
}

void ToolWatch::on_egress_event(const std::string& type, const json& event) {
  if (!plan_.tools.expected || !silent_.empty()) return;
  if (type == "model.usage" && !first_use_) first_use_ = Clock::now();
  const std::string failures = text_of(event, "num_non_blocking_error");
  if (type == "agent.telemetry" && text_of(event, "name") == "hook_execution_complete" &&
      failures != "" && failures != "0") {
    silent_ = "a hook failed and the agent went on";
  }
  if (type != "model.tool_result") return;
  const std::string name = text_of(event, "name");
  // Of the other clients' tools only some are sure to ask.
  const bool counts = plan_.agent == AgentKind::claude
                          ? std::ranges::find(kNeverAsked, name) == std::end(kNeverAsked)
                          : std::ranges::find(kAlwaysAsked, name) != std::end(kAlwaysAsked);
  if (!counts) return;
  ++results_;
  const bool failed = event.contains("error") && event["error"] == true;
  const std::string id = text_of(event, "id");
  // Claude Code's hooks name the model's own ids; with others only the numbers can be compared.
  const bool asked = plan_.agent == AgentKind::claude ? asked_.contains(id) : results_ <= calls_;
  if (asked || failed) return;
  if (plan_.agent != AgentKind::claude) {
    // They reject some calls before their hooks and do not say so in the result: told, once.
    if (!std::exchange(missed_, true)) {
      record_.append("supervisor", "hooks.missed", {{"tool", printable(name)}});
    }
    return;
  }
  silent_ = fmt::format("the tool '{}' ran (call {}) and no hook asked about it", printable(name),
                        printable(id));
}

// A judge that is stopped lets every hook run into its time limit, for as long as the run may last.
void ToolWatch::beat(Clock::time_point now) {
  if (fd() < 0 || unanswered_ || now < next_beat_) return;
  next_beat_ = now + kBeat;
  if (write_frame(fd(), R"({"alive":true})")) unanswered_ = now;
}

void ToolWatch::hold(Clock::time_point now, std::string refusal) {
  held_ = std::move(refusal);
  if (unanswered_) unanswered_ = now;
  if (first_use_) first_use_ = now;
}

std::optional<std::string> ToolWatch::silence(Clock::time_point now) const {
  if (unanswered_ && now - *unanswered_ > kMostSilence) {
    return fmt::format("the judge of tool calls has not moved for {} s",
                       std::chrono::duration_cast<std::chrono::seconds>(kMostSilence).count());
  }
  if (!plan_.tools.expected) return std::nullopt;
  if (!silent_.empty()) return silent_;
  if (first_use_ && !heard_any_ && now - *first_use_ > kStartGrace) {
    return "the agent talks to its model and none of its hooks was ever heard";
  }
  return std::nullopt;
}

}  // namespace berm
