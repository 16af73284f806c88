// What run.json remembers of a run, read back for `berm diff`, `apply` and the session's own guard.
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "session/run_session.h"
#include "sys/fd.h"
#include "workspace/import.h"

namespace berm {

using nlohmann::json;

Result<WalkPlace> walk_place_of(const std::string& run_path, const json& run) {
  WalkPlace place{.run_directory = run_path,
                  .repository = BERM_TRY(HostPath::parse(run.value("repository", "")))};
  for (const auto& [name, mode] : names(WorkspaceMode{})) {
    if (name == run.value("mode", "")) place.mode = mode;
  }
  for (const auto& [name, git] : names(GitHistory{})) {
    if (name == run.value("git", "")) place.git = git;
  }
  if (!run.contains("base") || !run.contains("started_s") || !run.contains("root")) {
    return failure(Errc::denied, "find the baseline of the run in run.json");
  }
  place.base_commit = run["base"].value("head", "");
  place.device = run["root"].value("device", dev_t{0});
  place.inode = run["root"].value("inode", ino_t{0});
  // Whatever may be imported is read whole by the guard.
  place.text_limit = std::max<std::size_t>(guard_policy_of(run).max_size.count + 1, 1 << 16);
  place.started = {run.value("started_s", std::int64_t{0}), run.value("started_ns", 0L)};
  for (const json& path : run.value("hidden", json::array())) {
    if (path.is_string()) place.hidden.push_back(from_hex(path.get<std::string>()));
  }
  // What a copy left out counts like what was hidden: it did not exist inside.
  if (const Result<std::string> left_out = read_plain_file(run_path + "/left-out", 256 << 20)) {
    for (const std::string_view path : split(*left_out, '\0')) {
      if (!path.empty()) place.hidden.emplace_back(path);
    }
  }
  return place;
}

std::vector<HostPath> object_dirs_of(const json& run) {
  std::vector<HostPath> out;
  for (const json& path : run.value("objects", json::array())) {
    if (Result<HostPath> parsed =
            HostPath::parse(path.is_string() ? path.get<std::string>() : "")) {
      out.push_back(*parsed);
    }
  }
  return out;
}

Result<std::vector<Finding>> judge_commits(const WalkPlace& place, const Changes& changes,
                                           const json& run, const KnownSecrets* known) {
  Changes of_commits{.files = BERM_TRY(commit_changes(place, changes, object_dirs_of(run))),
                     .refs = {},
                     .commit_text = BERM_TRY(commit_texts(place, changes, object_dirs_of(run))),
                     .digest = {}};
  GuardPolicy guard = guard_policy_of(run);
  guard.known = known;
  std::vector<Finding> findings = judge_changes(of_commits, guard);
  // What is only worth a note was noted for the files themselves.
  std::erase_if(findings, [](const Finding& f) { return f.severity != Severity::refuse; });
  for (Finding& finding : findings) finding.message += " (in a commit)";
  return findings;
}

GuardPolicy guard_policy_of(const json& run) {
  // What cannot be read grants nothing: an empty list of allowed paths refuses every change.
  GuardPolicy policy;
  const json guard = run.value("guard", json::object());
  for (const json& pattern : guard.value("allow", json::array())) {
    const Result<Glob> glob =
        pattern.is_string() ? Glob::parse(pattern.get<std::string>()) : failure(Errc::internal, "");
    if (glob) policy.allow.push_back(*glob);
  }
  for (const json& name : guard.value("protect", json::array())) {
    for (const auto& [spelled, value] : names(ProtectClass{})) {
      if (name == spelled) policy.protect.push_back(value);
    }
  }
  policy.max_files = guard.value("max_files", std::uint64_t{0});
  policy.max_size = {guard.value("max_size", std::uint64_t{0})};
  policy.secrets =
      guard.value("secrets", "refuse") == "report" ? SecretsAction::report : SecretsAction::refuse;
  return policy;
}

}  // namespace berm
