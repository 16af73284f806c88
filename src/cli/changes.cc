// berm diff, apply, discard: review, guarded import, or drop of a run's changes.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/glob.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "session/run_session.h"
#include "workspace/import.h"
#include "workspace/prepare.h"

namespace berm {
namespace {

using nlohmann::json;

struct ChangesOptions {
  std::string run = "latest";
  bool json = false;
  bool stat = false;
  bool patch = false;
  bool force = false;
  std::vector<std::string> paths;
};

struct LoadedRun {
  std::string path;
  json run;
  WalkPlace place{.run_directory = {}, .repository = *HostPath::parse("/")};
  Changes changes;
  std::vector<Finding> findings;
};

// What the guard says of the files and of the commits.
Result<void> judge(LoadedRun& loaded) {
  loaded.findings = judge_changes(loaded.changes, guard_policy_of(loaded.run));
  const std::vector<Finding> of_commits =
      BERM_TRY(judge_commits(loaded.place, loaded.changes, loaded.run));
  loaded.findings.insert(loaded.findings.end(), of_commits.begin(), of_commits.end());
  return {};
}

// Walks and judges anew: what is there now counts, not what the run reported.
Result<LoadedRun> load(const ChangesOptions& options) {
  LoadedRun loaded;
  const std::string state = BERM_TRY(state_directory());
  loaded.path = BERM_TRY(find_run(state, options.run));
  if (is_running(loaded.path)) {
    return failure(Errc::denied, "look at the changes: the run is still going on",
                   "wait for its end");
  }
  loaded.run = BERM_TRY(load_run(loaded.path));
  loaded.place = BERM_TRY(walk_place_of(loaded.path, loaded.run));
  if (loaded.run.value("status", "") == "discarded") {
    return failure(Errc::usage, "the changes of this run were discarded");
  }
  if (loaded.run.value("workspace", "") == "removed") {
    return failure(Errc::usage,
                   "the batch removed the workspace of this run: nothing of it was left to import");
  }
  loaded.changes = BERM_TRY(walk_changes(loaded.place));
  BERM_TRY(judge(loaded));
  return loaded;
}

// Keeps what `paths` name: globs, or files and folders.
Result<void> restrict_to(Changes& changes, const std::vector<std::string>& paths) {
  if (paths.empty()) return {};
  std::vector<Glob> globs;
  for (const std::string& path : paths) globs.push_back(BERM_TRY(Glob::parse(path)));
  std::erase_if(changes.files,
                [&](const Change& change) { return !any_covers(globs, change.path); });
  changes.refs.clear();
  if (changes.files.empty()) return failure(Errc::usage, "no change matches --paths");
  return {};
}

std::string stat_text(const LoadedRun& loaded) {
  std::string out;
  for (const Change& change : loaded.changes.files) {
    const char mark = change.kind == ChangeKind::added          ? 'A'
                      : change.kind == ChangeKind::deleted      ? 'D'
                      : change.kind == ChangeKind::mode_changed ? 'X'
                      : change.kind == ChangeKind::type_changed ? 'T'
                                                                : 'M';
    out += fmt::format("{} {:>9}  {}{}\n", mark,
                       change.kind == ChangeKind::deleted ? "" : to_text(Bytes{change.after.size}),
                       printable(change.path),
                       change.ignored        ? "  (ignored by git: never imported)"
                       : change.host_changed ? "  (the host changed it meanwhile)"
                                             : "");
  }
  for (const RefChange& ref : loaded.changes.refs) {
    out += fmt::format("R {:>9}  {} {}\n", "", printable(ref.name),
                       ref.after.empty() ? "deleted" : ref.after.substr(0, 12));
  }
  return out.empty() ? "no changes\n" : out;
}

std::string findings_text(const std::vector<Finding>& findings) {
  std::string out;
  for (const Finding& f : findings) {
    out += fmt::format("{}: {}{} [{}]\n", f.severity == Severity::refuse ? "refused" : "note",
                       f.path.empty() ? "" : "'" + printable(f.path) + "' ", printable(f.message),
                       f.rule);
  }
  return out;
}

// Escapes first, colours after: a colour in the text could hide it ("\e[8m"), a carriage return
// could write another line over it.
std::string colored_patch(std::string_view patch, bool color) {
  std::string out;
  for (const std::string_view line : split(patch, '\n')) {
    const char* sgr = line.starts_with("@@")      ? "36"
                      : line.starts_with('+')     ? "32"
                      : line.starts_with('-')     ? "31"
                      : line.starts_with("diff ") ? "1"
                                                  : nullptr;
    const std::string text = printable(line);
    out += color && sgr != nullptr ? fmt::format("\x1b[{}m{}\x1b[0m\n", sgr, text) : text + "\n";
  }
  if (!out.empty()) out.pop_back();
  return out;
}

int diff(const ChangesOptions& options) {
  Result<LoadedRun> loaded = load(options);
  if (!loaded) return fail(loaded.error());
  if (const Result<void> kept = restrict_to(loaded->changes, options.paths); !kept) {
    return fail(kept.error());
  }
  if (options.json) {
    put_json({{"schema", "berm.diff/1"},
              {"changes", changes_to_json(loaded->changes)},
              {"findings", findings_to_json(loaded->findings)}});
    return kDone;
  }
  if (options.stat) {
    put(stat_text(*loaded));
    put(findings_text(loaded->findings));
    return kDone;
  }
  const Result<std::string> patch = make_patch(loaded->place, loaded->changes);
  if (!patch) return fail(patch.error());
  if (options.patch) {
    put(*patch);  // exact: for git apply
    return kDone;
  }
  put(stat_text(*loaded) + findings_text(loaded->findings) + "\n");
  put(colored_patch(*patch, wants_color(STDOUT_FILENO)));
  return kDone;
}

std::vector<std::string> refusals_of(const std::vector<Finding>& findings) {
  std::vector<std::string> out;
  for (const Finding& f : findings) {
    if (f.severity == Severity::refuse) {
      out.push_back(fmt::format("{}{} [{}]", f.path.empty() ? "" : "'" + printable(f.path) + "' ",
                                printable(f.message), f.rule));
    }
  }
  return out;
}

int apply(const ChangesOptions& options) {
  Result<LoadedRun> loaded = load(options);
  if (!loaded) return fail(loaded.error());
  if (const Result<void> kept = restrict_to(loaded->changes, options.paths); !kept) {
    return fail(kept.error());
  }
  // Of a part only what is to be imported is judged.
  if (!options.paths.empty()) {
    if (const Result<void> judged = judge(*loaded); !judged) return fail(judged.error());
  }
  const std::vector<std::string> refusals = refusals_of(loaded->findings);
  if (!refusals.empty() && !options.force) {
    complain("berm: error: the guard refuses these changes; nothing was imported\n");
    for (const std::string& refusal : refusals) complain("  refused: " + refusal + "\n");
    complain(
        "  fix:   import the rest with --paths, or grant the change in the policy and run again\n");
    return 120;
  }
  const std::string id = loaded->path.substr(loaded->path.rfind('/') + 1);
  // Commits first: adding them touches no file, and they can be taken back.
  const Result<std::vector<std::string>> refs =
      import_commits(loaded->place, loaded->changes, id, object_dirs_of(loaded->run));
  if (!refs) return fail(refs.error());
  // In a live tree only commits are left to import.
  if (loaded->place.mode == WorkspaceMode::direct) loaded->changes.files.clear();
  const Result<ImportReport> done =
      import_changes(loaded->place, loaded->changes, loaded->run.value("git_dir", ""), id);
  if (!done) {
    if (!refs->empty()) (void)drop_commits(loaded->place, *refs);
    return fail(done.error());
  }
  loaded->run["imported"] = true;
  if (const Result<void> saved = save_run(loaded->path, loaded->run); !saved) {
    return fail(saved.error());
  }
  if (options.json) {
    put_json({{"schema", "berm.apply/1"},
              {"written", done->written},
              {"deleted", done->deleted},
              {"refs", *refs},
              {"overridden", refusals}});
  } else {
    put(loaded->place.mode == WorkspaceMode::direct
            ? "the files are live already (mode \"direct\")\n"
            : fmt::format("imported: {} written, {} deleted\n", done->written, done->deleted));
    for (const std::string& ref : *refs) put(fmt::format("commits: {}\n", printable(ref)));
  }
  return kDone;
}

int discard(const ChangesOptions& options) {
  const Result<std::string> state = state_directory();
  if (!state) return fail(state.error());
  const Result<std::string> path = find_run(*state, options.run);
  if (!path) return fail(path.error());
  if (is_running(*path)) {
    return fail(Error{.code = Errc::denied, .what = "discard a run that is still going on"});
  }
  Result<json> run = load_run(*path);
  if (!run) return fail(run.error());
  // The record stays: what was done is not undone by dropping the result.
  if (const Result<void> removed = remove_workspace(*path); !removed) return fail(removed.error());
  (*run)["status"] = "discarded";
  if (const Result<void> saved = save_run(*path, *run); !saved) return fail(saved.error());
  if (options.json) put_json({{"discarded", (*run)["id"]}});
  const char* live =
      run->value("mode", "") == "direct"
          ? "; the files in the repository stay as the run left them (mode \"direct\")"
          : "";
  if (!options.json) {
    put(fmt::format("discarded the changes of {}{}\n", path->substr(path->rfind('/') + 1), live));
  }
  return kDone;
}

std::shared_ptr<ChangesOptions> add_common(CLI::App* command) {
  auto options = std::make_shared<ChangesOptions>();
  command->add_option("RUN", options->run, "id, part of it, or 'latest' [latest]");
  command->add_flag("--json", options->json, "for machines");
  return options;
}

}  // namespace

void add_diff(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("diff", "show what a run changed and what the guard says");
  command->footer(
      "Examples:\n  berm diff\n  berm diff --stat r-20261122-7f3a\n  berm diff --patch latest | "
      "git apply --check");
  const auto options = add_common(command);
  command->add_flag("--stat", options->stat, "one line a file");
  command->add_flag("--patch", options->patch, "only the patch, byte for byte");
  command->add_option("--paths", options->paths, "globs to show")
      ->allow_extra_args(false)
      ->delimiter(',');
  command->callback([=, &action] { action = [=] { return diff(*options); }; });
}

void add_apply(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("apply", "import a run's changes into the repository, all or nothing");
  command->footer(
      "Examples:\n  berm apply\n  berm apply latest --paths 'src/**'\n  berm apply r-20261122-7f3a "
      "--json");
  const auto options = add_common(command);
  command->add_option("--paths", options->paths, "globs to import")
      ->allow_extra_args(false)
      ->delimiter(',');
  command->add_flag("--despite-guard", options->force,
                    "import what the guard refuses; the report names it");
  command->callback([=, &action] { action = [=] { return apply(*options); }; });
}

void add_discard(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("discard", "drop a run's changes; its record stays");
  command->footer(
      "Examples:\n  berm discard\n  berm discard r-20261122-7f3a\n  berm discard latest --json");
  const auto options = add_common(command);
  command->callback([=, &action] { action = [=] { return discard(*options); }; });
}

}  // namespace berm
