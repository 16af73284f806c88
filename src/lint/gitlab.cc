// GitLab's pipelines. A key of a job is its own, else of what it extends, else of `default`, else
// of the file's head; lists are not joined.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/text.h"
#include "lint/pipeline.h"

namespace berm::lint {
namespace {

/// A node and the file that it stands in: a template may be another file's.
struct Placed {
  const Source* file = nullptr;
  const Node* node = nullptr;
};

constexpr int kDeepestExtends = 11;  // as GitLab's own limit

bool is_keyword(std::string_view key) {
  static constexpr std::array<std::string_view, 14> kWords = {
      "default",       "include", "stages",       "variables", "workflow",     "image", "services",
      "before_script", "cache",   "after_script", "spec",      "pages:deploy", "types", "retry"};
  return std::ranges::find(kWords, key) != kWords.end();
}

class GitlabReader {
 public:
  explicit GitlabReader(const std::vector<PipelineFile>& files) {
    for (const PipelineFile& file : files) {
      for (const Node* document : file.tree->documents) {
        roots_.push_back({file.source, follow(document)});
        for (const Entry& entry : entries_of(document)) {
          if (is_mapping(entry.value))
            named_.emplace(text_of(entry.key), Placed{file.source, entry.value});
        }
      }
    }
  }

  void read(Pipelines& out) const {
    for (const Placed& root : roots_) {
      read_includes(root, out);
      for (const Entry& entry : entries_of(root.node)) {
        const std::string& name = text_of(entry.key);
        const bool hidden = name.empty() || name.starts_with('.') || is_keyword(name);
        if (!hidden && is_mapping(entry.value)) read_job(root, entry, out);
      }
    }
  }

 private:
  // Of the job itself or of what it extends: what is named last wins.
  [[nodiscard]] Placed inherited(const Placed& job, std::string_view key, int depth = 0) const {
    if (const Node* own = get(job.node, key)) return {job.file, own};
    if (depth > kDeepestExtends) return {};
    std::vector<const Node*> names = words_of(get(job.node, "extends"));
    std::ranges::reverse(names);
    for (const Node* name : names) {
      const auto found = named_.find(text_of(name));
      if (found == named_.end()) continue;
      const Placed from = inherited(found->second, key, depth + 1);
      if (from.node != nullptr) return from;
    }
    return {};
  }

  [[nodiscard]] Placed value(const Placed& root, const Placed& job, std::string_view key) const {
    const Placed own = inherited(job, key);
    if (own.node != nullptr) return own;
    for (const Placed& one : heads(root)) {
      for (const Node* where : {get(one.node, "default"), one.node}) {
        if (const Node* found = get(where, key)) return {one.file, found};
      }
    }
    return {};
  }

  // The job's own file first; a root's `default` counts for the files that it includes, too.
  [[nodiscard]] std::vector<Placed> heads(const Placed& root) const {
    std::vector<Placed> out = {root};
    for (const Placed& one : roots_) {
      if (one.node != root.node && one.file->path().ends_with(".gitlab-ci.yml")) out.push_back(one);
    }
    return out;
  }

  // A line, a list of lines, a list in a list, a reference to another job's.
  void read_lines(const Placed& lines, Pipelines& out, Job& job, int depth = 0) const {
    const Node* node = follow(lines.node);
    if (node == nullptr || depth > kDeepestExtends) return;
    // What stands in another file is that file's to report: its places are not ours.
    if (lines.file != job.file) return read_foreign(lines, out, job);
    if (is_scalar(node)) return add_script(*lines.file, node, out, job);
    if (node->reference) {
      if (node->items.size() < 2) return;
      const auto found = named_.find(text_of(node->items[0]));
      if (found == named_.end()) return;
      const Placed target = inherited(found->second, text_of(node->items[1]));
      return read_lines(target, out, job, depth + 1);
    }
    for (const Node* item : items_of(node)) read_lines({lines.file, item}, out, job, depth + 1);
  }

  void read_foreign(const Placed& lines, Pipelines& out, Job& job) const {
    const Source* own = std::exchange(job.file, lines.file);
    read_lines(lines, out, job);
    job.file = own;
  }

