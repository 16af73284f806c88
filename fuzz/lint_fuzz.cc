// A file of anybody's, under every name that is known: every finding stands inside it, and what is
// printed steers no terminal.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "lint/check.h"
#include "lint/print.h"

namespace {

using namespace berm::lint;

void check_spans(const File& file) {
  for (const Node& node : file.tree.nodes) {
    if (node.span.begin > node.span.end || node.span.end > file.source->text().size()) std::abort();
    if (node.kind != Node::Kind::scalar || node.value.empty()) continue;
    const Span part = span_in(*file.source, node, node.value.size() / 2, 1);
    if (part.begin < node.span.begin || part.end > node.span.end) std::abort();
  }
}

}  // namespace

// The first byte says under which names the rest is a file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static constexpr const char* kNames[] = {".github/workflows/a.yml",
                                           ".github/actions/x/action.yml",
                                           ".gitlab-ci.yml",
                                           ".circleci/config.yml",
                                           "azure-pipelines.yml",
                                           "compose.yaml",
                                           "Dockerfile",
                                           ".devcontainer.json",
                                           ".claude/settings.json",
                                           ".mcp.json",
                                           ".codex/config.toml",
                                           ".gemini/settings.json",
                                           "opencode.json",
                                           "CLAUDE.md",
                                           "berm.toml",
                                           "run.sh",
                                           "pod.yaml"};
  if (size == 0) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  Model model;
  const std::size_t first = data[0] % std::size(kNames);
  add_file(model, kNames[first], bytes);
  add_file(model, "other/pod.yaml", "apiVersion: v1\nkind: Pod\n" + bytes);
  complete(model);
  const CheckResult result = check(model, {.persona = Persona::auditor, .baseline = {}});
  for (const Finding& one : result.findings) {
    const std::size_t end = one.at.file->text().size();
    if (one.at.span.begin > one.at.span.end || one.at.span.end > end) std::abort();
  }
  for (const File& file : model.files) check_spans(file);
  if (to_text(result, false).find('\x1b') != std::string::npos) std::abort();
  (void)to_sarif(result, "0").dump();
  (void)to_gitlab_sast(result, "0", {}).dump();
  for (const File& file : model.files) {
    std::size_t applied = 0;
    (void)fixed(*file.source, result.findings, true, applied);
  }
  return 0;
}
