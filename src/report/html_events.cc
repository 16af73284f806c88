#include "report/html_events.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "record/story_events.h"
#include "report/html_value.h"

namespace berm::html {
namespace {

using nlohmann::json;

constexpr std::size_t kLine = 180;                // bytes of an event in the list
constexpr std::size_t kValue = 8192;              // of one value in an event's details
constexpr std::size_t kMostKeys = 64;             // of an event
constexpr std::size_t kMostLines = 192ULL << 20;  // of all details
constexpr double kLongest = 1e13;                 // µs: 115 days; beyond, a clock was made up

// "key=value …", for the types that have no sentence of their own.
std::string pairs_of(const json& data) {
  std::string out;
  if (!data.is_object()) return out;
  for (const auto& [key, value] : data.items()) {
    if (out.size() > kLine) break;
    if (value.is_structured() || is_empty(value)) continue;
    if (!out.empty()) out += "  ";
    out += shown(key, 64) + "=" + shown_value(value, kLine);
  }
  return out;
}

std::string tool_call(const json& data) {
  const std::string& input = raw_text(data, "input");
  const story::ToolInput parsed(input);
  std::string what = parsed.first_of(
      {"command", "file_path", "url", "pattern", "query", "path", "prompt", "description"});
  if (what.empty()) what = raw_text(data, "prompt");
  const std::string tool = text(data, "tool", 64);
  return fmt::format("{} {}{}{}", text(data, "kind", 64), tool, what.empty() ? "" : "  ",
                     shown(what, kLine));
}

std::string sentence_of(const std::string& type, const json& data) {
  if (type == "exec") {
    const std::string words = words_of(member(data, "argv"), kLine);
    return fmt::format("{}  (pid {})", words.empty() ? text(data, "executable", kLine) : words,
                       count(data, "pid"));
  }
  if (type == "tool.call") return tool_call(data);
  if (type == "net.allowed" || type == "net.denied") {
    return fmt::format("{} by {}", place_of(data), text(data, "via", 32));
  }
  if (type == "net.closed") {
    return fmt::format("{} after {} ms, {} bytes up, {} down", place_of(data), count(data, "ms"),
                       count(data, "sent"), count(data, "received"));
  }
  if (type == "http.request" || type == "model.request") {
    return fmt::format("{} {}{} → {}", text(data, "method", 32), place_of(data),
                       text(data, "path", kLine), count(data, "status"));
  }
  if (type == "net.attempt") {
    return fmt::format("{} by {}", text(data, "address", 128), text(data, "executable", 128));
  }
  if (type == "run.start" || type == "agent.start") return words_of(member(data, "argv"), kLine);
  if (type == "verdict") {
    return fmt::format("{} (exit {})", text(data, "status", 64), count(data, "exit_code"));
  }
  if (type == "changes") return fmt::format("{} files", member(data, "files").size());
  if (type == "guard") return fmt::format("{} findings", member(data, "findings").size());
  return pairs_of(data);
}

std::string line_of(const std::string& type, const json& data) {
  std::string out = sentence_of(type, data);
  const std::string rule = text(data, "rule", 96);
  if (!rule.empty()) out += fmt::format("  [{}]", rule);
  const std::string reason = text(data, "reason", kLine);
  if (!reason.empty()) out += "  " + reason;
  return story::shortened(out, 2 * kLine);
}

std::string decision_of(const std::string& type, const json& data) {
  const std::string said = text(data, "decision", 32);
  if (!said.empty()) return said;
  if (type == "net.allowed") return "allow";
  if (type == "net.denied" || type == "net.attempt") return "deny";
  if (type == "guard") return flag(data, "refused") ? "refuse" : "allow";
  return "";
}

Tone tone_of(const std::string& type, const std::string& decision, const json& data) {
  if (decision == "deny" || decision == "refuse") return Tone::bad;
  if (type == "limit.hit" || type == "guard.failed" || type == "egress.lost" ||
      type == "judge.lost") {
    return Tone::bad;
  }
  if (type == "verdict") return raw_text(data, "status") == "success" ? Tone::good : Tone::bad;
  if (decision == "ask" || type == "anomaly" || type.starts_with("hooks.") ||
      type.ends_with(".refused") || type.ends_with("_failed") || type == "net.unwatched" ||
      type == "model.anomaly" || type == "model.limit") {
    return Tone::warn;
  }
  return decision == "allow" || type == "net.closed" ? Tone::good : Tone::plain;
}

Lane lane_of(const std::string& type, const json& data) {
  if (type == "exec") return Lane::processes;
  if (type == "tool.call") {
    const std::string& kind = raw_text(data, "kind");
    return kind.starts_with("after") ? Lane::none : Lane::calls;
  }
  if (type.starts_with("model.")) return Lane::model;
  if (type == "net.allowed") return Lane::none;  // its span is drawn when it closes
  if (type.starts_with("net.") || type.starts_with("http.")) return Lane::connections;
  if (type == "checkpoint" || type.starts_with("resource") || type == "agent.telemetry") {
    return Lane::none;
  }
  return Lane::run;
}

std::string details_of(const json& event, const json& data) {
  json out = json::array();
  for (const char* key : {"time", "hash"}) {
    const std::string value = text(event, key, 128);
    if (!value.empty()) out.push_back({key, value});
  }
  if (!data.is_object()) {
    if (!data.is_null()) out.push_back({"data", shown_value(data, kValue)});
    return in_script(out);
  }
  std::size_t keys = 0;
  for (const auto& [key, value] : data.items()) {
    if (is_empty(value)) continue;
    if (++keys > kMostKeys) {
      out.push_back({"…", fmt::format("{} keys in all", data.size())});
      break;
    }
    out.push_back({shown(key, 256), shown_value(value, kValue)});
  }
  return in_script(out);
}

/// Builds the columns in one pass.
class Builder {
 public:
  explicit Builder(const json& first) : first_(first) {}

