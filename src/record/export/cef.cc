#include "record/export/cef.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/ip.h"
#include "base/text.h"
#include "record/export/event.h"
#include "record/export/kinds.h"
#include "record/fields.h"

namespace berm::formats {
namespace {

using nlohmann::json;

// ArcSight's numbers for ours: 0-3 low, 4-6 medium, 7-8 high, 9-10 very high.
constexpr int kSeverities[] = {0, 2, 3, 5, 8, 10};

// What a terminal would act on is shown (\x1b); line ends have a spelling of their own in CEF.
std::string shown(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find_first_of("\r\n", at);
    out += printable(text.substr(at, end == std::string_view::npos ? end : end - at));
    if (end == std::string_view::npos) break;
    out += text[end];
    at = end + 1;
  }
  return out;
}

std::string header(std::string_view text, std::size_t most) {
  const std::string safe = printable(text);
  std::string out;
  for (const char c : cut(safe, most)) {
    if (c == '\\' || c == '|') out += '\\';
    out += c;
  }
  return out;
}

/// key=value, key=value … behind the last '|'.
class Extension {
 public:
  explicit Extension(std::string& out) : out_(out) {}

  /// `most`: what the format allows, in bytes of the value itself. Nothing if it is empty.
  void text(std::string_view key, std::string_view value, std::size_t most) {
    if (value.empty()) return;
    begin(key);
    const std::string safe = shown(cut(value, most));
    for (const char c : cut(safe, most)) append(c);
  }
  void number(std::string_view key, std::optional<std::int64_t> value) {
    if (!value) return;
    begin(key);
    out_ += fmt::format("{}", *value);
  }
  /// One of the fields that anybody may use, with its label.
  void custom(std::string_view key, std::string_view label, std::string_view value) {
    if (value.empty()) return;
    text(key, value, 4000);
    text(fmt::format("{}Label", key), label, 1023);
  }
  void custom(std::string_view key, std::string_view label, std::optional<std::int64_t> value) {
    if (!value) return;
    number(key, value);
    text(fmt::format("{}Label", key), label, 1023);
  }

