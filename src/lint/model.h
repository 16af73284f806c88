// src/lint/model.h: the files of a repository as what they make happen; rules ask this. Pure.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "lint/kubernetes.h"
#include "lint/node.h"
#include "lint/workflow.h"

namespace berm::lint {

/// A file that was recognised.
struct File {
  enum class Kind : std::uint8_t { kubernetes, workflow };
  Kind kind = Kind::kubernetes;
  std::unique_ptr<Source> source;
  Tree tree;
};

/// Everything that was read, from all files together.
struct Model {
  std::deque<File> files;
  Cluster cluster;
  std::vector<Workflow> workflows;
};

/// What a file is, by its path and content; nullopt: none of ours.
[[nodiscard]] std::optional<File::Kind> kind_of(std::string_view path, std::string_view text);

/// Reads a file into the model, if it is one of ours. @return whether it is
bool add_file(Model& model, std::string path, std::string text);
/// After the last file: what is only known from all.
void complete(Model& model);

}  // namespace berm::lint
