// src/lint/rule.h: what a rule is, and the list of all. One rule a file in rules/, with its
// fixtures in tests/lint/ and its section in docs/lint-rules.md, which is made from what stands
// here. Pure.
#pragma once

#include <span>
#include <string>

#include "lint/finding.h"
#include "lint/node.h"

namespace berm::lint {

struct Model;

/// Takes what rules find.
class Report {
 public:
  Report(const Rule& rule, std::vector<Finding>& out) : rule_(rule), out_(out) {}
  /// With the rule's own severity, confidence and persona: they may be changed in what is returned.
  Finding& add(const Source& file, Span span, std::string message);

 private:
  const Rule& rule_;
  std::vector<Finding>& out_;
};

struct Rule {
  std::string_view id;     ///< stable: "k8s-privileged"
  std::string_view title;  ///< what it reports, in a line
  Severity severity = Severity::medium;
  Confidence confidence = Confidence::high;
  Persona persona = Persona::regular;
  std::string_view why;  ///< with the incident or the document
  std::string_view bad;
  std::string_view good;
  std::string_view fix;  ///< what to do
  void (*check)(const Model& model, Report& report) = nullptr;
};

/// In the order in which they are documented.
[[nodiscard]] std::span<const Rule* const> all_rules();
[[nodiscard]] const Rule* rule_named(std::string_view id);

}  // namespace berm::lint