 private:
  void begin(std::string_view key) {
    if (!std::exchange(first_, false)) out_ += ' ';
    out_ += key;
    out_ += '=';
  }
  void append(char c) {
    if (c == '\n') {
      out_ += "\\n";
    } else if (c == '\r') {
      out_ += "\\r";
    } else {
      if (c == '\\' || c == '=') out_ += '\\';
      out_ += c;
    }
  }
  std::string& out_;
  bool first_ = true;
};

std::string_view act_of(Control control) {
  switch (control) {
    case Control::none:
      return "";
    case Control::allowed:
    case Control::approved:
      return "allowed";
    case Control::denied:
    case Control::rejected:
      return "denied";
    case Control::asked:
      return "asked";
    case Control::observed:
      return "observed";
  }
  return "";
}

std::string_view outcome_of(Ending ending) {
  if (ending == Ending::success) return "success";
  return ending == Ending::failure ? "failure" : "";
}

// CEF's integers have 32 bits.
std::optional<std::int64_t> small(Data& data, std::string_view key) {
  return data.number(key, INT32_MAX);
}

void write_place(Extension& out, Data& data) {
  const std::string_view host = data.text("host");
  const Endpoint to = endpoint_of(data.text("address"));
  const bool host_is_ip = parse_ip(host).has_value();
  const std::string ip = host_is_ip ? std::string(host) : to.ip;
  if (!host_is_ip) out.text("dhost", host, 1023);
  if (ip.find(':') == std::string::npos) {
    out.text("dst", ip, 45);  // IPv4 only
  } else {
    out.text("c6a3", ip, 45);
    out.text("c6a3Label", "Destination IPv6 Address", 1023);
  }
  const auto port = data.number("port", 65535);
  out.number("dpt", port ? port : to.port);
  out.number("out", small(data, "sent"));
  out.number("in", small(data, "received"));
  // Others give their protocol here.
  out.text("app", data.text("via"), 31);
}

void write_process(Extension& out, Data& data) {
  const json& argv = data.peek("argv");
  const std::string command = command_line(argv);
  if (!command.empty()) data.take("argv");
  out.number("dpid", small(data, "pid"));
  out.number("spid", small(data, "ppid"));
  const std::string_view executable = data.text("executable");
  out.text("dproc", base_name(executable), 1023);
  out.text("fname", base_name(executable), 1023);
  out.text("filePath", executable, 1023);
  out.text("fileHash", text_of(data.peek("object"), "sha256"), 255);
  out.custom("cs2", "commandLine", command);
  out.custom("cs3", "workingDirectory", data.text("cwd"));
}

void write_subject(Extension& out, const Kind& kind, Data& data) {
  switch (kind.subject) {
    case Subject::process:
      return write_process(out, data);
    case Subject::network:
      // Who tried: of net.attempt.
      out.number("spid", small(data, "pid"));
      out.text("sproc", data.text("executable"), 1023);
      return write_place(out, data);
    case Subject::http:
      out.text("requestMethod", data.text("method"), 1023);
      out.text("request", data.text("path"), 1023);
      out.custom("cn1", "httpStatus", data.number("status", 999));
      return write_place(out, data);
    case Subject::tool:
      out.number("spid", small(data, "pid"));
      out.text("sproc", data.text("agent"), 1023);
      out.custom("cs2", "tool", data.text("tool"));
      out.custom("cs3", "toolUseId", data.text("tool_use_id"));
      return;
    case Subject::application:
      return out.custom("cn1", "exitCode", Data(data.peek("outcome")).peek_number("code"));
    case Subject::compliance:
      return out.custom("cn1", "exitCode", data.number("exit_code"));
    case Subject::usage:
      out.custom("cs2", "model", data.text("model"));
      out.custom("cn1", "inputTokens", data.number("input"));
      return out.custom("cn2", "outputTokens", data.number("output"));
    case Subject::credential:
      out.text("duser", data.text("name"), 1023);
      return out.text("dhost", data.text("host"), 1023);
    case Subject::files: {
      const json& files = data.peek("files");
      if (!files.is_array()) return;
      out.custom("cn1", "files", static_cast<std::int64_t>(files.size()));
      if (files.size() == 1) out.text("filePath", text_of(files.front(), "path"), 1023);
      return;
    }
    default:
      return;
  }
}

}  // namespace

std::string to_cef(std::string_view line) {
  Event event(line);
  const Kind& kind = kind_of(event.type);
  const Judgement judgement = judge(kind, event);
  const std::string_view signature = event.json->is_null() ? "unreadable" : event.type;
  std::string out;
  out.reserve(1024);
  out = fmt::format("CEF:0|berm|berm|" BERM_VERSION "|{}|{}|{}|",
                    header(signature.empty() ? "unknown" : signature, 1023),
                    header(title_of(kind, judgement), 512),
                    kSeverities[static_cast<std::size_t>(judgement.severity)]);
  Extension extension(out);
  extension.number("rt", event.time_ms);
  extension.text("deviceExternalId", event.run, 255);
  if (event.sequence) extension.text("externalId", fmt::format("{}", *event.sequence), 40);
  extension.text("cat", kind.ecs_category, 1023);
  extension.text("act", act_of(judgement.control), 63);
  extension.text("outcome", outcome_of(judgement.ending), 63);
  extension.text("reason", reason_of(event), 1023);
  extension.text("msg", message_of(kind, judgement, event), 1023);
  take_told(event);
  extension.custom("cs1", "rule", event.data.text("rule"));
  write_subject(extension, kind, event.data);
  if (event.json->is_null()) {
    extension.custom("cs4", "line", line);
  } else if (event.tells_rest && event.data.has_rest()) {
    extension.custom("cs4", "data", event.data.rest());
  }
  extension.custom("cs5", "sha256", event.hash);
  extension.custom("cs6", "previousSha256", event.previous);
  return out;
}

}  // namespace berm::formats
