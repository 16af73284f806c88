#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "session/abandoned.h"
#include "session/run_directory.h"

namespace berm {
namespace {

using nlohmann::json;

struct RunsOptions {
  bool json = false;
  bool prune = false;
  std::string age = "30d";
  std::string size = "10GiB";
};

json row_of(const std::string& state, const std::string& id) {
  const std::string path = state + "/runs/" + id;
  const Result<json> run = load_run(path);
  json row = {{"id", id}, {"directory", path}, {"status", "unknown"}};
  if (!run) return row;
  for (const char* key :
       {"status", "exit_code", "created", "repository", "agent", "argv", "imported"}) {
    if (run->contains(key)) row[key] = (*run)[key];
  }
  // A berm that died left "running" behind; the lock knows better.
  if (row["status"] == "running" && !is_running(path)) row["status"] = "interrupted";
  row["attachable"] = row["status"] == "interrupted" && exists(path + "/attach.json");
  return row;
}

std::string command_of(const json& row) {
  std::string out;
  for (const json& word : row.value("argv", json::array())) {
    if (word.is_string()) out += (out.empty() ? "" : " ") + word.get<std::string>();
  }
  return printable(out.substr(0, 60));
}

int prune(const RunsOptions& options, const std::string& state) {
  const Result<Milliseconds> age = parse_duration(options.age);
  if (!age) return fail(age.error());
  const Result<Bytes> size = parse_bytes(options.size);
  if (!size) return fail(size.error());
  // First: what says where their objects are goes with the runs.
  const std::vector<AbandonedRun> abandoned = remove_abandoned(state);
  const Result<std::vector<std::string>> removed = prune_runs(state, *age, *size);
  if (!removed) return fail(removed.error());
  json clusters = json::array();
  bool all = true;
  for (const AbandonedRun& one : abandoned) {
    clusters.push_back({{"id", one.id}, {"namespace", one.name_space}, {"why", one.why}});
    all = all && one.why.empty();
    if (options.json) continue;
    if (one.why.empty()) put(fmt::format("deleted the objects of {} in its cluster\n", one.id));
    if (!one.why.empty()) complain(fmt::format("berm: {}: {}\n", one.id, one.why));
  }
  if (options.json) {
    put_json({{"removed", *removed}, {"clusters", std::move(clusters)}});
  } else {
    put(fmt::format("removed {} run{}\n", removed->size(), removed->size() == 1 ? "" : "s"));
  }
  return all ? kDone : kNo;
}

int list(const RunsOptions& options) {
  const Result<std::string> state = state_directory();
  if (!state) return fail(state.error());
  if (options.prune) return prune(options, *state);
  json rows = json::array();
  for (const std::string& id : list_runs(*state)) rows.push_back(row_of(*state, id));
  if (options.json) {
    put_json({{"runs", rows}});
    return kDone;
  }
  if (rows.empty()) put("no runs yet\n");
  for (const json& row : rows) {
    put(fmt::format("{:<22} {:<14} {:<19} {}\n", row["id"].get<std::string>(),
                    row["status"].get<std::string>(), row.value("created", "").substr(0, 19),
                    command_of(row)));
  }
  return kDone;
}

}  // namespace

void add_runs(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("runs", "list runs, newest first");
  command->footer(
      "Examples:\n  berm runs\n  berm runs --json\n  berm runs --prune --older-than 7d");
  auto options = std::make_shared<RunsOptions>();
  command->add_flag("--json", options->json, "for machines");
  command->add_flag("--prune", options->prune, "remove ended runs that are old or too many");
  command->add_option("--older-than", options->age, "with --prune [30d]");
  command->add_option("--keep-size", options->size, "with --prune: total size to keep [10GiB]");
  command->callback([=, &action] { action = [=] { return list(*options); }; });
}

}  // namespace berm
