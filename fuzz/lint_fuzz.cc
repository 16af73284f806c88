// A file of anybody's: every finding stands inside it, and what is printed steers no terminal.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "lint/check.h"
#include "lint/print.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace berm::lint;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  Model model;
  add_file(model, "a.yaml", "apiVersion: v1\nkind: Pod\n" + bytes);
  add_file(model, "b.json", bytes + " \"apiVersion\": \"kind\":");
  add_file(model, ".github/workflows/c.yml", bytes);
  complete(model);
  const CheckResult result = check(model, {.persona = Persona::auditor, .baseline = {}});
  for (const Finding& one : result.findings) {
    const std::size_t end = one.at.file->text().size();
    if (one.at.span.begin > one.at.span.end || one.at.span.end > end) std::abort();
  }
  for (const File& file : model.files) {
    for (const Node& node : file.tree.nodes) {
      if (node.span.begin > node.span.end || node.span.end > file.source->text().size())
        std::abort();
      if (node.kind != Node::Kind::scalar || node.value.empty()) continue;
      const Span part = span_in(*file.source, node, node.value.size() / 2, 1);
      if (part.begin < node.span.begin || part.end > node.span.end) std::abort();
    }
  }
  if (to_text(result, false).find('\x1b') != std::string::npos) std::abort();
  (void)to_sarif(result, "0").dump();
  for (const File& file : model.files) {
    std::size_t applied = 0;
    (void)fixed(*file.source, result.findings, true, applied);
  }
  return 0;
}
