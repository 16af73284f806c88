// src/host/engines.h: which container engines there are, and whether they answer.
#pragma once

#include "plan/facts.h"
#include "sys/child.h"

namespace berm {

/// Docker and Podman, or the `wanted` one of them, as far as they are on our PATH. An engine that
/// does not answer within 5 seconds, that lies on another machine or refuses us is listed with the
/// reason. Asking one takes 50 to 200 ms.
[[nodiscard]] std::vector<EngineFacts> probe_engines(
    ContainerEngine wanted = ContainerEngine::automatic);

/// Marks the engines that lack the image of a run: `image`, or what `berm image build` makes.
void check_image(std::vector<EngineFacts>& engines, const std::string& image);

/// The environment of an engine's client: what it needs to find its engine and its files, and
/// nothing else of ours.
[[nodiscard]] std::vector<std::string> client_environment();

/// What `docker info` and `podman info` say, as JSON. Separate from the probe, so that both can be
/// tested with the words of versions that are not here.
void read_docker_info(EngineFacts& facts, const std::string& text);
void read_podman_info(EngineFacts& facts, const std::string& text);

}  // namespace berm
