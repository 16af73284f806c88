// berm report: many runs in one report.
#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "report/across.h"
#include "session/record_stream.h"
#include "session/run_directory.h"

namespace berm {
namespace {

struct ReportOptions {
  std::vector<std::string> places;
  std::string since;
  bool json = false;
  bool markdown = false;
};

Result<std::optional<WallTime>> since_of(const std::string& text) {
  if (text.empty()) return std::optional<WallTime>();
  if (const std::optional<WallTime> date = parse_wall_time(text)) return date;
  const Result<Milliseconds> age = parse_duration(text);
  if (!age) {
    return failure(Errc::usage, fmt::format("--since: '{}' is no age and no date", printable(text)),
                   "write 7d, 12h, 2026-11-22 or 2026-11-22T10:00:00Z");
  }
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  return std::optional(now - std::chrono::duration_cast<std::chrono::seconds>(*age));
}

Result<std::vector<std::string>> records_of(const ReportOptions& options) {
  std::vector<std::string> places = options.places;
  if (places.empty()) places.push_back(BERM_TRY(state_directory()));
  std::vector<std::string> out;
  for (const std::string& place : places) {
    const std::vector<std::string> found = BERM_TRY(find_records(place));
    out.insert(out.end(), found.begin(), found.end());
  }
  return out;
}

int report_runs(const ReportOptions& options) {
  if (options.json && options.markdown) {
    return fail(failure(Errc::usage, "one of --json and --markdown").value());
  }
  const Result<std::optional<WallTime>> since = since_of(options.since);
  if (!since) return fail(since.error());
  const Result<std::vector<std::string>> records = records_of(options);
  if (!records) return fail(records.error());
  report::AcrossRuns all;
  for (const std::string& path : *records) {
    const Result<std::optional<report::RunFacts>> facts = read_facts(path, *since);
    if (!facts) {
      all.cannot_read(path, sentence(facts.error()));
    } else if (*facts) {
      all.add(path, **facts);
    }
  }
  if (options.json) {
    put_json(all.to_json());
  } else {
    put(options.markdown ? all.to_markdown() : all.to_text());
  }
  return kDone;
}

}  // namespace

void add_report(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand(
      "report", "many runs: verdicts, refusals, cost, grants that no run needed");
  command->footer(
      "Examples:\n  berm report\n  berm report --since 7d --markdown\n  berm report ./artifacts "
      "--json | jq .grants.network\n\nA record that is not whole is named, and counts as far as it "
      "goes.");
  auto options = std::make_shared<ReportOptions>();
  command->add_option("DIR", options->places,
                      "directories of runs, or records [the state directory]");
  command->add_option("--since", options->since,
                      "runs that began since: 7d, 12h, 2026-11-22 [all]");
  command->add_flag("--json", options->json, "for machines");
  command->add_flag("--markdown", options->markdown, "for a comment or a job's summary");
  command->callback([=, &action] { action = [=] { return report_runs(*options); }; });
}

}  // namespace berm
