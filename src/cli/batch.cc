// berm batch: the tasks of a file, each a run of its own.
#include "batch/batch.h"

#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "batch/task.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/run_options.h"
#include "policy/parse.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr const char* kExamples =
    "TASKS has a JSON object a line:\n"
    "  {\"id\": \"fix-1\", \"command\": [\"claude\", \"-p\", \"fix issue 1\"]}\n"
    "  {\"id\": \"test\", \"command\": [\"--\", \"make\", \"test\"], \"directory\": \"../other\"}\n"
    "and may have \"policy\", \"on_success\" and \"time\".\n\n"
    "Examples:\n"
    "  berm batch --tier kubernetes --parallel 50 --on-success branch:agent/{task} tasks.jsonl\n"
    "  berm batch tasks.jsonl           (once more: goes on with what is not done yet)\n"
    "  berm batch --again tasks.jsonl   (and with what has not succeeded)\n\n"
    "Exit codes: 0 all tasks succeeded · 1 some did not, or were not done · 125 could not begin";

struct BatchOptions {
  std::string tasks;
  std::string patience = "1h";
  BatchRequest request;
};

// What `berm run` is given, as it was given to us.
std::vector<std::string> options_of_run(const CLI::App& command,
                                        const std::vector<std::string>& own) {
  std::vector<std::string> out;
  for (const CLI::Option* option : command.get_options()) {
    const std::string name = option->get_name();
    if (option->count() == 0 || std::ranges::find(own, name) != own.end()) continue;
    if (option->get_expected_min() == 0) {
      out.push_back(name);
      continue;
    }
    for (const std::string& value : option->results()) out.insert(out.end(), {name, value});
  }
  return out;
}

json to_json(const BatchReport& report, const std::string& results) {
  return {{"schema", "berm.batch/1"},  {"tasks", report.tasks},     {"before", report.before},
          {"ended", report.by_status}, {"runs", report.runs},       {"put_off", report.refused},
          {"stopped", report.stopped}, {"seconds", report.seconds}, {"results", results}};
}

std::string summary(const BatchReport& report, const std::string& results) {
  std::string out = fmt::format(
      "berm batch: {} of {} tasks done in {}", report.before + report.ended(), report.tasks,
      to_text(Milliseconds(static_cast<std::int64_t>(report.seconds * 1000))));
  if (report.before > 0) out += fmt::format(", {} of them before", report.before);
  out += "\n";
  for (const auto& [status, count] : report.by_status) {
    out += fmt::format("  {:>7} {}\n", count, status);
  }
  if (report.refused > 0) {
    out += fmt::format("  {:>7} times there was no room, and a run was put off\n", report.refused);
  }
  if (!report.stopped.empty()) out += fmt::format("  stopped: {}\n", printable(report.stopped));
  return out + fmt::format("  each task's end: {}\n", printable(results));
}

int batch(BatchOptions& options, const RunOptions& of_run) {
  // What is wrong for all is told once.
  RunOptions of_one = of_run;
  of_one.on_success = with_task(of_run.on_success, "task");
  if (const Result<RunRequest> good = to_request(of_one, {kCommandMark, "true"}); !good) {
    return fail(good.error());
  }
  BatchRequest& request = options.request;
  const Result<Milliseconds> patience = parse_duration(options.patience);
  if (!patience) return fail(patience.error());
  request.patience = std::chrono::milliseconds(patience->count());
  request.tasks = options.tasks;
  if (request.results.empty()) request.results = options.tasks + ".results";
  request.policy = of_run.policy;
  request.on_success = of_run.on_success;
  request.time = of_run.time;
  const bool terminal = ::isatty(STDERR_FILENO) == 1 && !of_run.json;
  request.tell_every = std::chrono::seconds(terminal ? 1 : 10);
  const std::string clear = terminal ? "\r\x1b[2K" : "";
  request.on_failure = [&](const std::string& line) {
    complain(clear + "berm batch: " + line + "\n");
  };
  request.on_progress = [&](const std::string& line) {
    complain(clear + "berm batch: " + line + (terminal ? "" : "\n"));
  };
  const Result<BatchReport> report = run_batch(request);
  complain(clear);
  if (!report) return fail(report.error());
  if (of_run.json) {
    put_json(to_json(*report, request.results));
  } else {
    put(summary(*report, request.results));
  }
  return report->success() ? kDone : kNo;
}

}  // namespace

void add_batch(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("batch", "run many tasks, some at a time");
  command->footer(kExamples);
  const auto options = std::make_shared<BatchOptions>();
  const std::shared_ptr<RunOptions> of_run = add_run_options(*command);
  command->prefix_command(false);
  BatchRequest& request = options->request;
  command->add_option("TASKS", options->tasks, "file of tasks")->required();
  command->add_option("--parallel", request.parallel, "runs at a time [8]")
      ->check(CLI::Range(1, 10000))
      ->group("Batch");
  command
      ->add_option("--results", request.results,
                   "a line for each task that is done [TASKS.results]; what it names is not done "
                   "again")
      ->group("Batch");
  command->add_option("--logs", request.logs, "directory for what the agents print [nowhere]")
      ->group("Batch");
  command->add_flag("--again", request.again, "once more what has not succeeded")->group("Batch");
  command->add_option("--attempts", request.attempts, "for a run that cannot be started [3]")
      ->check(CLI::Range(1, 100))
      ->group("Batch");
  command
      ->add_option("--patience", options->patience,
                   "how long to wait for room (a quota, a busy server) [1h]")
      ->group("Batch");
  command
      ->add_flag("--keep-going", request.keep_going, "although the first runs could not be set up")
      ->group("Batch");
  command
      ->add_flag("--keep-workspaces", request.keep_workspaces,
                 "also of runs that leave nothing to import")
      ->group("Batch");
  command->callback([=, &action] {
    options->request.options =
        options_of_run(*command, {"TASKS", "--help", "--json", "--policy", "--on-success", "--time",
                                  "--parallel", "--results", "--logs", "--again", "--attempts",
                                  "--patience", "--keep-going", "--keep-workspaces"});
    action = [=] { return batch(*options, *of_run); };
  });
}

}  // namespace berm
