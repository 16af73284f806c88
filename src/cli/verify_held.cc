#include "cli/verify_held.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/record.h"
#include "record/chain.h"
#include "record/held.h"
#include "sys/fd.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr std::size_t kMostGapsShown = 20;

Result<std::vector<std::string>> files_in(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    return os_error(fmt::format("read '{}'", printable(path)));
  }
  if (!S_ISDIR(status.st_mode)) return std::vector<std::string>{path};
  std::vector<std::string> out;
  std::error_code error;
  for (auto at = std::filesystem::recursive_directory_iterator(path, error);
       at != std::filesystem::recursive_directory_iterator(); at.increment(error)) {
    if (error) break;
    if (at->is_regular_file(error)) out.push_back(at->path().string());
  }
  if (error) {
    return failure(Errc::unsupported,
                   fmt::format("read '{}': {}", printable(path), error.message()));
  }
  std::ranges::sort(out);
  return out;
}

Result<HeldEvents> gather(const std::vector<std::string>& paths) {
  HeldEvents held;
  for (const std::string& path : paths) {
    if (path == "-") {
      held.add(BERM_TRY(read_all(STDIN_FILENO, kMaxRecord)));
      continue;
    }
    for (const std::string& file : BERM_TRY(files_in(path))) {
      held.add(BERM_TRY(read_file(file, kMaxRecord)));
    }
  }
  return held;
}

std::string text_of(const RecordGap& gap) {
  return gap.first == gap.last ? fmt::format("{}", gap.first)
                               : fmt::format("{}-{}", gap.first, gap.last);
}

// Whose record it is. check_held() compares every line with it.
std::string run_of(std::string_view record) {
  for (const std::string_view line : split(record, '\n')) {
    if (const std::optional<SealedLine> event = parse_sealed(line)) return std::string(event->run);
  }
  return "";
}

int exit_code_of(const RecordCheck& check) {
  if (!check.intact()) return kNo;
  return check.complete ? kDone : kIncomplete;
}

json to_json(const std::string& run, const HeldRun& held, const RecordCheck& check) {
  json problems = json::array();
  for (const RecordProblem& p : check.problems) {
    problems.push_back({{"event", p.line}, {"fault", name_of(p.fault)}, {"what", p.what}});
  }
  json gaps = json::array();
  for (const RecordGap& gap : check.gaps) gaps.push_back({gap.first, gap.last});
  return {{"run", run},
          {"events", held.lines.size()},
          {"copies", held.copies},
          {"intact", check.intact()},
          {"complete", check.complete},
          {"gaps", std::move(gaps)},
          {"signed_events", check.signed_events},
          {"key", check.key ? json(fingerprint(*check.key)) : json()},
          {"certified", check.certified},
          {"problems", std::move(problems)}};
}

void tell(const std::string& run, const HeldRun& held, const RecordCheck& check) {
  const std::string name = printable(run);
  for (const RecordProblem& p : check.problems) {
    put(fmt::format("{}: event {}: {}: {}\n", name, p.line, name_of(p.fault), printable(p.what)));
  }
  std::string missing;
  for (std::size_t i = 0; i < std::min(check.gaps.size(), kMostGapsShown); ++i) {
    missing += (i == 0 ? "" : ", ") + text_of(check.gaps[i]);
  }
  if (check.gaps.size() > kMostGapsShown) missing += ", …";
  const char* state = !check.intact()      ? "NOT WHAT WAS SENT"
                      : check.complete     ? "complete"
                      : check.gaps.empty() ? "without its signed end"
                                           : "incomplete";
  put(fmt::format("{}: {}: {} events{}{}\n", name, state, held.lines.size(),
                  held.copies > 0 ? fmt::format(", {} of them again", held.copies) : "",
                  missing.empty() ? "" : "; missing: " + missing));
}

}  // namespace

int verify_held(const HeldRequest& request) {
  const Result<HeldEvents> held = gather(request.paths);
  if (!held) return fail(held.error());
  std::optional<std::string> record;
  std::string run_of_record;
  if (!request.record.empty()) {
    Result<std::string> text = read_file(request.record, kMaxRecord);
    if (!text) return fail(text.error());
    record = *std::move(text);
    run_of_record = run_of(*record);
  }
  int worst = kDone;
  json runs = json::array();
  for (const auto& [run, events] : held->runs()) {
    if (record && run != run_of_record) continue;
    const RecordCheck check =
        check_held(events, {.head = "", .key = request.key}, record ? &*record : nullptr);
    // Worse than missing is false.
    const int code = exit_code_of(check);
    worst = worst == kNo || code == kNo ? kNo : std::max(worst, code);
    if (!request.json) tell(run, events, check);
    runs.push_back(to_json(run, events, check));
  }
  if (runs.empty()) {
    return fail(
        Error{.code = Errc::usage,
              .what = record ? "nothing of this run is in there" : "no event of berm is in there",
              .fix = "give what the sink stores: lines of it, or the JSON of a search"});
  }
  if (request.json) {
    put_json({{"schema", "berm.held/1"}, {"runs", runs}, {"other_lines", held->other_lines()}});
  } else if (held->other_lines() > 0) {
    put(fmt::format("{} lines are no events of berm\n", held->other_lines()));
  }
  return worst;
}

}  // namespace berm