  void read_job(const Placed& root, const Entry& entry, Pipelines& out) const {
    const Placed place{root.file, follow(entry.value)};
    const bool runs =
        inherited(place, "script").node != nullptr || inherited(place, "run").node != nullptr;
    if (!runs) return;
    Job& job = out.jobs.emplace_back();
    job.system = CiSystem::gitlab;
    job.file = root.file;
    job.node = place.node;
    job.id = text_of(entry.key);
    job.at = entry.key->span;
    read_lines(value(root, place, "before_script"), out, job);
    read_lines(inherited(place, "script"), out, job);
    read_lines(value(root, place, "after_script"), out, job);
    add_image(value(root, place, "image").node, false, job);
    for (const Node* service : items_of(value(root, place, "services").node))
      add_image(service, true, job);
    for (const Placed& head : heads(root)) add_variables(get(head.node, "variables"), true, job);
    add_variables(inherited(place, "variables").node, false, job);
    job.time_limit = value(root, place, "timeout").node;
    job.may_fail = inherited(place, "allow_failure").node;
    job.strangers = merge_requests(root, place);
  }

  static bool keeps_forks_out(std::string_view condition) {
    for (const std::string_view part :
         {"CI_MERGE_REQUEST_SOURCE_PROJECT", "CI_COMMIT_REF_PROTECTED", "GITLAB_USER_LOGIN",
          "CI_PROJECT_PATH", "CI_PROJECT_ID"}) {
      if (condition.find(part) != condition.npos) return true;
    }
    return false;
  }

  // What starts the job in a merge request's pipeline, if nothing looks at where that is from.
  [[nodiscard]] const Node* merge_requests(const Placed& root, const Placed& job) const {
    const Node* found = nullptr;
    const auto look = [&](const Node* rules) {
      for (const Node* rule : items_of(rules)) {
        const Node* condition = get(rule, "if");
        const std::string& text = text_of(condition);
        const bool never = text_of(get(rule, "when")) == "never";
        if (keeps_forks_out(text)) return false;
        const bool matches = text.find("merge_request_event") != std::string::npos ||
                             text.find("CI_MERGE_REQUEST_I") != std::string::npos;
        if (!never && found == nullptr && matches) found = follow(condition);
      }
      return true;
    };
    const Node* rules = inherited(job, "rules").node;
    const Node* only = inherited(job, "only").node;
    for (const Node* word : words_of(is_mapping(only) ? get(only, "refs") : only)) {
      if (text_of(word) == "merge_requests") found = follow(word);
    }
    if (rules != nullptr && !look(rules)) return nullptr;
    const Node* above = get(root.node, {"workflow", "rules"});
    const Node* own = found;
    if (above != nullptr && !look(above)) return nullptr;
    return rules != nullptr || only != nullptr ? own : found;
  }

  void read_includes(const Placed& root, Pipelines& out) const {
    const Node* include = get(root.node, "include");
    std::vector<const Node*> all = items_of(include);
    if (all.empty() && include != nullptr) all.push_back(include);
    for (const Node* one : all) {
      if (is_scalar(one)) {
        const std::string& url = text_of(one);
        if (url.starts_with("http"))
          add_include(root, one, "the file '" + url + "'", "nothing says what it was", out);
        continue;
      }
      if (const Node* remote = get(one, "remote")) {
        const bool pinned = get(one, "integrity") != nullptr;
        add_include(root, remote, "the file '" + text_of(remote) + "'",
                    pinned ? "" : "nothing says what it was", out);
      }
      if (const Node* project = get(one, "project")) read_project(root, one, project, out);
    }
  }

  static void read_project(const Placed& root, const Node* include, const Node* project,
                           Pipelines& out) {
    const Node* ref = get(include, "ref");
    const std::string& name = text_of(ref);
    const bool commit = name.size() == 40 && is_hex(name);
    const bool version = !name.empty() && name.find_first_of("0123456789") != std::string::npos;
    std::string moves;
    if (ref == nullptr) moves = "it is its default branch's";
    if (ref != nullptr && !commit && !version) moves = "'" + name + "' moves";
    add_include(root, ref != nullptr ? ref : project, "the project '" + text_of(project) + "'",
                moves, out);
  }

  static void add_include(const Placed& root, const Node* at, std::string what, std::string moves,
                          Pipelines& out) {
    out.includes.push_back({root.file, follow(at)->span, std::move(what), std::move(moves)});
  }

  std::vector<Placed> roots_;
  std::map<std::string, Placed, std::less<>> named_;
};

}  // namespace

void read_gitlab(const std::vector<PipelineFile>& files, Pipelines& out) {
  GitlabReader(files).read(out);
}

}  // namespace berm::lint
