// CircleCI's jobs: their steps, those of commands that they call, and what they run in.
#include <fmt/format.h>

#include "lint/pipeline.h"

namespace berm::lint {
namespace {

constexpr int kDeepestCommand = 8;

class CircleReader {
 public:
  CircleReader(const PipelineFile& file, const Node* root, Pipelines& out)
      : source_(*file.source), root_(root), out_(out) {}

  void read() {
    read_orbs();
    for (const Entry& entry : entries_of(get(root_, "jobs"))) {
      if (is_mapping(entry.value)) read_job(entry);
    }
  }

 private:
  void read_job(const Entry& entry) {
    Job& job = out_.jobs.emplace_back();
    job.system = CiSystem::circleci;
    job.file = &source_;
    job.node = follow(entry.value);
    job.id = text_of(entry.key);
    job.at = entry.key->span;
    read_executor(job.node, job);
    const Node* executor = get(job.node, "executor");
    const Node* name = is_mapping(executor) ? get(executor, "name") : executor;
    if (is_scalar(name)) read_executor(get(root_, {"executors", text_of(name)}), job);
    read_steps(get(job.node, "steps"), job, 0);
  }

  void read_executor(const Node* place, Job& job) {
    bool beside = false;
    for (const Node* container : items_of(get(place, "docker"))) {
      add_image(get(container, "image"), beside, job);
      add_variables(get(container, "environment"), false, job);
      beside = true;
    }
    add_variables(get(place, "environment"), false, job);
  }

  void read_steps(const Node* steps, Job& job, int depth) {
    for (const Node* step : items_of(steps)) {
      if (is_scalar(step)) read_command(text_of(step), job, depth);
      for (const Entry& entry : entries_of(step)) read_step(entry, job, depth);
    }
  }

  void read_step(const Entry& entry, Job& job, int depth) {
    const std::string& name = text_of(entry.key);
    if (name == "run") {
      const Node* command = is_mapping(entry.value) ? get(entry.value, "command") : entry.value;
      add_variables(get(entry.value, "environment"), false, job);
      return add_script(source_, command, out_, job);
    }
    if (name == "when" || name == "unless") {
      if (depth < kDeepestCommand) read_steps(get(entry.value, "steps"), job, depth + 1);
      return;
    }
    read_command(name, job, depth);
  }

  void read_command(const std::string& name, Job& job, int depth) {
    if (depth >= kDeepestCommand) return;
    read_steps(get(root_, {"commands", name, "steps"}), job, depth + 1);
  }

  // "org/orb@1.2.3" is one thing for ever; "@1", "@volatile", "@dev:x" are not.
  void read_orbs() {
    for (const Entry& entry : entries_of(get(root_, "orbs"))) {
      const std::string& text = text_of(entry.value);
      const std::size_t at = text.find('@');
      if (at == std::string::npos) continue;
      const std::string version = text.substr(at + 1);
      const auto dots = std::count(version.begin(), version.end(), '.');
      const bool moves = version == "volatile" || version.starts_with("dev:") || dots < 2;
      out_.includes.push_back({&source_, follow(entry.value)->span,
                               fmt::format("the orb '{}'", text.substr(0, at)),
                               moves ? fmt::format("'{}' moves", version) : ""});
    }
  }

  const Source& source_;
  const Node* root_;
  Pipelines& out_;
};

}  // namespace

void read_circleci(const PipelineFile& file, Pipelines& out) {
  for (const Node* document : file.tree->documents) CircleReader(file, document, out).read();
}

}  // namespace berm::lint
