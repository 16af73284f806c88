// src/tiers/container/arguments.h: a plan as the command line of a container engine. Pure.
#pragma once

#include <string>
#include <vector>

#include "plan/plan.h"
#include "tiers/namespace/native.h"

namespace berm {

/// What of the host a command line depends on.
struct ContainerHost {
  std::vector<std::string> absent;  ///< sources of optional mounts that are not there
  std::uint64_t open_files = 0;     ///< our own hard limit: an engine that raises it is refused
  std::uint64_t processes = 0;
};

/// The container's name, and the label that finds it.
[[nodiscard]] std::string container_name(const Plan& plan);

/// The engine's client with the options that stand before its command.
[[nodiscard]] std::vector<std::string> client_arguments(const ContainerPlan& container);

/// `docker run …` or `podman run …`, the client included. Same plan, same words (golden-tested).
/// @return Errc::unsupported for a path that the engine's syntax cannot tell.
[[nodiscard]] Result<std::vector<std::string>> run_arguments(const Plan& plan,
                                                             const ContainerHost& host);

/// What berm-init makes inside, as the agent's user: files below a tmpfs, which no engine can fill.
[[nodiscard]] std::vector<NativeStep> contained_steps(const Plan& plan);

/// A file that the engine binds, because it lies on the read-only root: where it is written on the
/// host. What belongs below /run/berm lies there by its own name: that directory is one bind.
struct StagedFile {
  std::string path;  ///< on the host
  std::string at;    ///< inside
  std::string content;
  std::uint32_t mode = 0644;
  bool bound = false;  ///< has a mount of its own
};
[[nodiscard]] std::vector<StagedFile> staged_files(const Plan& plan);

/// Directory of the run that becomes /run/berm; `name` lies in it.
[[nodiscard]] std::string staged(const Plan& plan, std::string_view name);

}  // namespace berm
