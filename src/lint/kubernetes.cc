#include "lint/kubernetes.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "lint/agents.h"

namespace berm::lint {
namespace {

constexpr std::size_t kMostItems = 10'000;

const Node* pod_of(const KubernetesObject& object, const Node*& labels) {
  const Node* root = object.node;
  const Node* template_ = nullptr;
  if (object.kind == "Pod") {
    labels = get(root, {"metadata", "labels"});
    return get(root, "spec");
  }
  if (object.kind == "CronJob") template_ = get(root, {"spec", "jobTemplate", "spec", "template"});
  if (object.kind == "Sandbox") template_ = get(root, {"spec", "podTemplate"});
  if (template_ == nullptr) template_ = get(root, {"spec", "template"});
  labels = get(template_, {"metadata", "labels"});
  const Node* spec = get(template_, "spec");
  return is_sequence(get(spec, "containers")) ? spec : nullptr;
}

bool starts_agent(const Node* container) {
  for (const char* key : {"command", "args"}) {
    for (const Node* word : words_of(get(container, key))) {
      // A script of sh -c, too: its words.
      for (const std::string_view one : split(text_of(word), ' ')) {
        if (is_agent_program(trim(one))) return true;
      }
    }
  }
  return false;
}

bool is_given_key(const Node* container) {
  for (const Node* variable : items_of(get(container, "env"))) {
    if (is_key_name(text_of(get(variable, "name")))) return true;
  }
  return false;
}

void add_containers(Pod& pod) {
  for (const char* key : {"initContainers", "containers", "ephemeralContainers"}) {
    for (const Node* node : items_of(get(pod.spec, key))) {
      if (!is_mapping(node)) continue;
      PodContainer one{.node = follow(node),
                       .name = text_of(get(node, "name")),
                       .image = text_of(get(node, "image")),
                       .init = std::string_view(key) == "initContainers"};
      pod.agent = pod.agent || is_agent_image(one.image) || starts_agent(node);
      pod.holds_key = pod.holds_key || is_given_key(node);
      pod.containers.push_back(std::move(one));
    }
  }
}

}  // namespace

void add_objects(const Source& file, const Node* document, Cluster& cluster) {
  if (!is_mapping(document) || cluster.objects.size() > kMostItems) return;
  KubernetesObject object{.file = &file,
                          .node = follow(document),
                          .api = text_of(get(document, "apiVersion")),
                          .kind = text_of(get(document, "kind")),
                          .name = text_of(get(document, {"metadata", "name"})),
                          .name_space = text_of(get(document, {"metadata", "namespace"})),
                          .span = document->span};
  if (object.api.empty() || object.kind.empty()) return;
  object.span = get(document, "kind")->span;
  if (object.kind == "List") {
    // Not the document again: a list in a list that is an alias of the first has no end.
    for (const Node* item : items_of(get(document, "items"))) {
      if (text_of(get(item, "kind")) != "List") add_objects(file, item, cluster);
    }
    return;
  }
  cluster.objects.push_back(object);
  const Node* labels = nullptr;
  const Node* spec = pod_of(object, labels);
  if (!is_mapping(spec)) return;
  Pod pod{.object = std::move(object), .spec = follow(spec), .labels = {}, .containers = {}};
  for (const Entry& label : entries_of(labels)) {
    pod.labels[text_of(label.key)] = text_of(label.value);
  }
  add_containers(pod);
  pod.agent = pod.agent || pod.labels["berm.dev/role"] == "agent";
  cluster.pods.push_back(std::move(pod));
}

const Node* security(const Pod& pod, const PodContainer& container, std::string_view field) {
  const Node* own = get(container.node, {"securityContext", field});
  return own != nullptr ? own : get(pod.spec, {"securityContext", field});
}

Span place_in(const PodContainer& container, std::string_view key) {
  if (const Node* value = get(container.node, {"securityContext", key})) return value->span;
  if (const std::optional<Entry> context = entry_of(container.node, "securityContext")) {
    return context->key->span;
  }
  if (const Node* name = get(container.node, "name")) return name->span;
  return container.node->span;
}

std::string words_for(const KubernetesObject& object) {
  return object.name.empty() ? fmt::format("the {}", object.kind)
                             : fmt::format("the {} '{}'", object.kind, object.name);
}

std::string words_for(const Pod& pod, const PodContainer& container) {
  return fmt::format("container '{}' of {}", container.name, words_for(pod.object));
}

Edit insert_entry(const Source& file, const Node* mapping, std::string_view text) {
  mapping = follow(mapping);
  const Span first = mapping->entries.empty() ? mapping->span : mapping->entries.front().key->span;
  const bool flow =
      mapping->span.begin < file.text().size() && file.text()[mapping->span.begin] == '{';
  if (flow) {
    const bool empty = mapping->entries.empty();
    return {.span = {mapping->span.begin + 1, mapping->span.begin + 1},
            .text = std::string(text) + (empty ? "" : ", ")};
  }
  const std::size_t indent = file.place_of(first.begin).column - 1;
  return {.span = {first.begin, first.begin},
          .text = std::string(text) + "\n" + std::string(indent, ' ')};
}

}  // namespace berm::lint
