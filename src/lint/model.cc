#include "lint/model.h"

#include <algorithm>

#include "base/text.h"

namespace berm::lint {
namespace {

bool is_yaml_name(std::string_view path) {
  return path.ends_with(".yaml") || path.ends_with(".yml") || path.ends_with(".json") ||
         path == "-";
}

// "apiVersion:" and "kind:" at the beginning of a line, or quoted as in JSON.
bool looks_like_manifest(std::string_view text) {
  const auto has = [&](std::string_view key) {
    for (std::size_t at = text.find(key); at != std::string_view::npos;
         at = text.find(key, at + 1)) {
      const bool begins = at == 0 || text[at - 1] == '\n' || text[at - 1] == '"' ||
                          text[at - 1] == ' ' || text[at - 1] == '{' || text[at - 1] == '\xBF';
      const std::size_t end = at + key.size();
      const bool ends = end < text.size() && (text[end] == ':' || text[end] == '"');
      if (begins && ends) return true;
    }
    return false;
  };
  return has("apiVersion") && has("kind");
}

}  // namespace

std::optional<File::Kind> kind_of(std::string_view path, std::string_view text) {
  // A chart's templates are no YAML until they are rendered.
  const bool in_chart = path.starts_with("templates/") || path.find("/templates/") != path.npos;
  if (in_chart && text.find("{{") != std::string_view::npos) return std::nullopt;
  const bool yaml = path.ends_with(".yml") || path.ends_with(".yaml");
  if (yaml &&
      (path.starts_with(".github/workflows/") || path.find("/.github/workflows/") != path.npos)) {
    return File::Kind::workflow;
  }
  if (is_yaml_name(path) && looks_like_manifest(text)) return File::Kind::kubernetes;
  return std::nullopt;
}

bool add_file(Model& model, std::string path, std::string text) {
  const std::optional<File::Kind> kind = kind_of(path, text);
  if (!kind) return false;
  const bool json = path.ends_with(".json") || trim(text).starts_with('{');
  File& file = model.files.emplace_back();
  file.kind = *kind;
  file.source = std::make_unique<Source>(std::move(path), std::move(text));
  file.tree = json ? read_json(file.source->text()) : read_yaml(file.source->text());
  return true;
}

void complete(Model& model) {
  for (const File& file : model.files) {
    for (const Node* document : file.tree.documents) {
      if (file.kind == File::Kind::kubernetes) add_objects(*file.source, document, model.cluster);
      if (file.kind != File::Kind::workflow) continue;
      if (std::optional<Workflow> read = read_workflow(*file.source, document)) {
        model.workflows.push_back(*std::move(read));
      }
    }
  }
}

}  // namespace berm::lint
