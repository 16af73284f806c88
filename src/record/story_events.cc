#include "record/story_events.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "record/chain.h"

namespace berm::story {
namespace {

using nlohmann::json;

constexpr std::size_t kWord = 256;
constexpr std::size_t kPath = 4096;
constexpr std::size_t kText = 4096;
constexpr std::size_t kInput = 16384;
constexpr std::size_t kArguments = 1024;
constexpr std::size_t kMostArguments = 64;
constexpr std::size_t kMostChanges = 200'000;

const json* member(const json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

const std::string& text(const json& object, const char* key) {
  static const std::string kNone;
  const json* found = member(object, key);
  return found != nullptr && found->is_string() ? found->get_ref<const std::string&>() : kNone;
}

std::string text(const json& object, const char* key, std::size_t most) {
  return shortened(text(object, key), most);
}

std::int64_t number(const json& object, const char* key) {
  const json* found = member(object, key);
  return found != nullptr && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

// argv by blanks; a last argument that is cut ends in "…", whoever cut it.
std::string joined(const json* argv) {
  std::string out;
  if (argv == nullptr || !argv->is_array()) return out;
  std::size_t count = 0;
  for (const json& word : *argv) {
    if (out.size() > kArguments || ++count > kMostArguments) break;
    if (count > 1) out += ' ';
    out += word.is_string() ? shortened(word.get_ref<const std::string&>(), kArguments) : "?";
  }
  return shortened(out, kArguments);
}

Exec exec_of(const json& data, std::size_t at, std::uint64_t event) {
  const json* argv = member(data, "argv");
  const bool second = argv != nullptr && argv->is_array() && argv->size() > 1;
  const std::string& executable = text(data, "executable");
  return {.at = at,
          .event = event,
          .pid = number(data, "pid"),
          .parent = number(data, "ppid"),
          .executable = shortened(executable, kPath),
          .arguments = joined(argv),
          .hook = executable.ends_with("/berm-init") && second && (*argv)[1] == "hook",
          .denied = text(data, "decision") == "deny",
          .rule = text(data, "rule", kWord)};
}

Told told_of(const json& data, std::size_t at, std::int64_t mono) {
  Told out;
  out.at = at;
  out.mono = mono;
  out.pid = number(data, "pid");
  out.kind = text(data, "kind", kWord);
  out.tool = text(data, "tool", kWord);
  out.id = text(data, "tool_use_id", kWord);
  out.prompt_id = text(data, "prompt_id", kWord);
  out.prompt_sha256 = text(data, "prompt_sha256", kWord);
  out.prompt = text(data, "prompt", kText);
  out.session = text(data, "session", kWord);
  out.agent_id = text(data, "agent_id", kWord);
  out.agent_type = text(data, "agent_type", kWord);
  out.input = text(data, "input", kInput);
  out.rewrite = text(data, "rewrite", kInput);
  out.input_sha256 = text(data, "input_sha256", kWord);
  out.cwd = text(data, "cwd", kPath);
  out.decision = text(data, "decision", kWord);
  out.rule = text(data, "rule", kWord);
  out.reason = text(data, "reason", kText);
  out.error = text(data, "error", kText);
  if (const std::int64_t took = number(data, "duration_ms"); took > 0) {
    out.duration_ms = static_cast<std::uint64_t>(took);
  }
  out.runs_shell = member(data, "commands") != nullptr;
  return out;
}

Told result_of(const json& data, std::size_t at, std::int64_t mono) {
  Told out;
  out.at = at;
  out.mono = mono;
  out.kind = "result";
  out.id = text(data, "id", kWord);
  const json* error = member(data, "error");
  out.failed = error != nullptr && *error == true;
  return out;
}

Reached reached_of(const std::string& type, const json& data, std::size_t at) {
  Reached out{.at = at, .pid = number(data, "pid"), .name = {}, .outcome = "reached"};
  if (type == "net.attempt") {
    out.outcome = "tried";
    out.name = text(data, "address", kWord);
    return out;
  }
  if (type == "net.denied") out.outcome = "denied";
  const std::string host = text(data, "host", kWord);
  const bool v6 = host.find(':') != std::string::npos;
  out.name = fmt::format("{}:{}", v6 ? "[" + host + "]" : host, number(data, "port"));
  out.model = type == "model.request" || text(data, "via") == "model";
  return out;
}

void read_changes(const json& data, Events& out) {
  const json* files = member(data, "files");
  if (files == nullptr || !files->is_array()) return;
  for (const json& file : *files) {
    if (out.changes.size() == kMostChanges) return;
    const std::string& path = text(file, "path");
    if (!path.empty() && path.size() <= kPath) out.changes[path] = text(file, "kind", kWord);
  }
}

// The text after `"key":"` as far as it goes: the record keeps the first kilobytes of an input.
std::string cut_member(const std::string& input, std::string_view key) {
  const std::string head = fmt::format("\"{}\":\"", key);
  std::size_t at = input.find(head);
  std::string out;
  if (at == std::string::npos) return out;
  for (at += head.size(); at < input.size() && input[at] != '"'; ++at) {
    if (input[at] != '\\' || at + 1 == input.size()) {
      out += input[at];
      continue;
    }
    const char escaped = input[++at];
    out += escaped == 'n' ? '\n' : escaped == 't' ? '\t' : escaped;
  }
  return out;
}

}  // namespace

std::string shortened(std::string_view text, std::size_t most) {
  if (text.size() <= most) return std::string(text);
  std::size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return std::string(text.substr(0, end)) + "…";
}

ToolInput::ToolInput(const std::string& text) : text_(text), parsed_(parse_event(text)) {}

std::string ToolInput::member(std::string_view key) const {
  if (!parsed_.is_object()) return cut_member(text_, key);
  const auto found = parsed_.find(key);
  if (found == parsed_.end()) return "";
  if (found->is_string()) return found->get<std::string>();
  return found->is_array() ? joined(&*found) : "";
}

std::string ToolInput::first_of(std::initializer_list<const char*> keys) const {
  for (const char* key : keys) {
    std::string text = member(key);
    if (!text.empty()) return text;
  }
  return "";
}

bool ToolInput::flag(std::string_view key) const {
  if (!parsed_.is_object()) return text_.find(fmt::format("\"{}\":true", key)) != std::string::npos;
  const auto found = parsed_.find(key);
  return found != parsed_.end() && *found == true;
}

Events read_events(const std::vector<json>& events) {
  Events out;
  for (std::size_t at = 0; at < events.size(); ++at) {
    const json& event = events[at];
    const json* data = member(event, "data");
    if (data == nullptr || !data->is_object()) continue;
    const std::string& type = text(event, "type");
    const std::int64_t mono = number(event, "mono");
    if (type == "exec") {
      out.execs.push_back(exec_of(*data, at, static_cast<std::uint64_t>(number(event, "seq"))));
    } else if (type == "tool.call") {
      out.told.push_back(told_of(*data, at, mono));
    } else if (type == "model.tool_result") {
      out.told.push_back(result_of(*data, at, mono));
    } else if (type == "net.allowed" || type == "net.denied" || type == "net.attempt" ||
               type == "http.request" || type == "model.request") {
      out.reached.push_back(reached_of(type, *data, at));
    } else if (type == "changes") {
      read_changes(*data, out);
    } else if (type == "run.start") {
      out.repository = text(*data, "repository", kPath);
    }
  }
  return out;
}

}  // namespace berm::story
