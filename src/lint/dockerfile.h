// src/lint/dockerfile.h: a Dockerfile as its instructions. Pure.
// https://docs.docker.com/reference/dockerfile/
#pragma once

#include <set>
#include <string>
#include <vector>

#include "lint/job.h"
#include "lint/node.h"

namespace berm::lint {

struct Instruction {
  std::string name;              ///< in upper case: "RUN"; of "ONBUILD RUN …": "RUN"
  Span span;                     ///< all of it
  const Node* text = nullptr;    ///< all of it, as it is written
  const Node* script = nullptr;  ///< of a RUN what its shell reads; nullptr: the exec form
};

struct ImageBuild {
  const Source* file = nullptr;
  std::vector<Instruction> instructions;
  std::set<std::string> stages;  ///< names that later FROMs may use
  bool agent = false;            ///< an agent is installed in it, or is its program
};

/// Reads the instructions: each is a sequence of its text and, for RUN, of its script.
[[nodiscard]] Tree read_dockerfile(std::string_view text);
[[nodiscard]] ImageBuild read_build(const Source& file, const Tree& tree);

/// "--platform=x node:22 AS build": the image and the name of the stage.
struct BuildBase {
  Said image;
  std::string stage;
};
[[nodiscard]] BuildBase base_of(const Source& file, const Instruction& from);

}  // namespace berm::lint
