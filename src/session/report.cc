// The report of a run, for machines and for people.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "redact/redactor.h"
#include "session/run_session.h"

namespace berm {
namespace {

using nlohmann::json;

std::string counts(const Changes& changes) {
  std::size_t importable = 0;
  std::size_t ignored = 0;
  for (const Change& change : changes.files) ++(change.ignored ? ignored : importable);
  std::string out = fmt::format("{} file{} changed", importable, importable == 1 ? "" : "s");
  if (ignored > 0) out += fmt::format(", {} ignored by git (never imported)", ignored);
  if (!changes.refs.empty()) {
    out +=
        fmt::format(", {} reference{}", changes.refs.size(), changes.refs.size() == 1 ? "" : "s");
  }
  return out;
}

}  // namespace

// JSON text must be UTF-8; other bytes of a name are shown escaped, as everywhere.
std::string json_path(const std::string& path) {
  for (std::size_t at = 0; at < path.size();) {
    char32_t point = 0;
    const std::size_t length = decode_utf8(path, at, point);
    if (length == 0) return printable(path);
    at += length;
  }
  return path;
}

json outcome_to_json(const Outcome& outcome) {
  struct Visitor {
    json operator()(const Exited& e) const { return {{"kind", "exited"}, {"code", e.code}}; }
    json operator()(const Killed& k) const { return {{"kind", "killed"}, {"signal", k.signal}}; }
    json operator()(const LimitHit& l) const {
      return {{"kind", "limit"}, {"limit", l.limit}, {"culprit", l.culprit}};
    }
    json operator()(const Interrupted& i) const {
      return {{"kind", "interrupted"}, {"signal", i.signal}};
    }
    json operator()(const BoundaryLost& b) const {
      return {{"kind", "boundary_lost"}, {"what", b.what}};
    }
    json operator()(const PolicyViolated& v) const {
      return {{"kind", "policy_violated"}, {"what", v.what}};
    }
    json operator()(const RecordLost& l) const {
      return {{"kind", "record_lost"}, {"what", l.what}};
    }
    json operator()(const SetupFailed& s) const {
      return {{"kind", "setup_failed"},
              {"what", s.error.what},
              {"errno", s.error.os_errno},
              {"fix", s.error.fix}};
    }
  };
  return std::visit(Visitor{}, outcome);
}

json usage_to_json(const Usage& u) {
  return {{"wall_ms", u.wall.count()},
          {"cpu_ms", u.cpu.count()},
          {"memory_peak", u.memory_peak.count},
          {"output", u.output.count},
          {"disk", u.disk.count},
          {"connections", u.connections},
          {"denied", u.denied},
          {"tools", {{"calls", u.tool_calls}, {"denied", u.tool_denied}}},
          {"model",
           {{"tokens", u.model_tokens},
            {"requests", u.model_requests},
            {"micro_usd", u.model_micro_usd}}}};
}

json layers_to_json(const std::vector<LayerReport>& layers) {
  json out = json::array();
  for (const LayerReport& l : layers) {
    out.push_back(
        {{"layer", spelling(l.layer)}, {"strength", name_of(l.strength)}, {"how", l.how}});
  }
  return out;
}

json findings_to_json(const std::vector<Finding>& findings) {
  json out = json::array();
  for (const Finding& f : findings) {
    out.push_back({{"rule", f.rule},
                   {"path", json_path(f.path)},
                   {"message", f.message},
                   {"severity", f.severity == Severity::refuse ? "refuse" : "report"}});
  }
  return out;
}

json changes_to_json(const Changes& changes) {
  json files = json::array();
  for (const Change& c : changes.files) {
    files.push_back(
        {{"path", json_path(c.path)},
         {"kind", name_of(c.kind)},
         {"type", name_of(c.after.type == FileType::none ? c.before.type : c.after.type)},
         {"mode", fmt::format("{:04o}", c.after.mode)},
         {"size", c.after.size},
         {"sha256", c.after.sha256},
         {"base_sha256", c.before.sha256},
         {"ignored", c.ignored},
         {"host_changed", c.host_changed}});
  }
  json refs = json::array();
  for (const RefChange& ref : changes.refs) {
    refs.push_back({{"name", json_path(ref.name)}, {"before", ref.before}, {"after", ref.after}});
  }
  return {{"sha256", changes.digest}, {"files", std::move(files)}, {"refs", std::move(refs)}};
}

json asked_for_to_json(const std::vector<AskedFor>& asked) {
  json out = json::array();
  for (const AskedFor& one : asked) {
    out.push_back(
        {{"destination", one.destination}, {"times", one.times}, {"learned", one.learned}});
  }
  return out;
}

std::string asked_for_text(const std::vector<AskedFor>& asked) {
  std::string out;
  for (std::size_t i = 0; i < std::min<std::size_t>(asked.size(), 3); ++i) {
    out += fmt::format("  {}: {} (×{}) · to permit it: allow = [\"{}\"]\n",
                       asked[i].learned ? "learned" : "asked for, not granted",
                       printable(asked[i].destination), asked[i].times,
                       printable(asked[i].destination));
  }
  if (asked.size() > 3) out += fmt::format("  … and {} more: berm show\n", asked.size() - 3);
  return out;
}

namespace {

json error_to_json(const Outcome& outcome) {
  const auto* failed = std::get_if<SetupFailed>(&outcome);
  if (failed == nullptr) return nullptr;
  return {{"code", name_of(failed->error.code)}, {"fix", failed->error.fix}};
}

json whole_json(const RunReport& report) {
  return {{"schema", "berm.run/1"},
          {"id", report.id},
          {"directory", report.path},
          {"tier", spelling(report.tier)},
          {"verdict",
           {{"status", name_of(report.verdict.status)},
            {"exit_code", report.verdict.exit_code},
            {"reasons", report.verdict.reasons}}},
          {"outcome", outcome_to_json(report.outcome)},
          {"error", error_to_json(report.outcome)},
          {"usage", usage_to_json(report.usage)},
          {"changes", changes_to_json(report.changes)},
          {"findings", findings_to_json(report.findings)},
          {"import", {{"note", report.import_note}, {"refs", report.imported}}},
          {"network",
           {{"asked_for", asked_for_to_json(report.asked_for)}, {"proposal", report.proposal}}},
          {"layers", layers_to_json(report.layers)},
          {"weaknesses", report.weaknesses},
          {"notes", report.notes}};
}

std::string whole_summary(const RunReport& report, bool color) {
  const auto painted = [&](const char* sgr, std::string text) {
    return color ? fmt::format("\x1b[{}m{}\x1b[0m", sgr, text) : text;
  };
  const bool good = report.verdict.status == VerdictStatus::success;
  std::string out = fmt::format(
      "berm {}: {}\n", report.id,
      painted(good ? "1;32" : "1;31", fmt::format("{} (exit {})", name_of(report.verdict.status),
                                                  report.verdict.exit_code)));
  if (const auto* failed = std::get_if<SetupFailed>(&report.outcome)) {
    return out + render(failed->error);
  }
  out += fmt::format("  {}; {} wall, {} peak, {} denied connection{}\n", counts(report.changes),
                     to_text(report.usage.wall), to_text(report.usage.memory_peak),
                     report.usage.denied, report.usage.denied == 1 ? "" : "s");
  std::size_t shown = 0;
  std::size_t refusals = 0;
  for (const Finding& f : report.findings) {
    if (f.severity != Severity::refuse) continue;
    if (++refusals > 6) continue;
    out += fmt::format("  {} {}{} [{}]\n", painted("31", "refused:"),
                       f.path.empty() ? "" : "'" + printable(f.path) + "' ", printable(f.message),
                       f.rule);
    ++shown;
  }
  if (refusals > shown) {
    out += fmt::format("  … and {} more: berm diff {}\n", refusals - shown, report.id);
  }
  if (refusals == 0 && report.verdict.exit_code != 0) {
    for (const std::string& reason : report.verdict.reasons) {
      out += fmt::format("  {}\n", printable(reason));
    }
  }
  out += asked_for_text(report.asked_for);
  if (!report.proposal.empty()) {
    out += fmt::format("  proposed policy: {}\n", printable(report.proposal));
  }
  for (const std::string& weakness : report.weaknesses) {
    out += fmt::format("  {} {}\n", painted("33", "WEAKER:"), printable(weakness));
  }
  for (std::size_t i = 0; i < std::min<std::size_t>(report.notes.size(), 2); ++i) {
    out += fmt::format("  note: {}\n", printable(report.notes[i]));
  }
  if (!report.import_note.empty()) {
    out += fmt::format("  {}\n", report.import_note);
  } else if (!report.changes.files.empty() || !report.changes.refs.empty()) {
    out += fmt::format("  review: berm diff {} · import: berm apply {} · drop: berm discard {}\n",
                       report.id, report.id, report.id);
  }
  return out;
}

}  // namespace

// What the agent named (files, branches, hosts) is in both. Only the run's own secrets: a report
// must name files as they are.
json to_json(const RunReport& report) {
  json out = whole_json(report);
  return report.known ? redact_json(out, *report.known, Patterns::none) : out;
}

std::string summary(const RunReport& report, bool color) {
  std::string out = whole_summary(report, color);
  return report.known ? redact(out, *report.known, Patterns::none) : out;
}

}  // namespace berm
