// src/lint/pipeline.h: pipelines of GitLab, CircleCI and Azure as jobs of any system. Pure.
#pragma once

#include <deque>
#include <vector>

#include "lint/job.h"
#include "lint/node.h"

namespace berm::lint {

/// A file of one system.
struct PipelineFile {
  const Source* source = nullptr;
  const Tree* tree = nullptr;
};

/// What is read from them. Scripts and jobs stay where they are put.
struct Pipelines {
  std::deque<Script>& scripts;
  std::deque<Job>& jobs;
  std::vector<Include>& includes;
};

/// Jobs after `extends`, `default`, `!reference` and the files that are included from the
/// repository. https://docs.gitlab.com/ci/yaml/
void read_gitlab(const std::vector<PipelineFile>& files, Pipelines& out);
/// Jobs with their commands and executors. https://circleci.com/docs/configuration-reference/
void read_circleci(const PipelineFile& file, Pipelines& out);
/// Jobs of all stages; templates of the repository are taken in.
/// https://learn.microsoft.com/azure/devops/pipelines/yaml-schema/
void read_azure(const std::vector<PipelineFile>& files, Pipelines& out);

/// Reads a script into the job.
void add_script(const Source& file, const Node* scalar, Pipelines& out, Job& job);
/// Adds a mapping's variables; {value: …} counts as its value.
void add_variables(const Node* mapping, bool global, Job& job);
/// An image by name, or as a mapping's `name` or `image`.
void add_image(const Node* image, bool beside, Job& job);

}  // namespace berm::lint
