// src/remote/fate.h: what the cluster says of a pod, as far as a run needs it. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "record/verdict.h"

namespace berm {

struct PodFate {
  enum class Stage { absent, waiting, running, ended };
  Stage stage = Stage::absent;
  std::string name;
  std::string address;  ///< "" = it has none yet
  std::string node;
  std::string image;      ///< by its digest, as the node pulled it
  std::string waits;      ///< what it waits for, in the cluster's words; "" = nothing in particular
  bool hopeless = false;  ///< waiting will not help: its image cannot be had, or cannot be started
  std::string reason;     ///< of its end: "OOMKilled", "Evicted", "DeadlineExceeded", "Error" …
  std::string message;    ///< of its end; printable
  int exit_code = 0;      ///< of its container
};

/// @param pod  of the API; null = there is none
[[nodiscard]] PodFate fate_of(const nlohmann::json& pod, bool deleted);

/// What the end of the agent's pod is to the run, where berm in it could not say so itself.
/// @param last  what ran there last, for whoever reads "out of memory"
[[nodiscard]] Outcome outcome_of(const PodFate& agent, const std::string& last);

}  // namespace berm
