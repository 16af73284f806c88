#include "supervise/tool_desk.h"

#include <fmt/format.h>

#include "base/text.h"
#include "record/fields.h"

namespace berm {
namespace {

using nlohmann::json;

// What is shown of a question: the rest is on the record.
constexpr std::size_t kMostShown = 300;
constexpr std::size_t kMostAsked = 8;  // a user who holds a key down consents to nothing
constexpr std::uint64_t kHosts = 1ULL << 62;

// Events come from processes that read hostile bytes: any key may hold any type.
std::uint16_t port_of(const json& event) {
  const auto found = event.find("port");
  const bool sound = found != event.end() && found->is_number_unsigned() && *found <= 65535;
  return sound ? found->get<std::uint16_t>() : std::uint16_t{0};
}

// Nobody can consent to what he does not see: a long one shows its ends, and says so.
std::string shown(std::string input) {
  if (input.size() <= kMostShown) return input;
  return fmt::format("{} … {} (NOT ALL SHOWN: {} bytes or more)",
                     std::string_view(input).substr(0, kMostShown * 2 / 3),
                     std::string_view(input).substr(input.size() - kMostShown / 3), input.size());
}

}  // namespace

ToolDesk::ToolDesk(JudgeProcess* judge, const Plan& plan, RecordFile& record, bool can_ask,
                   WriteToPolicy write_to_policy, AnswerHost answer_host)
    : plan_(plan),
      record_(record),
      write_to_policy_(std::move(write_to_policy)),
      answer_host_(std::move(answer_host)),
      next_host_(kHosts),
      watch_(judge, plan, record),
      anomalies_(plan.tools.policy) {
  if (can_ask) asker_ = Asker::open(plan.terminal);
  watch_.set_ask([this](std::uint64_t id, const json& question) { return ask(id, question); });
  watch_.set_tell([this](const json& question) { count(question); });
}

std::array<pollfd, 2> ToolDesk::waits_for() const {
  return {pollfd{watch_.fd(), POLLIN, 0}, pollfd{asker_ ? asker_->fd() : -1, POLLIN, 0}};
}

void ToolDesk::on_ready(short judge, short terminal) {
  if (judge != 0) hear();
  if (terminal != 0) hear_user();
  for (const auto& [id, how] : std::exchange(settled_, {})) settle(id, true, how);
}

void ToolDesk::hear() {
  switch (watch_.hear()) {
    case ToolWatch::Heard::question:
      return;
    case ToolWatch::Heard::ended:
      // Every hook refuses from now on; a run that can do nothing is no run.
      record_.append("supervisor", "judge.lost", json::object());
      return end_with(BoundaryLost{"the judge of tool calls ended"});
    case ToolWatch::Heard::nonsense:
      return end_with(BoundaryLost{"the judge of tool calls no longer speaks sense"});
    case ToolWatch::Heard::flood:
      return end_with(LimitHit{.limit = "events", .culprit = "hooks"});
  }
}

bool ToolDesk::ask(std::uint64_t id, const json& question) {
  if (!asker_ || asked_.size() >= kMostAsked) return false;
  Asker::Question wanted{
      .id = id,
      .text = printable(fmt::format("{} in {}: {} · {}", text_of(question, "tool"),
                                    text_of(question, "cwd"), shown(text_of(question, "input")),
                                    text_of(question, "reason"))),
      .key = fmt::format("{}\n{}\n{}\n{}", text_of(question, "tool"), text_of(question, "cwd"),
                         text_of(question, "rule"), text_of(question, "input_sha256"))};
  if (asker_->knows(wanted.key)) {
    settled_.emplace_back(id, "allowed by the user for this run");  // not from within hear()
    return true;
  }
  asked_.insert_or_assign(id, question);
  asker_->ask(std::move(wanted));
  return true;
}

void ToolDesk::ask_host(const json& event) {
  const std::string host = text_of(event, "host");
  if (!asker_ || !answer_host_) return;
  if (asked_.size() >= kMostAsked) return answer_host_(host, port_of(event), HostAnswer::no);
  asked_.insert_or_assign(next_host_, event);
  asker_->ask({.id = next_host_++,
               .text = printable(fmt::format("the run wants to reach {}:{}, which nothing grants",
                                             host, port_of(event))),
               .key = ""});
}

void ToolDesk::settle_host(const Asker::Answer& answer, const json& about) {
  const std::string host = text_of(about, "host");
  const std::uint16_t port = port_of(about);
  const bool allow = answer.said != Asker::Said::no;
  const bool once = answer.said == Asker::Said::once;
  if (answer.said == Asker::Said::for_the_policy && write_to_policy_) write_to_policy_(about);
  record_.append("supervisor", "net.asked",
                 {{"host", host},
                  {"port", port},
                  {"decision", allow ? "allow" : "deny"},
                  {"answer", !allow ? "no"
                             : once ? "once"
                                    : "for this run"}});
  answer_host_(host, port,
               !allow ? HostAnswer::no
               : once ? HostAnswer::once
                      : HostAnswer::for_this_run);
}

void ToolDesk::hear_user() {
  const std::optional<Asker::Answer> answer = asker_->hear();
  if (!answer) return;
  const std::uint64_t id = answer->question.id;
  if (id >= kHosts) {
    settle_host(*answer, asked_[id]);
    asked_.erase(id);
    redraw_ = !asker_->active();
    return;
  }
  if (answer->said == Asker::Said::for_the_policy && write_to_policy_) {
    write_to_policy_(asked_[id]);
  }
  const bool allow = answer->said != Asker::Said::no;
  settle(id, allow, allow ? "allowed by the user" : "denied by the user");
  asked_.erase(id);
  redraw_ = !asker_->active();
}

void ToolDesk::settle(std::uint64_t id, bool allow, const std::string& how) {
  const auto question = asked_.find(id);
  if (allow && question != asked_.end() && consent_) consent_(text_of(question->second, "rule"));
  if (!watch_.settle(id, allow, how)) end_with(BoundaryLost{"the judge of tool calls ended"});
}

void ToolDesk::count(const json& question) {
  const std::string kind = text_of(question, "kind");
  const std::string tool = text_of(question, "tool");
  if (kind == "before-tool") respond(anomalies_.on_call(Clock::now()));
  if (kind != "after-tool" && kind != "after-failure") return;
  const std::string call = tool + " " + text_of(question, "input_sha256");
  respond(anomalies_.on_result(tool, call, kind == "after-failure"));
}

void ToolDesk::on_egress_event(const std::string& type, const json& event) {
  watch_.on_egress_event(type, event);
  if (type == "net.ask") ask_host(event);
  if (type.starts_with("net.")) respond(anomalies_.on_request(Clock::now()));
}

void ToolDesk::check(Clock::time_point now, std::uint64_t output) {
  watch_.beat(now);
  respond(anomalies_.on_output(output, now));
  const std::optional<std::string> silence = watch_.silence(now);
  if (!silence || end_) return;
  record_.append("supervisor", "hooks.silent", {{"decision", "end"}, {"why", *silence}});
  end_with(PolicyViolated{"the agent's hooks do not hold: " + *silence});
}

void ToolDesk::respond(const std::optional<AnomalyGuard::Anomaly>& anomaly) {
  if (!anomaly) return;
  const bool ends = plan_.tools.policy.on_anomaly == AnomalyResponse::end;
  record_.append("supervisor", "anomaly",
                 {{"decision", ends ? "end" : "report"},
                  {"rule", "tools.on_anomaly"},
                  {"what", anomaly->what},
                  {"detail", anomaly->detail},
                  {"ends", ends}});
  if (ends) end_with(LimitHit{.limit = "anomaly", .culprit = anomaly->what});
}

void ToolDesk::end_with(Outcome outcome) {
  if (!end_) end_ = std::move(outcome);
}

}  // namespace berm
