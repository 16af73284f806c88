#include "record/export/ecs.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/ip.h"
#include "record/export/json_out.h"
#include "record/export/kinds.h"
#include "record/fields.h"

namespace berm::formats {
namespace {

using nlohmann::json;

// A data stream takes no document without a time.
constexpr std::string_view kNoTime = "1970-01-01T00:00:00Z";
// Elasticsearch refuses a document for a keyword beyond 32,766 bytes.
constexpr std::size_t kLongestKeyword = 8191;

std::string_view keyword(std::string_view text) { return cut(text, kLongestKeyword); }

std::string_view kind_word(const Kind& kind, const Judgement& judgement, const Event& event) {
  if (event.json->is_null()) return "pipeline_error";
  if (kind.type == "resource.sample" || kind.type == "model.usage") return "metric";
  const bool is_finding = kind.subject == Subject::finding && judgement.severity >= Severity::low;
  return is_finding || was_denied(judgement) ? "alert" : "event";
}

std::string_view outcome_word(Ending ending) {
  if (ending == Ending::success) return "success";
  return ending == Ending::failure ? "failure" : "unknown";
}

// A program that was refused has not started.
void write_categories(JsonOut& out, const Kind& kind, const Judgement& judgement) {
  if (kind.ecs_category.empty()) return;
  const bool denied = was_denied(judgement);
  const bool of_network = kind.subject == Subject::network || kind.subject == Subject::tool;
  const bool of_finding = kind.ecs_category == "intrusion_detection";
  out.open_list("category");
  out.item(kind.ecs_category);
  if (denied && !of_network && !of_finding) out.item("intrusion_detection");
  out.close_list();
  out.open_list("type");
  if (denied) {
    out.item("denied");
  } else {
    out.item(kind.ecs_type);
    if (of_network && judgement.control == Control::allowed) out.item("allowed");
  }
  out.close_list();
}

void write_event(JsonOut& out, const Kind& kind, const Judgement& judgement, const Event& event) {
  const Data& data = event.data;
  out.open("event");
  out.text("kind", kind_word(kind, judgement, event));
  write_categories(out, kind, judgement);
  out.text("action", keyword(kind.type.empty() ? event.type : kind.type));
  out.text("outcome", outcome_word(judgement.ending));
  out.number("severity", static_cast<std::int64_t>(judgement.severity));
  out.word("module", "berm");
  out.word("dataset", "berm.record");
  out.text("provider", keyword(event.source));
  out.text("id", keyword(event.uid));
  out.number("sequence", event.sequence);
  out.text("created", event.time);
  const auto ms = data.peek_number(kind.subject == Subject::network ? "ms" : "duration_ms",
                                   INT64_MAX / 1'000'000);
  if (ms) out.number("duration", *ms * 1'000'000);
  out.text("reason", keyword(reason_of(event)));
  out.text("hash", event.hash);
  out.line("original", event.line);
  out.close();
}

void write_process(JsonOut& out, Event& event) {
  Data& data = event.data;
  const json& argv = data.peek("argv");
  const std::string command = command_line(argv);
  const std::string_view executable = data.text("executable");
  out.open("process");
  out.number("pid", data.number("pid"));
  out.text("executable", keyword(executable));
  out.text("name", keyword(base_name(executable)));
  out.text("working_directory", keyword(data.text("cwd")));
  if (!command.empty()) {
    out.text("command_line", command);
    out.open_list("args");
    for (const json& word : argv) out.item(keyword(word.get_ref<const std::string&>()));
    out.close_list();
    data.take("argv");
  }
  if (data.peek_number("ppid")) {
    out.open("parent");
    out.number("pid", data.number("ppid"));
    out.close();
  }
  const json& outcome = data.peek("outcome");
  const Data ended(outcome);
  const auto code = outcome.is_object() ? ended.peek_number("code") : data.number("exit_code");
  out.number("exit_code", code ? code : data.number("code"));
  const std::string sha256 = text_of(data.peek("object"), "sha256");
  if (!sha256.empty()) {
    out.open("hash");
    out.text("sha256", keyword(sha256));
    out.close();
  }
  out.close();
}

void write_network(JsonOut& out, Event& event) {
  Data& data = event.data;
  const std::string_view host = keyword(data.text("host"));
  const Endpoint to = endpoint_of(data.text("address"));
  const bool host_is_ip = parse_ip(host).has_value();
  const auto port = data.number("port", 65535);
  const std::string_view ip = host_is_ip ? host : std::string_view(to.ip);
  out.open("destination");
  out.text("address", host.empty() ? ip : host);
  if (!host_is_ip) out.text("domain", host);
  out.text("ip", ip);
  out.number("port", port ? port : to.port);
  out.number("bytes", data.number("received"));
  out.close();
  if (const auto sent = data.number("sent")) {
    out.open("source");
    out.number("bytes", *sent);
    out.close();
  }
  // "dns": a name was asked for, and that is all.
  if (data.peek_text("via") != "dns" || host.empty()) return;
  out.open("dns");
  out.open("question");
  out.text("name", host);
  out.close();
  out.close();
}

void write_http(JsonOut& out, Event& event) {
  Data& data = event.data;
  out.open("url");
  out.text("domain", keyword(data.peek_text("host")));
  out.number("port", data.peek_number("port", 65535));
  out.text("path", keyword(data.text("path")));
  out.close();
  const auto status = data.number("status", 999);
  out.open("http");
  out.open("request");
  out.text("method", keyword(data.text("method")));
  out.close();
  if (status && *status > 0) {
    out.open("response");
    out.number("status_code", *status);
    out.close();
  }
  out.close();
  write_network(out, event);
}

void write_gen_ai(JsonOut& out, Event& event) {
  Data& data = event.data;
  const std::string_view agent = data.text("agent");
  const std::string_view tool = data.text("tool");
  const std::string_view id = data.text("tool_use_id");
  out.open("gen_ai");
  if (!agent.empty()) {
    out.open("agent");
    out.text("name", keyword(agent));
    out.close();
  }
  out.open("tool");
  out.text("name", keyword(tool.empty() ? data.text("name") : tool));
  out.open("call");
  out.text("id", keyword(id.empty() ? data.text("id") : id));
  out.close();
  out.close();
  out.close();
  if (!data.peek_number("pid")) return;
  out.open("process");
  out.number("pid", data.number("pid"));
  out.text("working_directory", keyword(data.text("cwd")));
  out.close();
}

void write_usage(JsonOut& out, Event& event) {
  Data& data = event.data;
  out.open("gen_ai");
  out.open("response");
  out.text("model", keyword(data.text("model")));
  out.close();
  out.open("usage");  // fields of type integer
  out.number("input_tokens", data.number("input", INT32_MAX));
  out.number("output_tokens", data.number("output", INT32_MAX));
  out.close();
  out.close();
}

// One path is a file's event; many are a list that `berm.data` holds.
void write_file(JsonOut& out, const Event& event) {
  const json& files = event.data.peek("files");
  if (!files.is_array() || files.size() != 1) return;
  const std::string path = text_of(files.front(), "path");
  if (path.empty()) return;
  out.open("file");
  out.text("path", keyword(path));
  out.text("name", keyword(base_name(path)));
  out.close();
}

void write_subject(JsonOut& out, const Kind& kind, Event& event) {
  switch (kind.subject) {
    case Subject::process:
      return write_process(out, event);
    case Subject::application:
      if (kind.ecs_category == "process") write_process(out, event);
      return;
    case Subject::network:
      return write_network(out, event);
    case Subject::http:
      return write_http(out, event);
    case Subject::tool:
      return write_gen_ai(out, event);
    case Subject::usage:
      return write_usage(out, event);
    case Subject::files:
      return write_file(out, event);
    default:
      return;
  }
}

}  // namespace

std::string to_ecs(std::string_view line) {
  Event event(line);
  const Kind& kind = kind_of(event.type);
  const Judgement judgement = judge(kind, event);
  JsonOut out(line.size() * 2 + 1024);
  out.text("@timestamp", event.time.empty() ? kNoTime : event.time);
  out.open("ecs");
  out.word("version", "9.4.0");
  out.close();
  out.text("message", message_of(kind, judgement, event));
  write_event(out, kind, judgement, event);
  take_told(event);
  out.open("observer");
  out.word("vendor", "berm");
  out.word("product", "berm");
  out.word("type", "sandbox");
  out.word("version", BERM_VERSION);
  out.close();
  const std::string_view rule = event.data.text("rule");
  if (!rule.empty()) {
    out.open("rule");
    out.text("name", keyword(rule));
    out.close();
  }
  write_subject(out, kind, event);
  out.open("berm");
  out.text("run", keyword(event.run));
  out.text("previous_hash", event.previous);
  if (event.tells_rest && event.data.has_rest()) out.written("data", event.data.rest());
  out.close();
  return out.take();
}

}  // namespace berm::formats
