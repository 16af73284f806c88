#include "lint/pipeline.h"

namespace berm::lint {

void add_script(const Source& file, const Node* scalar, Pipelines& out, Job& job) {
  if (!is_scalar(scalar)) return;
  const Script& script = out.scripts.emplace_back(read_script(file, scalar));
  job.scripts.push_back(&script);
  for (Agent& agent : agents_in(script)) job.agents.push_back(std::move(agent));
}

void add_variables(const Node* mapping, bool global, Job& job) {
  for (const Entry& entry : entries_of(mapping)) {
    const Node* inner = get(entry.value, "value");
    job.variables.push_back({entry.key, inner == nullptr ? entry.value : inner, global});
  }
}

void add_image(const Node* image, bool beside, Job& job) {
  if (is_mapping(image)) {
    const Node* name = get(image, "name");
    image = name != nullptr ? name : get(image, "image");
  }
  if (!is_scalar(image) || text_of(image).empty()) return;
  job.images.push_back(follow(image));
  if (beside) job.services.push_back(follow(image));
  if (!beside) job.in_container = true;
}

}  // namespace berm::lint
