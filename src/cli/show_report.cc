#include "cli/show_report.h"

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "report/junit.h"
#include "report/markdown.h"
#include "report/sarif.h"
#include "session/record_stream.h"

namespace berm {
namespace {

Result<std::string> text_of(const report::RunFacts& facts, const ReportForms& forms) {
  if (forms.sarif->count() > 0) {
    return report::sarif(facts).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) +
           "\n";
  }
  if (forms.junit->count() > 0) return report::junit(facts);
  const Bytes most = BERM_TRY(parse_bytes(forms.size));
  if (most.count < 4096) return failure(Errc::usage, "--max-size: a report needs 4KiB at least");
  return report::markdown(facts, {.most = most.count});
}

}  // namespace

std::size_t ReportForms::wanted() const {
  return markdown->count() + sarif->count() + junit->count();
}

std::shared_ptr<ReportForms> add_report_forms(CLI::App& command) {
  auto forms = std::make_shared<ReportForms>();
  const auto add = [&](const char* name, const char* what) {
    return command.add_option(name, forms->file, what)
        ->expected(0, 1)
        ->type_name("[FILE]")
        ->group("Reports, to a file or stdout (one of them, behind RUN)");
  };
  forms->markdown = add("--markdown", "for a pull request or a job's summary");
  forms->sarif = add("--sarif", "findings as SARIF 2.1.0");
  forms->junit = add("--junit", "layers, limits and guard rules as JUnit XML");
  command
      .add_option("--max-size", forms->size,
                  "of --markdown: sections that do not fit are left out and named [1MiB]")
      ->group("Reports, to a file or stdout (one of them, behind RUN)");
  return forms;
}

int show_report(const std::string& record, const ReportForms& forms) {
  if (forms.wanted() != 1) {
    return fail(failure(Errc::usage, "one of --markdown, --sarif and --junit at a time").value());
  }
  const Result<std::optional<report::RunFacts>> facts = read_facts(record);
  if (!facts) return fail(facts.error());
  const Result<std::string> text = text_of(**facts, forms);
  if (!text) return fail(text.error());
  if (forms.file.empty() || forms.file == "-") {
    put(*text);
    return kDone;
  }
  const Result<void> written = replace_file(forms.file, *text, 0644);
  return written ? kDone : fail(written.error());
}

}  // namespace berm
