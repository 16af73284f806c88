#include "record/export/kinds.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "record/fields.h"

namespace berm::formats {
namespace {

using nlohmann::json;
using enum Subject;
using enum Severity;

constexpr Control kNone = Control::none;
constexpr Ending kOpen = Ending::unknown;
constexpr Ending kFailed = Ending::failure;
constexpr Ending kDone = Ending::success;

// clang-format off
// type, title, subject, OCSF activity and its caption, ECS category, ECS type, severity, control, ending
constexpr Kind kKinds[] = {
    {"run.start", "run started", application, 3, "Start", "session", "start", informational, kNone, kDone},
    {"run.outcome", "agent ended", application, 4, "Stop", "process", "end", informational, kNone, kOpen},
    {"run.end", "run ended", application, 4, "Stop", "session", "end", informational, kNone, kDone},
    {"agent.start", "agent started", application, 3, "Start", "process", "start", informational, kNone, kDone},
    {"agent.version", "agent identified", application, 99, "Identify", "process", "info", informational, kNone, kDone},
    {"pod.start", "pods of the run started", application, 3, "Start", "session", "start", informational, kNone, kDone},
    {"pod.end", "pods of the run ended", application, 4, "Stop", "session", "end", informational, kNone, kOpen},
    {"run.attach", "run taken up", application, 3, "Start", "session", "start", informational, kNone, kDone},
    {"signal", "signal received", application, 99, "Signal", "process", "info", informational, kNone, kOpen},
    {"egress.start", "network gate started", application, 3, "Start", "network", "start", informational, kNone, kDone},
    {"exec", "program started", process, 1, "Launch", "process", "start", informational, kNone, kDone},
    {"net.allowed", "connection allowed", network, 1, "Open", "network", "connection", informational, Control::allowed, kDone},
    {"net.closed", "connection closed", network, 2, "Close", "network", "end", informational, kNone, kDone},
    {"net.denied", "connection denied", network, 5, "Refuse", "network", "connection", medium, Control::denied, kFailed},
    {"net.attempt", "connection past the gate failed", network, 4, "Fail", "network", "connection", medium, Control::denied, kFailed},
    {"net.ask", "host asked about", network, 1, "Open", "network", "connection", informational, Control::asked, kOpen},
    {"net.asked", "host answered", network, 1, "Open", "network", "connection", informational, kNone, kOpen},
    {"http.request", "HTTP request", http, 0, "Unknown", "web", "access", informational, kNone, kOpen},
    {"model.request", "request to a model", http, 0, "Unknown", "web", "access", informational, kNone, kOpen},
    {"tool.call", "tool call", tool, 99, "Call", "api", "access", informational, kNone, kOpen},
    {"model.tool_result", "tool result told to the model", tool, 99, "Result", "api", "end", informational, kNone, kDone},
    {"model.usage", "model used", usage, 99, "Use", "api", "info", informational, kNone, kDone},
    {"changes", "files changed", files, 3, "Update", "file", "change", informational, kNone, kDone},
    {"import", "changes imported", files, 3, "Update", "file", "change", informational, kNone, kDone},
    {"guard", "changes judged", finding, 1, "Create", "intrusion_detection", "info", high, kNone, kOpen},
    {"guard.failed", "changes cannot be judged", finding, 1, "Create", "intrusion_detection", "info", high, Control::denied, kFailed},
    {"anomaly", "agent out of control", finding, 1, "Create", "intrusion_detection", "info", high, Control::observed, kOpen},
    {"model.anomaly", "use of the model out of control", finding, 1, "Create", "intrusion_detection", "info", high, Control::denied, kOpen},
    {"limit.hit", "limit hit", finding, 1, "Create", "intrusion_detection", "info", medium, Control::denied, kOpen},
    {"model.limit", "limit of the model hit", finding, 1, "Create", "intrusion_detection", "info", medium, Control::denied, kOpen},
    {"hooks.silent", "agent acts without asking its hooks", finding, 1, "Create", "intrusion_detection", "info", high, Control::denied, kFailed},
    {"hooks.missed", "tool ran without its hook", finding, 1, "Create", "intrusion_detection", "info", medium, Control::observed, kOpen},
    {"egress.lost", "network gate lost", finding, 1, "Create", "intrusion_detection", "info", high, Control::denied, kFailed},
    {"judge.lost", "judge of tool calls lost", finding, 1, "Create", "intrusion_detection", "info", high, Control::denied, kFailed},
    {"net.unwatched", "connections and programs not watched", finding, 1, "Create", "intrusion_detection", "info", medium, Control::observed, kFailed},
    {"enforcement", "enforcement of the policy", compliance, 1, "Create", "configuration", "info", informational, kNone, kDone},
    {"verdict", "verdict on the run", compliance, 1, "Create", "session", "info", informational, kNone, kOpen},
    {"credential.mint", "credential minted", credential, 1, "Logon", "authentication", "start", informational, kNone, kDone},
    {"credential.exchange", "credential exchanged", credential, 1, "Logon", "authentication", "start", informational, kNone, kDone},
    {"credential.renew", "credential renewed", credential, 99, "Renew", "authentication", "info", informational, kNone, kDone},
    {"credential.renewal_failed", "credential not renewed", credential, 99, "Renew", "authentication", "info", medium, kNone, kFailed},
    {"credential.refused", "credential refused", credential, 1, "Logon", "authentication", "start", medium, kNone, kFailed},
    {"credential.revoke", "credential ended", credential, 2, "Logoff", "authentication", "end", informational, kNone, kOpen},
    {"credential.disable", "credential disabled", credential, 99, "Disable", "authentication", "info", medium, kNone, kOpen},
    {"credential.memory", "credentials in memory that may be swapped", credential, 99, "Hold", "authentication", "info", low, kNone, kOpen},
    {"record.key", "key of the record", log, 6, "Start", "", "info", informational, kNone, kDone},
    {"checkpoint", "record signed", log, 99, "Sign", "", "info", informational, kNone, kDone},
    {"sink.state", "state of a sink", log, 99, "Forward", "", "info", informational, kNone, kOpen},
    {"sink.behind", "sink lacks events", log, 99, "Forward", "", "info", medium, kNone, kFailed},
    {"sink.blocked", "run held by its sinks", log, 99, "Forward", "", "info", medium, kNone, kFailed},
    {"sink.unblocked", "run goes on", log, 99, "Forward", "", "info", informational, kNone, kOpen},
    {"audit.test", "test of a sink", log, 99, "Test", "", "info", informational, kNone, kDone},
    {"egress.error", "error at the network gate", other, 99, "Error", "network", "info", low, kNone, kFailed},
    {"agent.telemetry", "what the agent says of itself", other, 99, "Telemetry", "", "info", informational, kNone, kOpen},
    {"resource.sample", "use of resources", other, 99, "Sample", "host", "info", informational, kNone, kOpen},
};
// clang-format on

constexpr Kind kUnlisted = {.type = "",
                            .title = "event",
                            .subject = other,
                            .activity = 99,
                            .activity_name = "Other",
                            .ecs_category = "",
                            .ecs_type = "info"};

constexpr std::size_t kLongestReason = 1023;  // of CEF, the shortest

bool is_full(const json& list) { return list.is_array() && !list.empty(); }

void deny(Judgement& out) {
  out.control = Control::denied;
  out.ending = Ending::failure;
  out.severity = std::max(out.severity, medium);
}

// "decision" of exec and tool.call.
void judge_decision(const Event& event, Judgement& out) {
  const std::string_view decision = event.data.peek_text("decision");
  if (decision == "deny") return deny(out);
  if (decision == "allow") out.control = Control::allowed;
  if (decision == "ask") out.control = Control::asked;
}

void judge_tool(const Event& event, Judgement& out) {
  const std::string_view kind = event.data.peek_text("kind");
  if (kind == "after-tool") out.ending = Ending::success;
  if (kind == "after-failure" || event.data.is_set("error")) out.ending = Ending::failure;
  judge_decision(event, out);
}

void judge_network(const Event& event, Judgement& out) {
  if (event.type != "net.asked") return;
  const bool no = event.data.peek_text("answer") == "no";
  out.control = no ? Control::rejected : Control::approved;
  out.ending = no ? Ending::failure : Ending::success;
}

void judge_http(const Event& event, Judgement& out) {
  const std::int64_t status = event.data.peek_number("status", 999).value_or(0);
  if (status >= 100) out.ending = status < 400 ? Ending::success : Ending::failure;
}

void judge_end(const json& ended, Judgement& out) {
  const json& code = member_of(ended, "code");
  const json& exit_code = code.is_null() ? member_of(ended, "exit_code") : code;
  if (exit_code.is_number_integer()) {
    out.ending = exit_code == 0 ? Ending::success : Ending::failure;
  } else if (!text_of(ended, "kind").empty() || !member_of(ended, "signal").is_null()) {
    out.ending = Ending::failure;
  }
}

// Refused; not refused, but something to say; nothing to say.
void judge_guard(const Event& event, Judgement& out) {
  if (event.data.is_set("refused")) {
    out = {.severity = high, .control = Control::denied, .ending = Ending::failure};
  } else if (is_full(event.data.peek("findings"))) {
    out = {.severity = low, .control = Control::observed, .ending = Ending::success};
  } else {
    out = {.severity = informational, .control = Control::allowed, .ending = Ending::success};
  }
}

void judge_compliance(const Event& event, Judgement& out) {
  if (event.type == "enforcement") {
    if (is_full(event.data.peek("weaknesses"))) out.severity = low;
    return;
  }
  const std::string_view status = event.data.peek_text("status");
  out.ending = status == "success" ? Ending::success : Ending::failure;
  const bool severe =
      status == "guard_refused" || status == "violation" || status == "record_failed";
  if (status != "success") out.severity = severe ? high : low;
}

void judge_credential(const Event& event, Judgement& out) {
  if (event.type == "credential.revoke") {
    const bool revoked = event.data.peek_text("end") == "revoked";
    out.ending = revoked ? Ending::success : Ending::failure;
    if (!revoked) out.severity = low;
  }
  if (event.type == "credential.disable") {
    out.ending = event.data.is_set("done") ? Ending::success : Ending::failure;
  }
}

void judge_log(const Event& event, Judgement& out) {
  if (event.type != "sink.state") return;
  const std::string_view state = event.data.peek_text("state");
  const bool failing = state == "failing" || state == "lost";
  out.ending = failing ? Ending::failure : Ending::success;
  if (failing) out.severity = medium;
}

std::string place_of(const Event& event) {
  const std::string_view host = event.data.peek_text("host");
  if (host.empty()) return std::string(event.data.peek_text("address"));
  const auto port = event.data.peek_number("port", 65535);
  return port ? fmt::format("{}:{}", host, *port) : std::string(host);
}

// What the event is about, in a few words.
std::string about(const Kind& kind, const Event& event) {
  switch (kind.subject) {
    case process: {
      std::string command = command_line(event.data.peek("argv"));
      return command.empty() ? std::string(event.data.peek_text("executable")) : command;
    }
    case network:
      return place_of(event);
    case http:
      return fmt::format("{} {}{}", event.data.peek_text("method"), place_of(event),
                         event.data.peek_text("path"));
    case files: {
      const json& files = event.data.peek("files");
      if (files.is_array()) return fmt::format("{} in the workspace", files.size());
      return std::string(event.data.peek_text("note"));
    }
    default:
      break;
  }
  for (const char* key : {"tool", "name", "credential", "what", "limit", "sink", "model", "signal",
                          "status", "version", "note"}) {
    const std::string_view text = event.data.peek_text(key);
    if (!text.empty()) return std::string(text);
  }
  return "";
}

}  // namespace

std::string_view title_of(const Kind& kind, const Judgement& judgement) {
  if (judgement.control != Control::denied) return kind.title;
  if (kind.type == "exec") return "program refused";
  if (kind.type == "tool.call") return "tool call refused";
  return kind.type == "guard" ? "changes refused" : kind.title;
}

const Kind& kind_of(std::string_view type) {
  const auto* found = std::ranges::find(kKinds, type, &Kind::type);
  return found == std::end(kKinds) ? kUnlisted : *found;
}

Judgement judge(const Kind& kind, const Event& event) {
  Judgement out{.severity = kind.severity, .control = kind.control, .ending = kind.ending};
  if (event.json->is_null()) out.severity = unknown;
  if (kind.type == "guard") judge_guard(event, out);
  if (kind.type == "run.outcome") judge_end(event.data.peek("outcome"), out);
  if (kind.type == "import" && !event.data.peek_text("failed").empty()) out.ending = kFailed;
  if (kind.type == "exec") judge_decision(event, out);
  if (kind.subject == network) judge_network(event, out);
  if (kind.subject == http) judge_http(event, out);
  if (kind.subject == tool) judge_tool(event, out);
  if (kind.subject == compliance) judge_compliance(event, out);
  if (kind.subject == credential) judge_credential(event, out);
  if (kind.subject == log) judge_log(event, out);
  return out;
}

std::string reason_of(const Event& event) {
  for (const char* key : {"reason", "why", "detail", "failed", "error", "culprit", "note"}) {
    const std::string_view text = event.data.peek_text(key);
    if (!text.empty()) return std::string(cut(text, kLongestReason));
  }
  const json& reasons = event.data.peek("reasons");
  const bool told = is_full(reasons) && reasons.front().is_string();
  return told ? std::string(cut(reasons.front().get_ref<const std::string&>(), kLongestReason))
              : std::string();
}

void take_told(Event& event) {
  const std::string_view decision = event.data.peek_text("decision");
  if (decision == "allow" || decision == "deny") event.data.take("decision");
  if (event.data.peek_text("reason").size() <= kLongestReason) (void)event.data.text("reason");
}

std::string message_of(const Kind& kind, const Judgement& judgement, const Event& event) {
  if (event.json->is_null()) return "a line that is no event";
  std::string out(title_of(kind, judgement));
  if (kind.type.empty()) out += fmt::format(" of type {}", cut(event.type, 100));
  if (judgement.control == Control::rejected) out += ": no";
  if (judgement.control == Control::approved) out += ": yes";
  const std::string what = about(kind, event);
  if (!what.empty()) out += fmt::format(": {}", cut(what, 200));
  const std::string why = reason_of(event);
  if (!why.empty() && why != what) out += fmt::format(" ({})", cut(why, 200));
  return printable(out);
}

}  // namespace berm::formats
