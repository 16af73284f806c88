#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/ip.h"
#include "record/export/ocsf.h"
#include "record/fields.h"

namespace berm::formats {
namespace {

using nlohmann::json;

// OCSF's integer_t; consumers keep it in 32 bits.
std::optional<std::int64_t> small(Data& data, std::string_view key) {
  return data.number(key, INT32_MAX);
}

// The sandbox: for the programs inside it is the machine.
void write_device(JsonOut& out, const Event& event) {
  out.open("device");
  out.code("type", 99, "Sandbox");
  out.word("name", "berm sandbox");
  out.text("instance_uid", event.run);
  out.close();
}

void write_sandbox_endpoint(JsonOut& out, const Event& event) {
  out.open("src_endpoint");
  out.word("name", "berm sandbox");
  out.text("instance_uid", event.run);
  out.close();
}

void write_app_actor(JsonOut& out, std::string_view name) {
  out.open("actor");
  out.text("app_name", name.empty() ? "agent" : name);
  out.close();
}

// Claude Code, Codex and so on: agents of their own make, built with no framework.
void write_ai_agent(JsonOut& out, const Event& event, std::string_view name,
                    std::string_view session, std::string_view version) {
  if (name.empty() || name == "none") return;
  out.open("ai_agent");
  out.text("name", name);
  out.code("type", 1, "Native");
  out.text("instance_uid", session.empty() ? event.run : session);
  out.text("version", version);
  out.close();
}

void write_ai_model(JsonOut& out, std::string_view model) {
  if (model.empty()) return;
  static constexpr std::pair<std::string_view, std::string_view> kMakers[] = {
      {"claude", "Anthropic"}, {"gpt", "OpenAI"},   {"o1", "OpenAI"},     {"o3", "OpenAI"},
      {"o4", "OpenAI"},        {"codex", "OpenAI"}, {"gemini", "Google"},
  };
  std::string_view maker = "unknown";
  for (const auto& [prefix, name] : kMakers) {
    if (model.starts_with(prefix)) maker = name;
  }
  out.open("ai_model");
  out.text("name", model);
  out.text("ai_provider", maker);
  out.close();
}

void write_application(JsonOut& out, Event& event) {
  const bool of_agent =
      event.type.starts_with("agent.") || event.type == "signal" || event.type == "run.outcome";
  const std::string_view agent = event.data.text("agent");
  const std::string_view version = event.data.text("version");
  out.open("app");
  if (of_agent) {
    out.text("name", agent.empty() ? "agent" : agent);
    out.text("version", version);
  } else {
    out.word("name", "berm");
    out.word("vendor_name", "berm");
    out.text("version", event.data.text("berm"));
  }
  out.close();
  write_ai_agent(out, event, agent, "", of_agent ? version : "");
}

void write_file(JsonOut& out, std::string_view path, const json& object) {
  out.open("file");
  out.text("name", base_name(path).empty() ? "unknown" : base_name(path));
  out.text("path", path);
  out.code("type", 8, "Executable File");
  const json& size = member_of(object, "size");
  if (size.is_number_unsigned() && size.get<std::uint64_t>() <= INT64_MAX) {
    out.number("size", size.get<std::int64_t>());
  }
  const std::string sha256 = text_of(object, "sha256");
  if (!sha256.empty()) {
    out.open_list("hashes");
    out.open();
    out.code("algorithm", 3, "SHA-256");
    out.text("value", sha256);
    out.close();
    out.close_list();
  }
  out.close();
}

// A process has a pid, or at least an id that says which event told of it.
void write_pid(JsonOut& out, std::optional<std::int64_t> pid, const Event& event) {
  if (pid) return out.number("pid", *pid);
  out.text("uid", event.uid.empty() ? "unknown" : event.uid);
}

void write_process(JsonOut& out, Event& event) {
  Data& data = event.data;
  const std::optional<std::int64_t> parent = small(data, "ppid");
  const std::string_view executable = data.text("executable");
  const std::string command = command_line(data.peek("argv"));
  out.code("launch_type", 3, "Exec");
  out.open("actor");
  out.open("process");
  write_pid(out, parent, event);
  out.close();
  out.close();
  write_device(out, event);
  out.open("process");
  write_pid(out, small(data, "pid"), event);
  out.text("name", base_name(executable));
  out.text("cmd_line", command);
  out.text("working_directory", data.text("cwd"));
  if (!executable.empty()) write_file(out, executable, data.peek("object"));
  if (parent) {
    out.open("parent_process");
    out.number("pid", parent);
    out.close();
  }
  out.close();
}

void write_destination(JsonOut& out, Data& data) {
  const std::string_view host = data.text("host");
  const Endpoint to = endpoint_of(data.text("address"));
  const bool host_is_ip = parse_ip(host).has_value();
  const std::string_view ip = host_is_ip ? host : std::string_view(to.ip);
  if (host.empty() && ip.empty()) return;
  out.open("dst_endpoint");
  if (!host_is_ip) out.text("hostname", host);
  out.text("ip", ip);
  const std::optional<std::int64_t> port = data.number("port", 65535);
  out.number("port", port ? port : to.port);
  out.close();
}

void write_traffic(JsonOut& out, Data& data) {
  const std::optional<std::int64_t> sent = data.number("sent");
  const std::optional<std::int64_t> received = data.number("received");
  if (!sent && !received) return;
  out.open("traffic");
  out.number("bytes_out", sent);
  out.number("bytes_in", received);
  out.close();
}

void write_network(JsonOut& out, Event& event) {
  write_sandbox_endpoint(out, event);
  write_destination(out, event.data);
  write_traffic(out, event.data);
}

void write_http(JsonOut& out, Event& event) {
  Data& data = event.data;
  static constexpr std::string_view kMethods[] = {"CONNECT", "DELETE", "GET",   "HEAD", "OPTIONS",
                                                  "POST",    "PUT",    "TRACE", "PATCH"};
  const std::string_view host = data.text("host");
  const std::string_view path = data.text("path");
  const std::string_view method = data.peek_text("method");
  out.open("http_request");
  for (const std::string_view known : kMethods) {
    if (known == method) out.text("http_method", data.text("method"));
  }
  out.open("url");
  out.text("hostname", host);
  out.text("path", path.empty() ? "/" : path);
  out.number("port", data.peek_number("port", 65535));
  out.close();
  out.close();
  if (data.peek_number("status", 999).value_or(0) > 0) {
    out.open("http_response");
    out.number("code", data.number("status", 999));
    out.close();
  }
  write_network(out, event);
}

void write_tool(JsonOut& out, Event& event) {
  Data& data = event.data;
  const std::string_view agent = data.text("agent");
  const std::string_view tool = data.text("tool");
  const std::string_view name = data.text("name");
  const std::string_view kind = data.text("kind");
  const std::string_view operation = !tool.empty() ? tool : !name.empty() ? name : kind;
  const std::string_view session = data.text("session");
  const std::string_view id = data.text("tool_use_id");
  const std::string_view request = id.empty() ? data.text("id") : id;
  out.open("api");
  out.text("operation", operation.empty() ? "unknown" : operation);
  if (!kind.empty()) {
    out.open("group");
    out.text("name", kind);
    out.close();
  }
  if (!request.empty()) {
    out.open("request");
    out.text("uid", request);
    out.close();
  }
  out.close();
  write_app_actor(out, agent);
  write_sandbox_endpoint(out, event);
  write_ai_agent(out, event, agent, session, "");
  out.open("message_context");
  out.code("ai_role", 3, "Tool");
  out.text("uid", data.text("prompt_id"));
  out.text("prompt_text", data.text("prompt"));
  out.open("application");
  out.text("name", agent.empty() ? "agent" : agent);
  out.close();
  out.close();
}

void write_usage(JsonOut& out, Event& event) {
  Data& data = event.data;
  const std::string_view model = data.text("model");
  out.open("api");
  out.word("operation", "model.usage");
  out.close();
  write_app_actor(out, "");
  write_sandbox_endpoint(out, event);
  write_ai_model(out, model);
  out.open("message_context");
  out.code("ai_role", 2, "Assistant");
  out.number("prompt_tokens", small(data, "input"));
  out.number("completion_tokens", small(data, "output"));
  out.open("application");
  out.word("name", "agent");
  out.close();
  out.close();
}

// One event tells of many files, a file event of OCSF of one: here it is the folder, and what
// changed in it can be found by its path.
void write_files(JsonOut& out, Event& event) {
  const bool import = event.type == "import";
  write_app_actor(out, import ? "berm" : "agent");
  write_device(out, event);
  out.open("file");
  out.text("name", import ? "repository" : "workspace");
  out.code("type", 2, "Folder");
  out.close();
  const json& files = event.data.peek("files");
  if (!files.is_array() || files.empty()) return;
  out.open_list("observables");
  std::size_t listed = 0;
  for (const json& file : files) {
    const std::string path = text_of(file, "path");
    if (path.empty() || ++listed > kMostListedInOcsf) continue;
    out.open();
    out.word("name", "unmapped.files.path");
    out.code("type", 45, "File Path");
    out.text("value", path);
    out.close();
  }
  out.close_list();
}

void write_credential(JsonOut& out, Event& event) {
  Data& data = event.data;
  const std::string_view name = data.text("name");
  const std::string_view credential = name.empty() ? data.text("credential") : name;
  const std::string_view issuer = data.text("issuer");
  const std::string_view host = data.text("host");
  out.open("user");
  out.text("name", credential.empty() ? "unknown" : credential);
  out.code("type", 4, "Service");
  out.close();
  if (!host.empty()) {
    out.open("dst_endpoint");
    out.text("hostname", host);
    out.close();
  }
  out.open("service");
  out.text("name", !issuer.empty() ? issuer : "berm broker");
  out.close();
  const auto minted = milliseconds_of(data.peek_text("minted"));
  const auto expires = milliseconds_of(data.peek_text("expires"));
  if (!minted && !expires) return;
  out.open("authentication_token");
  out.text("name", credential);
  out.code("type", 7, "API Token");
  out.number("created_time", minted);
  out.number("expiration_time", expires);
  out.close();
}

void write_log(JsonOut& out) {
  out.word("log_name", "record.jsonl");
  out.code("log_type", 2, "Application");
}

}  // namespace

OcsfClass ocsf_class_of(const Kind& kind, const Judgement& judgement) {
  constexpr std::string_view kSystem = "System Activity";
  constexpr std::string_view kNetwork = "Network Activity";
  constexpr std::string_view kApplication = "Application Activity";
  switch (kind.subject) {
    case Subject::other:
      break;
    case Subject::application:
      return {6002, "Application Lifecycle", kApplication, true};
    case Subject::process:
      return {1007, "Process Activity", kSystem, true};
    case Subject::network:
      return {4001, "Network Activity", kNetwork, true};
    case Subject::http:
      return {4002, "HTTP Activity", kNetwork, true};
    case Subject::tool:
    case Subject::usage:
      return {6003, "API Activity", kApplication, true};
    case Subject::finding:
      // A guard that found nothing has nothing to alert anybody to.
      if (judgement.control == Control::allowed) break;
      return {2004, "Detection Finding", "Findings"};
    case Subject::compliance:
      return {2003, "Compliance Finding", "Findings"};
    case Subject::files:
      return {1001, "File System Activity", kSystem, true};
    case Subject::credential:
      return {3002, "Authentication", "Identity & Access Management", true};
    case Subject::log:
      return {1008, "Event Log Activity", kSystem, true};
  }
  if (kind.subject == Subject::finding) return {2003, "Compliance Finding", "Findings"};
  return {0, "Base Event", "Uncategorized"};
}

void write_ocsf_subject(JsonOut& out, const Kind& kind, const Judgement& judgement, Event& event) {
  switch (kind.subject) {
    case Subject::other:
      return;
    case Subject::application:
      return write_application(out, event);
    case Subject::process:
      return write_process(out, event);
    case Subject::network:
      return write_network(out, event);
    case Subject::http:
      return write_http(out, event);
    case Subject::tool:
      return write_tool(out, event);
    case Subject::usage:
      return write_usage(out, event);
    case Subject::finding:
      if (judgement.control == Control::allowed) {
        return write_ocsf_compliance(out, kind, judgement, event);
      }
      return write_ocsf_finding(out, kind, judgement, event);
    case Subject::compliance:
      return write_ocsf_compliance(out, kind, judgement, event);
    case Subject::files:
      return write_files(out, event);
    case Subject::credential:
      return write_credential(out, event);
    case Subject::log:
      return write_log(out);
  }
}

}  // namespace berm::formats
