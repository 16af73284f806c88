#include "session/import_on_success.h"

#include <fmt/format.h>

#include "base/text.h"
#include "sys/fd.h"
#include "workspace/import.h"

namespace berm {
namespace {

Result<std::string> apply(const PreparedRun& run, const WalkPlace& place, const Changes& changes) {
  if (place.mode == WorkspaceMode::direct) {
    return "nothing to import: mode \"direct\", the changes are live";
  }
  const ImportReport done =
      BERM_TRY(import_changes(place, changes, run.repository.git_dir.str(), run.plan.run_id));
  return fmt::format("imported: {} written, {} deleted", done.written, done.deleted);
}

Result<std::string> commit(const PreparedRun& run, const WalkPlace& place, const Changes& changes) {
  const std::string& branch = run.plan.workspace.on_success.target;
  const std::string commit =
      BERM_TRY(commit_to_branch(place, changes, run.plan.workspace.base_commit, branch,
                                fmt::format("berm run {}\n", run.plan.run_id)));
  return fmt::format("committed to branch '{}' as {}", branch, commit.substr(0, 12));
}

Result<std::string> write_patch(const PreparedRun& run, const WalkPlace& place,
                                const Changes& changes) {
  const std::string& target = run.plan.workspace.on_success.target;
  const std::string patch = BERM_TRY(make_patch(place, changes));
  BERM_TRY(replace_file(target, patch, 0644));
  return fmt::format("patch written to '{}'", printable(target));
}

Result<std::string> bring_in(const PreparedRun& run, const WalkPlace& place,
                             const Changes& changes) {
  switch (run.plan.workspace.on_success.action) {
    case SuccessAction::keep:
      return "";
    case SuccessAction::apply:
      return apply(run, place, changes);
    case SuccessAction::branch:
      return commit(run, place, changes);
    case SuccessAction::patch:
      return write_patch(run, place, changes);
  }
  return "";
}

}  // namespace

Imported import_on_success(const PreparedRun& run, const WalkPlace& place, const Changes& changes) {
  Imported out;
  const WorkspacePlan& wanted = run.plan.workspace;
  if (wanted.on_success.action == SuccessAction::keep) return out;
  if (!changes.refs.empty()) {
    Result<std::vector<std::string>> references =
        import_commits(place, changes, run.plan.run_id, wanted.object_dirs);
    if (!references) {
      out.failed = sentence(references.error());
      return out;
    }
    out.references = *std::move(references);
  }
  Result<std::string> note = bring_in(run, place, changes);
  if (note) {
    out.note = *std::move(note);
    return out;
  }
  out.failed = sentence(note.error());
  (void)drop_commits(place, out.references);
  out.references.clear();
  return out;
}

}  // namespace berm
