#include "audit/sinks/syslog.h"

#include <fmt/format.h>

#include <algorithm>

#include "audit/sinks/answers.h"

namespace berm {
namespace {

// RFC 5424 §6: printable ASCII without blanks, cut to its length; "-" for nothing.
std::string word(std::string_view text, std::size_t most) {
  std::string out;
  for (const char c : text.substr(0, most)) out += c > 0x20 && c < 0x7f ? c : '_';
  return out.empty() ? "-" : out;
}

// §6.3.3: in a value, '"', '\' and ']' are escaped.
std::string value(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\' || c == ']') out += '\\';
    out += c;
  }
  return out;
}

// §6.2.3: six digits of a second at most.
std::string timestamp(const std::string& time) {
  const std::size_t point = time.find('.');
  if (point == std::string::npos || !time.ends_with('Z')) return word(time, 32);
  return word(time.substr(0, std::min(point + 7, time.size() - 1)) + "Z", 32);
}

// A refusal is a warning, everything else is informational.
int severity_of(const std::string& type) {
  for (const char* part : {"denied", "limit", "refused", "failed", "lost", "anomaly"}) {
    if (type.find(part) != std::string::npos) return 4;
  }
  return 6;
}

}  // namespace

std::string syslog_message(const SinkGrant& grant, const std::string& host, const std::string& run,
                           const ShippedEvent& event) {
  const int facility = std::stoi(setting(grant, "facility", "13"));
  return fmt::format("<{}>1 {} {} {} - {} [berm@32473 run=\"{}\" seq=\"{}\"] {}",
                     facility * 8 + severity_of(event.type), timestamp(event.time),
                     word(setting(grant, "hostname", host), 255),
                     word(setting(grant, "app_name", "berm"), 48), word(event.type, 32), value(run),
                     event.sequence, event.text());
}

std::string octet_counted(std::string_view message) {
  return fmt::format("{} {}", message.size(), message);
}

}  // namespace berm
