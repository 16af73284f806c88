// Azure's pipelines: stages and jobs may both be left out.
#include <fmt/format.h>

#include <map>

#include "base/text.h"
#include "lint/pipeline.h"

namespace berm::lint {
namespace {

constexpr int kDeepestTemplate = 8;

class AzureReader {
 public:
  AzureReader(const std::vector<PipelineFile>& files, Pipelines& out) : out_(out) {
    for (const PipelineFile& file : files) {
      if (!file.tree->documents.empty()) by_path_.emplace(file.source->path(), file);
    }
  }

  void read(const PipelineFile& file) {
    source_ = file.source;
    root_ = file.tree->documents.empty() ? nullptr : follow(file.tree->documents.front());
    read_repositories();
    read_stages(root_, 0);
  }

 private:
  void read_stages(const Node* place, int depth) {
    if (depth > kDeepestTemplate) return;
    read_jobs(place);
    for (const Node* stage : items_of(get(place, "stages"))) {
      stage_ = follow(stage);
      read_stages(stage, depth + 1);
    }
    stage_ = nullptr;
  }

  void read_jobs(const Node* place) {
    if (is_sequence(get(place, "steps"))) read_job(place, entry_of(place, "steps")->key);
    for (const Node* job : items_of(get(place, "jobs"))) {
      const Node* name = get(job, "job");
      if (name == nullptr) name = get(job, "deployment");
      if (name != nullptr) read_job(job, name);
    }
  }

  void read_job(const Node* node, const Node* name) {
    Job& job = out_.jobs.emplace_back();
    job.system = CiSystem::azure;
    job.file = source_;
    job.node = follow(node);
    job.id = text_of(name);
    job.at = name->span;
    job.time_limit = get(node, "timeoutInMinutes");
    job.may_fail = get(node, "continueOnError");
    const Node* container = get(node, "container");
    const Node* named = is_scalar(container) ? repository_container(text_of(container)) : nullptr;
    add_image(named != nullptr ? named : container, false, job);
    for (const Node* where : {root_, stage_, follow(node)}) {
      add_variable_list(get(where, "variables"), where != node, job);
    }
    read_steps(get(node, "steps"), job, 0);
    for (const Entry& strategy : entries_of(get(node, "strategy"))) {
      for (const Entry& phase : entries_of(strategy.value)) {
        read_steps(get(phase.value, "steps"), job, 0);
        read_steps(get(phase.value, {"success", "steps"}), job, 0);
      }
    }
  }

  [[nodiscard]] const Node* repository_container(const std::string& name) const {
    for (const Node* one : items_of(get(root_, {"resources", "containers"}))) {
      if (text_of(get(one, "container")) == name) return get(one, "image");
    }
    return nullptr;
  }

  static void add_variable_list(const Node* variables, bool global, Job& job) {
    if (is_mapping(variables)) add_variables(variables, global, job);
    for (const Node* one : items_of(variables)) {
      const Node* name = get(one, "name");
      if (name != nullptr && get(one, "value") != nullptr)
        job.variables.push_back({name, get(one, "value"), global});
    }
  }

  void read_steps(const Node* steps, Job& job, int depth) {
    for (const Node* step : items_of(steps)) {
      for (const char* key : {"script", "bash", "pwsh", "powershell"}) {
        add_script(*source_, get(step, key), out_, job);
      }
      const std::string task = lower(text_of(get(step, "task")));
      if (task.starts_with("bash@") || task.starts_with("cmdline@"))
        add_script(*source_, get(step, {"inputs", "script"}), out_, job);
      add_variables(get(step, "env"), false, job);
      const Node* kept = get(step, "persistCredentials");
      if (get(step, "checkout") != nullptr && kept != nullptr && lower(text_of(kept)) == "true")
        job.kept_token = kept;
      if (const Node* name = get(step, "template")) read_template(text_of(name), job, depth);
    }
  }

  // Its steps are this job's, at their own places.
  void read_template(const std::string& name, Job& job, int depth) {
    if (depth > kDeepestTemplate || name.find('@') != std::string::npos) return;
    const std::string& here = source_->path();
    const std::string path =
        name.starts_with('/') ? name.substr(1) : here.substr(0, here.rfind('/') + 1) + name;
    const auto found = by_path_.find(path);
    if (found == by_path_.end()) return;
    const Source* own = std::exchange(source_, found->second.source);
    read_steps(get(found->second.tree->documents.front(), "steps"), job, depth + 1);
    source_ = own;
  }

  void read_repositories() {
    for (const Node* one : items_of(get(root_, {"resources", "repositories"}))) {
      const Node* name = get(one, "name");
      const Node* ref = get(one, "ref");
      if (name == nullptr) continue;
      const std::string& text = text_of(ref);
      std::string moves;
      if (ref == nullptr) moves = "it is its default branch's";
      if (text.starts_with("refs/heads/")) moves = "'" + text + "' moves";
      out_.includes.push_back({source_, follow(ref != nullptr ? ref : name)->span,
                               fmt::format("the repository '{}'", text_of(name)), moves});
    }
  }

  Pipelines& out_;
  std::map<std::string, PipelineFile, std::less<>> by_path_;
  const Source* source_ = nullptr;
  const Node* root_ = nullptr;
  const Node* stage_ = nullptr;
};

}  // namespace

void read_azure(const std::vector<PipelineFile>& files, Pipelines& out) {
  AzureReader reader(files, out);
  for (const PipelineFile& file : files) reader.read(file);
}

}  // namespace berm::lint
