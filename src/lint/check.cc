#include "lint/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "lint/rules/rules.h"
#include "lint/suppression.h"

namespace berm::lint {
namespace {

auto rank(const Finding& one) {
  return std::tuple(std::string_view(one.at.file->path()), one.at.span.begin, one.at.span.end,
                    one.rule->id, std::string_view(one.message));
}

void report_suppressions(const std::vector<Suppression>& all, std::vector<Finding>& out) {
  Report unused(suppression_unused, out);
  Report unreasoned(suppression_without_reason, out);
  for (const Suppression& one : all) {
    if (rule_named(one.rule) == nullptr) {
      unused.add(*one.file, one.span, fmt::format("there is no rule '{}'", one.rule));
    } else if (one.reason.empty()) {
      unreasoned.add(*one.file, one.span,
                     fmt::format("'{}' is allowed without a reason: it does not count", one.rule));
    } else if (!one.used) {
      unused.add(*one.file, one.span, fmt::format("nothing here is '{}' any more", one.rule));
    }
  }
}

std::size_t suppress(std::vector<Suppression>& all, std::vector<Finding>& findings) {
  return std::erase_if(findings, [&](const Finding& finding) {
    const std::size_t line = finding.at.file->place_of(finding.at.span.begin).line;
    bool allowed = false;
    for (Suppression& one : all) {
      if (one.file != finding.at.file || one.line != line || one.rule != finding.rule->id) continue;
      one.used = true;
      allowed = allowed || !one.reason.empty();
    }
    return allowed;
  });
}

std::size_t allow(const std::vector<LintAllowance>& all, std::vector<Finding>& findings,
                  std::vector<std::size_t>& unused) {
  std::vector<bool> used(all.size(), false);
  const std::size_t gone = std::erase_if(findings, [&](const Finding& finding) {
    bool allowed = false;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const bool here = all[i].paths.empty() || any_covers(all[i].paths, finding.at.file->path());
      if (all[i].rule != finding.rule->id || !here) continue;
      used[i] = true;
      allowed = true;
    }
    return allowed;
  });
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!used[i]) unused.push_back(i);
  }
  return gone;
}

}  // namespace

CheckResult check(const Model& model, const CheckOptions& options) {
  CheckResult out;
  for (const Rule* rule : all_rules()) {
    Report report(*rule, out.findings);
    if (rule->check != nullptr) rule->check(model, report);
  }
  std::vector<Suppression> suppressions;
  for (const File& file : model.files) {
    for (Suppression& one : suppressions_in(*file.source)) suppressions.push_back(std::move(one));
  }
  out.suppressed = suppress(suppressions, out.findings);
  out.suppressed += allow(options.allow, out.findings, out.unused);
  report_suppressions(suppressions, out.findings);
  std::erase_if(out.findings, [&](const Finding& one) { return one.persona > options.persona; });
  std::ranges::sort(out.findings, {}, rank);
  // What an anchor has in two places stands in one.
  const auto same = [](const Finding& a, const Finding& b) {
    return a.rule == b.rule && a.at.file == b.at.file && a.at.span == b.at.span;
  };
  out.findings.erase(std::unique(out.findings.begin(), out.findings.end(), same),
                     out.findings.end());
  const std::vector<std::string> prints = fingerprints(out.findings);
  std::vector<Finding> fresh;
  for (std::size_t i = 0; i < out.findings.size(); ++i) {
    if (options.baseline.contains(prints[i])) {
      ++out.known;
      continue;
    }
    fresh.push_back(std::move(out.findings[i]));
    out.fingerprints.push_back(prints[i]);
  }
  out.findings = std::move(fresh);
  return out;
}

std::string fixed(const Source& file, const std::vector<Finding>& findings, bool unsafe,
                  std::size_t& applied) {
  std::vector<const Fix*> fixes;
  for (const Finding& one : findings) {
    if (one.at.file == &file && one.fix && (one.fix->safe || unsafe)) fixes.push_back(&*one.fix);
  }
  std::vector<Edit> edits;
  for (const Fix* fix : fixes) {
    // Two insertions at one place may be one key twice: the second waits for the next time.
    const bool clear = std::ranges::all_of(fix->edits, [&](const Edit& edit) {
      return std::ranges::none_of(edits, [&](const Edit& other) {
        return edit.span.begin <= other.span.end && other.span.begin <= edit.span.end;
      });
    });
    if (!clear) continue;
    edits.insert(edits.end(), fix->edits.begin(), fix->edits.end());
    ++applied;
  }
  std::ranges::sort(edits, std::greater(), [](const Edit& edit) { return edit.span.begin; });
  std::string out = file.text();
  for (const Edit& edit : edits) {
    out.replace(edit.span.begin, edit.span.end - edit.span.begin, edit.text);
  }
  return out;
}

}  // namespace berm::lint
