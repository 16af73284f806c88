// src/lint/kubernetes.h: manifests as pods, rights and networks. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lint/finding.h"
#include "lint/node.h"

namespace berm::lint {

struct PodContainer {
  const Node* node = nullptr;
  std::string name;
  std::string image;
  bool init = false;
};

struct KubernetesObject {
  const Source* file = nullptr;
  const Node* node = nullptr;
  std::string api;  ///< "batch/v1"
  std::string kind;
  std::string name;
  std::string name_space;  ///< "" = none said
  Span span;               ///< of its kind: where one points to when something is missing
};

/// A pod, or what makes pods.
struct Pod {
  KubernetesObject object;
  const Node* spec = nullptr;
  std::map<std::string, std::string> labels;
  std::vector<PodContainer> containers;  ///< init and ephemeral ones, too
  bool agent = false;                    ///< a coding agent works in it
  bool holds_key = false;                ///< a container of it is given a model's or forge's key
};

/// A container and the pod that it is of.
struct ContainerAt {
  const Pod& pod;
  const PodContainer& container;
};

struct Cluster {
  std::vector<KubernetesObject> objects;
  std::vector<Pod> pods;
  std::vector<ContainerAt> containers;  ///< of all pods
};

/// Adds the objects of a document; Lists are opened.
void add_objects(const Source& file, const Node* document, Cluster& cluster);

/// A field of the container's security context, else of the pod's; nullptr: nobody says.
[[nodiscard]] const Node* security(const Pod& pod, const PodContainer& container,
                                   std::string_view field);
/// Where one points to in a container: its security context's key, else its name.
[[nodiscard]] Span place_in(const PodContainer& container, std::string_view key);
/// "container 'x' of the Job 'y'"
[[nodiscard]] std::string words_for(const Pod& pod, const PodContainer& container);
[[nodiscard]] std::string words_for(const KubernetesObject& object);

/// An insertion that adds "key: value" to a mapping, written as the mapping is.
[[nodiscard]] Edit insert_entry(const Source& file, const Node* mapping, std::string_view text);

}  // namespace berm::lint
