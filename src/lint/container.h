// src/lint/container.h: a container, whoever starts it, and what it is given. Pure.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "lint/job.h"
#include "lint/node.h"

namespace berm::lint {

struct Container {
  const Source* file = nullptr;
  Span at;             ///< where it is started
  std::string who;     ///< "service 'agent'", "docker run", "the development container"
  Said image;          ///< "" = built, or not known
  bool agent = false;  ///< a coding agent works in it
  std::vector<Said> privileged;
  std::vector<Said> host;    ///< "network", "pid", "ipc", "uts", "userns": the host's own
  std::vector<Said> mounts;  ///< what of the host: "/", "$HOME", "/var/run/docker.sock"
  std::vector<Said> capabilities;
  std::vector<Said> unconfined;  ///< "seccomp=unconfined", "no-new-privileges:false"
  std::vector<Said> devices;
  std::vector<Said> env_files;
  bool user = false;       ///< one that is not root is named
  bool read_only = false;  ///< its root
  bool limits = false;     ///< of memory or processes
};

/// The options of `docker run` and its like, as words; returns the index of the image's word.
[[nodiscard]] std::size_t read_run_options(const std::vector<Said>& words, Container& out);
/// The words of a command as they are written: "$HOME" stays.
[[nodiscard]] std::vector<Said> raw_words(const Source& file, const Node& scalar, Span part);

/// docker run, podman create … in a job's scripts.
void add_run_commands(const Job& job, std::vector<Container>& out);
/// `container:` and `services:` of a job of GitHub.
void add_job_containers(const Job& job, std::vector<Container>& out);
/// The services of a compose file. https://github.com/compose-spec/compose-spec
void add_services(const Source& file, const Node* document, std::vector<Container>& out);
/// devcontainer.json. https://containers.dev/implementors/json_reference/
void add_devcontainer(const Source& file, const Node* document, std::vector<Container>& out);

}  // namespace berm::lint
