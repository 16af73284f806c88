// berm attest: the signed statement of a run.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/record.h"
#include "session/run_directory.h"
#include "workspace/git.h"

namespace berm {
namespace {

using nlohmann::json;

struct AttestOptions {
  std::string run = "latest";
  std::string out;
  std::string note;
  bool json = false;
};

// git notes of its own reference: nothing of the branch changes, and a push is the user's choice.
Result<void> add_note(const std::string& run, const std::string& commit, const std::string& text) {
  const json stored = BERM_TRY(load_run(run));
  const GitInvocation where{.directory = stored.value("repository", ""), .input = text};
  BERM_TRY(git_output(where, {"-c", "user.name=berm", "-c", "user.email=berm@localhost", "notes",
                              "--ref=berm", "add", "-f", "-F", "-", commit}));
  return {};
}

int attest(const AttestOptions& options) {
  const Result<std::string> record = record_path(options.run);
  if (!record) return fail(record.error());
  const std::string directory = record->substr(0, record->rfind('/'));
  const Result<std::string> text = read_file(directory + "/attestation.json");
  if (!text) {
    return fail(Error{.code = Errc::usage,
                      .what = "this run has no attestation",
                      .fix = "a run whose record has its signed end has one; see berm verify"});
  }
  if (!options.note.empty()) {
    const Result<void> added = add_note(directory, options.note, *text);
    if (!added) return fail(added.error());
    if (!options.json) {
      put(fmt::format("added to {} as a note: git notes --ref=berm show\n",
                      printable(options.note)));
    }
  }
  if (!options.out.empty()) {
    const Result<void> written = replace_file(options.out, *text, 0644);
    if (!written) return fail(written.error());
    return kDone;
  }
  if (options.note.empty() || options.json) put(*text);
  return kDone;
}

}  // namespace

void add_attest(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("attest", "the signed in-toto statement of a run");
  command->footer(
      "Examples:\n  berm attest --out run.intoto.json\n  berm attest latest --note HEAD\n  berm "
      "verify latest --attestation run.intoto.json --key audit-public.pem");
  const auto options = std::make_shared<AttestOptions>();
  command->add_option("RUN", options->run, "id, part of it, or 'latest' [latest]");
  command->add_option("--out", options->out, "write it there instead of printing it");
  command->add_option("--note", options->note,
                      "attach it to this commit of the repository as a git note (refs/notes/berm)");
  command->add_flag("--json", options->json, "print it, whatever else is done");
  command->callback([=, &action] { action = [=] { return attest(*options); }; });
}

}  // namespace berm
