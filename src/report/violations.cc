#include "report/violations.h"

#include <fmt/format.h>

#include "base/text.h"
#include "record/sha256.h"
#include "rules/changes/changes.h"

namespace berm::report {
namespace {

// Ids are compared, linked and put into paths by others.
std::string as_id(std::string_view prefix, std::string_view name) {
  std::string out;
  for (const char c : lower(name.substr(0, 48))) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    out += plain ? c : '-';
  }
  return fmt::format("{}/{}", prefix, out.empty() ? "unnamed" : out);
}

void add_findings(const RunFacts& facts, std::vector<Violation>& out) {
  for (const GuardFinding& f : facts.findings.rows) {
    out.push_back(
        {.rule = as_id("guard", f.rule),
         .level = f.refused ? Level::error : Level::note,
         .message = f.path.empty() ? f.message : fmt::format("'{}' {}", f.path, f.message),
         .path = f.raw_path,
         .line = f.line,
         .subject = f.raw_path.empty() ? "changes" : ""});
  }
}

void add_denials(const RunFacts& facts, std::vector<Violation>& out) {
  for (const Denial& d : facts.denials) {
    std::string message = fmt::format("refused: {}", d.what);
    if (!d.rule.empty()) message += fmt::format(" [{}]", d.rule);
    if (!d.reason.empty()) message += fmt::format(": {}", d.reason);
    out.push_back({.rule = as_id("denied", d.kind),
                   .level = Level::warning,
                   .message = std::move(message),
                   .path = {},
                   .subject = fmt::format("{}/{}", d.kind, d.what),
                   .times = d.times});
  }
}

void add_ends(const RunFacts& facts, std::vector<Violation>& out) {
  const auto error = [&](std::string rule, std::string message, std::string subject) {
    out.push_back({.rule = std::move(rule),
                   .message = std::move(message),
                   .path = {},
                   .subject = std::move(subject)});
  };
  for (const Limit& l : facts.limits.rows) {
    error(as_id("limit", l.name), fmt::format("limit '{}' was hit by {}", l.name, l.culprit),
          "limit/" + l.name);
  }
  for (const std::string& loss : facts.losses.rows) {
    error(as_id("boundary", loss.substr(0, loss.find(':'))), loss, "boundary");
  }
  for (const std::string& anomaly : facts.anomalies.rows) {
    error(as_id("anomaly", anomaly.substr(0, anomaly.find(':'))), anomaly, "anomaly");
    out.back().level = Level::warning;
  }
  if (!facts.integrity.intact()) {
    error("record/not-intact", "the record is not intact: " + facts.integrity.first_problem,
          "record");
  } else if (!facts.integrity.complete) {
    error("record/incomplete", "the record has no end: the run was cut off, or goes on", "record");
  }
}

// A verdict that nothing above explains.
void add_verdict(const RunFacts& facts, std::vector<Violation>& out) {
  if (facts.status.empty() || facts.status == "success") return;
  for (const Violation& v : out) {
    if (v.level == Level::error) return;
  }
  std::string message = fmt::format("{} (exit {})", facts.status, facts.exit_code);
  for (const std::string& reason : facts.reasons.rows) {
    if (message.size() < 2048) message += "; " + reason;
  }
  out.push_back({.rule = as_id("verdict", facts.status),
                 .message = std::move(message),
                 .path = {},
                 .subject = "verdict"});
}

}  // namespace

std::vector<Violation> violations_of(const RunFacts& facts) {
  std::vector<Violation> out;
  add_findings(facts, out);
  add_ends(facts, out);
  add_verdict(facts, out);
  add_denials(facts, out);
  return out;
}

std::string fingerprint(const Violation& v) {
  // Lengths between: no part can pretend to be another.
  std::string text;
  for (const std::string& part : {v.rule, v.path, v.subject, v.message}) {
    text += fmt::format("{}:{}", part.size(), part);
  }
  return sha256_hex(text);
}

std::string summary_of_rule(std::string_view rule) {
  for (const ChangeRule* known : change_rules()) {
    if (as_id("guard", known->id) == rule) return std::string(known->summary);
  }
  return "";
}

std::string relative_uri(std::string_view path) {
  if (path.empty()) return "";
  std::string out;
  for (const std::string_view segment : split(path, '/')) {
    if (segment.empty() || segment == "." || segment == "..") return "";
    out += (out.empty() ? "" : "/") + percent_encoded(segment);
  }
  return out;
}

}  // namespace berm::report