  void add(const json& event) {
    const json& data = member(event, "data");
    const std::string type = text(event, "type", 64);
    const std::string decision = decision_of(type, data);
    const std::int64_t at = offset_us(event, first_);
    seq_.push_back(count(event, "seq"));
    t_.push_back(at);
    d_.push_back(span_of(type, data, at));
    type_.push_back(word(type));
    source_.push_back(word(text(event, "source", 64)));
    decision_.push_back(word(decision));
    tone_.push_back(tone_of(type, decision, data));
    lane_.push_back(lane_of(type, data));
    text_.push_back(line_of(type, data));
    add_details(event, data);
  }

  EventTable take() && {
    table_.columns = {{"seq", std::move(seq_)},       {"t", std::move(t_)},
                      {"d", std::move(d_)},           {"type", std::move(type_)},
                      {"source", std::move(source_)}, {"decision", std::move(decision_)},
                      {"tone", std::move(tone_)},     {"lane", std::move(lane_)},
                      {"text", std::move(text_)},     {"words", std::move(words_)}};
    return std::move(table_);
  }

 private:
  std::size_t word(const std::string& text) {
    const auto [found, fresh] = places_.try_emplace(text, words_.size());
    if (fresh) words_.push_back(text);
    return found->second;
  }

  // A call lasts until the hook that tells its end; what closes tells how long it was open.
  std::int64_t span_of(const std::string& type, const json& data, std::int64_t at) {
    if (type == "net.closed") {
      const auto ms = static_cast<double>(count(data, "ms"));
      return -static_cast<std::int64_t>(std::min(ms * 1000, static_cast<double>(at)));
    }
    const std::string& id = raw_text(data, "tool_use_id");
    if (type != "tool.call" || id.empty() || id.size() > 256) return 0;
    if (!raw_text(data, "kind").starts_with("after")) {
      open_[id] = t_.size() - 1;
      return 0;
    }
    if (const auto found = open_.find(id); found != open_.end()) {
      d_[found->second] = std::max<std::int64_t>(0, at - t_[found->second].get<std::int64_t>());
      open_.erase(found);
    }
    return 0;
  }

  void add_details(const json& event, const json& data) {
    if (table_.lines.size() < kMostLines) {
      table_.lines += details_of(event, data);
    } else {
      ++table_.no_details;
    }
    table_.lines += '\n';
  }

  const json& first_;
  EventTable table_;
  json seq_ = json::array(), t_ = json::array(), d_ = json::array(), type_ = json::array();
  json source_ = json::array(), decision_ = json::array(), tone_ = json::array();
  json lane_ = json::array(), text_ = json::array(), words_ = json::array();
  std::unordered_map<std::string, std::size_t> places_;
  std::unordered_map<std::string, std::size_t> open_;  ///< calls, by tool_use_id
};

}  // namespace

std::int64_t offset_us(const json& event, const json& first) {
  const auto mono = [](const json& one) {
    const json& found = member(one, "mono");
    return found.is_number() ? found.get<double>() : 0.0;
  };
  const double us = (mono(event) - mono(first)) / 1000;
  return us > 0 ? static_cast<std::int64_t>(std::min(us, kLongest)) : 0;
}

std::string place_of(const json& data) {
  const std::string host = text(data, "host", 256);
  const bool v6 = host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", host, v6 ? "]" : "", count(data, "port"));
}

EventTable event_table(const std::vector<json>& events) {
  static const json kNone;
  Builder builder(events.empty() ? kNone : events.front());
  const std::size_t most = std::min(events.size(), kMostEvents);
  for (std::size_t i = 0; i < most; ++i) builder.add(events[i]);
  EventTable table = std::move(builder).take();
  table.left_out = events.size() - most;
  return table;
}

}  // namespace berm::html
