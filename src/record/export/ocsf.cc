#include "record/export/ocsf.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace berm::formats {
namespace {

struct Word {
  int id = 0;
  std::string_view caption;
};

constexpr std::string_view kSeverities[] = {"Unknown", "Informational", "Low",
                                            "Medium",  "High",          "Critical"};

Word action_of(Control control) {
  switch (control) {
    case Control::none:
    case Control::asked:
      break;
    case Control::allowed:
    case Control::approved:
      return {1, "Allowed"};
    case Control::denied:
    case Control::rejected:
      return {2, "Denied"};
    case Control::observed:
      return {3, "Observed"};
  }
  return {0, "Unknown"};
}

Word disposition_of(Control control) {
  switch (control) {
    case Control::none:
      break;
    case Control::allowed:
      return {1, "Allowed"};
    case Control::denied:
      return {2, "Blocked"};
    case Control::approved:
      return {8, "Approved"};
    case Control::rejected:
      return {25, "Rejected"};
    case Control::asked:
      return {23, "Challenge"};
    case Control::observed:
      return {15, "Detected"};
  }
  return {0, "Unknown"};
}

// A finding's status is where its review stands, not how anything ended.
Word status_of(const OcsfClass& of, Ending ending) {
  if (of.uid / 1000 == 2) return {1, "New"};
  if (ending == Ending::success) return {1, "Success"};
  return ending == Ending::failure ? Word{2, "Failure"} : Word{0, "Unknown"};
}

// http.request: the method is the activity (the enumeration of class 4002).
Word activity_of(const Kind& kind, const Event& event) {
  if (kind.subject != Subject::http) return {kind.activity, kind.activity_name};
  static constexpr std::pair<std::string_view, Word> kMethods[] = {
      {"CONNECT", {1, "Connect"}}, {"DELETE", {2, "Delete"}},   {"GET", {3, "Get"}},
      {"HEAD", {4, "Head"}},       {"OPTIONS", {5, "Options"}}, {"POST", {6, "Post"}},
      {"PUT", {7, "Put"}},         {"TRACE", {8, "Trace"}},     {"PATCH", {9, "Patch"}},
  };
  const std::string_view method = event.data.peek_text("method");
  for (const auto& [name, word] : kMethods) {
    if (name == method) return word;
  }
  return method.empty() ? Word{0, "Unknown"} : Word{99, cut(method, 64)};
}

void write_class(JsonOut& out, const OcsfClass& of, const Word& activity) {
  out.number("class_uid", of.uid);
  out.text("class_name", of.name);
  out.number("category_uid", of.uid / 1000);
  out.text("category_name", of.category);
  out.number("activity_id", activity.id);
  out.text("activity_name", activity.caption);
  out.number("type_uid", of.uid * 100 + activity.id);
  out.text("type_name", fmt::format("{}: {}", of.name, activity.caption));
}

void write_metadata(JsonOut& out, const Kind& kind, const Event& event, const OcsfClass& of) {
  out.open("metadata");
  out.word("version", "1.9.0");
  out.open_list("profiles");
  out.item("security_control");
  out.item("record_integrity");
  if (of.tells_ai) out.item("ai_operation");
  out.close_list();
  out.open("product");
  out.word("name", "berm");
  out.word("vendor_name", "berm");
  out.word("version", BERM_VERSION);
  out.close();
  out.text("uid", event.uid);
  out.text("correlation_uid", event.run);
  // integer_t: consumers keep it in 32 bits
  if (event.sequence.value_or(INT64_MAX) <= INT32_MAX) out.number("sequence", event.sequence);
  out.text("original_time", event.time);
  out.text("event_code", kind.type.empty() ? cut(event.type, 256) : kind.type);
  out.word("log_name", "record.jsonl");
  out.text("log_provider", cut(event.source, 256));
  if (event.version) out.text("log_version", fmt::format("{}", *event.version));
  out.close();
}

void write_fingerprint(JsonOut& out, std::string_view hash) {
  out.open("fingerprint");
  out.code("algorithm", 3, "SHA-256");
  out.code("encoding", 1, "Hex");
  out.code("serialization", 2, "JCS");
  out.text("value", hash);
  out.close();
}

// Of the line in raw_data, as the record has it: that is what was hashed and signed.
void write_attestation(JsonOut& out, const Event& event) {
  if (event.hash.empty()) return;
  out.open_list("attestation_list");
  out.open();
  out.text("uid", event.uid);
  out.text("chain_uid", event.run);
  write_fingerprint(out, event.hash);
  if (!event.uid_before.empty() && !event.previous.empty()) {
    out.open("prev_event");
    out.text("uid", event.uid_before);
    write_fingerprint(out, event.previous);
    out.close();
  }
  out.close();
  out.close_list();
}

void write_control(JsonOut& out, const Kind& kind, const Judgement& judgement, Data& data) {
  const bool is_finding = kind.subject == Subject::finding;
  if (judgement.control != Control::none) {
    const Word action = action_of(judgement.control);
    const Word disposition = disposition_of(judgement.control);
    out.code("action", action.id, action.caption);
    out.code("disposition", disposition.id, disposition.caption);
    out.boolean("is_alert",
                was_denied(judgement) || (is_finding && judgement.severity >= Severity::low));
  }
  const std::string_view rule = data.text("rule");
  if (rule.empty()) return;
  out.open(kind.subject == Subject::network ? "firewall_rule" : "policy");
  out.text("name", rule);
  out.close();
}

}  // namespace

std::string to_ocsf(std::string_view line) {
  Event event(line);
  const Kind& kind = kind_of(event.type);
  const Judgement judgement = judge(kind, event);
  const OcsfClass of = ocsf_class_of(kind, judgement);
  const Word activity = activity_of(kind, event);
  const Word status = status_of(of, judgement.ending);
  const auto severity = static_cast<int>(judgement.severity);
  JsonOut out(line.size() * 2 + 2048);
  write_class(out, of, activity);
  out.number("time", event.time_ms);
  out.code("severity", severity, kSeverities[severity]);
  out.code("status", status.id, status.caption);
  out.text("status_detail", reason_of(event));
  out.text("message", message_of(kind, judgement, event));
  take_told(event);
  write_metadata(out, kind, event, of);
  write_control(out, kind, judgement, event.data);
  write_ocsf_subject(out, kind, judgement, event);
  write_attestation(out, event);
  if (event.tells_rest && event.data.has_rest()) out.written("unmapped", event.data.rest());
  out.line("raw_data", line);
  out.number("raw_data_size", static_cast<std::int64_t>(line.size()));
  return out.take();
}

}  // namespace berm::formats
