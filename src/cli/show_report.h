// src/cli/show_report.h: a run's report for other programs: Markdown, SARIF, JUnit.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

namespace berm {

/// The forms of `berm show`; each takes an optional file.
struct ReportForms {
  CLI::Option* markdown = nullptr;
  CLI::Option* sarif = nullptr;
  CLI::Option* junit = nullptr;
  std::string file;
  std::string size = "1MiB";
  [[nodiscard]] std::size_t wanted() const;
};

[[nodiscard]] std::shared_ptr<ReportForms> add_report_forms(CLI::App& command);

/// Writes the report of a record in the form that was asked for; returns the exit code.
int show_report(const std::string& record, const ReportForms& forms);

}  // namespace berm
