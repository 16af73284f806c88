// berm lint: files that start agents, before they do.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/lint_config.h"
#include "lint/check.h"
#include "lint/print.h"
#include "sys/fd.h"

namespace berm {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t kLargestFile = 10 << 20;
constexpr const char* kExamples =
    "Examples:\n"
    "  berm lint                         what is below the current directory\n"
    "  berm lint deploy/ --format sarif > lint.sarif\n"
    "  berm render kubernetes --image tools:1 -- make test | berm lint -\n"
    "  berm lint --explain k8s-rbac\n\n"
    "A finding is allowed by a comment on its line, or above it, that says why:\n"
    "  privileged: true  # berm: allow k8s-privileged -- loads the driver; the nodes are ours "
    "alone\n\n"
    "Exit codes: 0 nothing of --fail-on or worse · 1 something · 2 wrong use · 125 could not read";

struct LintOptions {
  std::vector<std::string> paths;
  std::string format = "text";
  std::string fail_on;  ///< "" = the policy file's, else low
  std::string persona;  ///< "" = the policy file's, else regular
  std::string config;
  std::string output;
  std::string color = "auto";
  bool no_config = false;
  std::string explain;
  std::string fix;
  std::string baseline;
  std::string write_baseline;
  bool rules = false;
  bool json = false;
};

struct Given {
  lint::Model model;
  std::vector<Glob> exclude;
  std::size_t seen = 0;
};

Result<void> take(const std::string& path, bool named, Given& given) {
  ++given.seen;
  if (path != "-" && any_covers(given.exclude, path)) return {};
  Result<std::string> text =
      path == "-" ? read_all(STDIN_FILENO, kLargestFile) : read_plain_file(path, kLargestFile);
  // One that was named must be read; of those that were found, what is no file of ours is none.
  if (!text && named) return tl::unexpected(text.error());
  if (text) lint::add_file(given.model, path, *std::move(text));
  return {};
}

bool is_skipped(const fs::path& name) {
  return name == ".git" || name == "node_modules" || name == "vendor" || name == ".venv" ||
         name == "target" || name == "build";
}

// Links are not followed: neither in circles nor out of the tree.
Result<void> walk(const std::string& directory, Given& given) {
  std::error_code error;
  std::vector<std::string> files;
  auto at = fs::recursive_directory_iterator(directory,
                                             fs::directory_options::skip_permission_denied, error);
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    const fs::file_status status = at->symlink_status(error);
    if (error) break;
    if (fs::is_directory(status) && is_skipped(at->path().filename()))
      at.disable_recursion_pending();
    std::string path = at->path().string();
    if (path.starts_with("./")) path.erase(0, 2);
    if (fs::is_regular_file(status) && lint::may_be_ours(path)) files.push_back(std::move(path));
  }
  if (error) {
    return failure(Errc::kernel,
                   fmt::format("look through '{}': {}", printable(directory), error.message()));
  }
  std::ranges::sort(files);
  for (const std::string& file : files) BERM_TRY(take(file, false, given));
  return {};
}

Result<Given> read_all_of(const LintOptions& options, const LintLayer& config) {
  Given given;
  given.exclude = config.exclude.value_or(std::vector<Glob>());
  std::vector<std::string> paths = options.paths;
  if (paths.empty()) paths.emplace_back(".");
  for (const std::string& path : paths) {
    struct stat status {};
    if (path != "-" && ::stat(path.c_str(), &status) != 0) {
      return os_error(fmt::format("read '{}'", printable(path)));
    }
    BERM_TRY(path != "-" && S_ISDIR(status.st_mode) ? walk(path, given) : take(path, true, given));
  }
  lint::complete(given.model);
  return given;
}

Result<std::set<std::string>> read_baseline(const std::string& file) {
  std::set<std::string> out;
  if (file.empty()) return out;
  const json known = json::parse(BERM_TRY(read_plain_file(file)), nullptr, false);
  if (!known.is_object() || !known.contains("fingerprints") || !known["fingerprints"].is_array()) {
    return failure(Errc::usage, fmt::format("'{}' is no baseline", printable(file)),
                   "berm lint --write-baseline makes one");
  }
  for (const json& one : known["fingerprints"]) {
    if (one.is_string()) out.insert(one.get<std::string>());
  }
  return out;
}

// One fix may uncover, or stand in the way of, another: until none is left.
Result<std::size_t> mend(const Given& given, const lint::CheckOptions& options, bool unsafe) {
  constexpr int kMostRounds = 100;
  std::map<std::string, std::string> texts;
  for (const lint::File& file : given.model.files) {
    if (file.source->path() != "-") texts[file.source->path()] = file.source->text();
  }
  const std::map<std::string, std::string> before = texts;
  std::size_t applied = 0;
  for (int round = 0; round < kMostRounds; ++round) {
    lint::Model model;
    for (const auto& [path, text] : texts) lint::add_file(model, path, text);
    lint::complete(model);
    const lint::CheckResult result = lint::check(model, options);
    const std::size_t so_far = applied;
    for (const lint::File& file : model.files) {
      texts[file.source->path()] = lint::fixed(*file.source, result.findings, unsafe, applied);
    }
    if (applied == so_far) break;
  }
  for (const auto& [path, text] : texts) {
    if (text == before.at(path)) continue;
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return os_error("look at a file");
    BERM_TRY(replace_file(path, text, status.st_mode & 0777));
  }
  return applied;
}

std::string closing(const LintOptions& options, const Given& given,
                    const lint::CheckResult& result) {
  std::string out = fmt::format("{} in {} of {} files", lint::tally(result),
                                given.model.files.size(), given.seen);
  if (result.suppressed > 0) out += fmt::format(", {} allowed", result.suppressed);
  if (result.known > 0) out += fmt::format(", {} known", result.known);
  if (options.paths.empty() && given.model.files.empty())
    out += "; nothing here is of a kind that berm lint knows";
  return out + "\n";
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::string text_for(const std::string& format, const lint::CheckResult& result,
                     const std::string& begun) {
  const auto lines = [](const json& report) { return report.dump(2) + "\n"; };
  if (format == "json") return lines(lint::to_json(result));
  if (format == "sarif") return lines(lint::to_sarif(result, BERM_VERSION));
  if (format == "github") return lint::to_github(result);
  if (format == "gitlab-codequality") return lines(lint::to_code_quality(result));
  if (format == "junit") return lint::to_junit(result);
  if (format == "checkstyle") return lint::to_checkstyle(result);
  if (format == "markdown") return lint::to_markdown(result);
  if (format == "gitlab-sast")
    return lines(lint::to_gitlab_sast(result, BERM_VERSION, {begun, utc_now()}));
  return lint::to_text(result, false);
}

void print_text(const LintOptions& options, const Given& given, const lint::CheckResult& result) {
  const bool color =
      options.color == "always" || (options.color == "auto" && wants_color(STDOUT_FILENO));
  std::error_code error;
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  const std::string links = color && terminal ? fs::current_path(error).string() : "";
  put(lint::to_text(result, color, links));
  complain(closing(options, given, result));
}

// With --output the report goes to its file, and the text to whoever looks on.
Result<void> print(const LintOptions& options, const Given& given, const lint::CheckResult& result,
                   const std::string& begun) {
  const std::string format = options.json ? "json" : options.format;
  if (!options.output.empty())
    BERM_TRY(replace_file(options.output, text_for(format, result, begun), 0644));
  if (format == "text" || !options.output.empty()) {
    print_text(options, given, result);
  } else {
    put(text_for(format, result, begun));
  }
  return {};
}

int explain_rules(const LintOptions& options) {
  if (!options.explain.empty()) {
    const lint::Rule* rule = lint::rule_named(options.explain);
    if (rule != nullptr) return put(lint::explain(*rule)), kDone;
    std::vector<std::string_view> all;
    for (const lint::Rule* one : lint::all_rules()) all.push_back(one->id);
    const std::string_view near = nearest(options.explain, all);
    Error error{.code = Errc::usage,
                .what = fmt::format("there is no rule '{}'", printable(options.explain)),
                .fix = "berm lint --rules lists them"};
    if (!near.empty()) error.what += fmt::format("; did you mean '{}'?", near);
    return fail(error);
  }
  for (const lint::Rule* rule : lint::all_rules()) {
    put(fmt::format("{:<28} {:<9} {}{}\n", rule->id, name_of(rule->severity), rule->title,
                    rule->persona == lint::Persona::regular
                        ? ""
                        : fmt::format(" ({})", name_of(rule->persona))));
  }
  return kDone;
}

int lint_files(const LintOptions& options) {
  if (options.rules || !options.explain.empty()) return explain_rules(options);
  const std::string begun = utc_now();
  const Result<LintLayer> config =
      options.no_config ? LintLayer() : read_lint_config(options.config);
  if (!config) return fail(config.error());
  const Result<Given> given = read_all_of(options, *config);
  if (!given) return fail(given.error());
  Result<std::set<std::string>> baseline =
      read_baseline(options.baseline.empty() ? config->baseline.value_or("") : options.baseline);
  if (!baseline) return fail(baseline.error());
  const std::string persona =
      options.persona.empty() ? config->persona.value_or("regular") : options.persona;
  const lint::CheckOptions checked{.persona = *lint::persona_named(persona),
                                   .baseline = *std::move(baseline),
                                   .allow = config->allow};
  const lint::CheckResult result = lint::check(given->model, checked);
  if (!options.write_baseline.empty()) {
    const json known = {{"schema", "berm.lint-baseline/1"}, {"fingerprints", result.fingerprints}};
    const Result<void> written = replace_file(options.write_baseline, known.dump(1) + "\n", 0644);
    if (!written) return fail(written.error());
    complain(fmt::format("{} findings are known from now on\n", result.findings.size()));
    return kDone;
  }
  const Result<void> printed = print(options, *given, result, begun);
  if (!printed) return fail(printed.error());
  for (const std::size_t i : result.unused) {
    complain(fmt::format("[[lint.allow]] of '{}' allows nothing here\n", config->allow[i].rule));
  }
  if (!options.fix.empty()) {
    const Result<std::size_t> applied = mend(*given, checked, options.fix == "unsafe");
    if (!applied) return fail(applied.error());
    complain(fmt::format("{} fixes were made: look at them, and run berm lint again\n", *applied));
  }
  const std::string fail_on =
      options.fail_on.empty() ? config->fail_on.value_or("low") : options.fail_on;
  if (fail_on == "never") return kDone;
  const lint::Severity least = *lint::severity_named(fail_on);
  const bool any = std::ranges::any_of(
      result.findings, [&](const lint::Finding& one) { return one.severity >= least; });
  return any ? kNo : kDone;
}

}  // namespace

void add_lint(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand(
      "lint", "find the CI job or manifest that gives an agent too much, before it runs");
  command->footer(kExamples);
  const auto options = std::make_shared<LintOptions>();
  command->add_option("PATH", options->paths, "files, directories, '-' [.]");
  command->add_option("--format", options->format, "[text]")
      ->check(CLI::IsMember({"text", "json", "sarif", "github", "gitlab-sast", "gitlab-codequality",
                             "junit", "checkstyle", "markdown"}))
      ->group("Output");
  command->add_flag("--json", options->json, "the same as --format json")->group("Output");
  command
      ->add_option("--output", options->output, "a file for the report; the text is printed, too")
      ->group("Output");
  command->add_option("--color", options->color, "auto, always, never [auto]")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->group("Output");
  command->add_option("--fail-on", options->fail_on, "least severity that is exit code 1 [low]")
      ->check(CLI::IsMember({"low", "medium", "high", "critical", "never"}))
      ->group("Output");
  command
      ->add_option(
          "--persona", options->persona,
          "who reads it: regular, pedantic (what is not an agent's, too), auditor [regular]")
      ->check(CLI::IsMember({"regular", "pedantic", "auditor"}))
      ->group("Rules");
  command->add_option("--config", options->config, "policy file with [lint] [berm.toml]")
      ->group("Rules");
  command->add_flag("--no-config", options->no_config, "without it")->group("Rules");
  command->add_option("--explain", options->explain, "a rule: why, bad, good, fix")->group("Rules");
  command->add_flag("--rules", options->rules, "list them")->group("Rules");
  command->add_option("--fix", options->fix, "mend what can be: safe, unsafe (look at it after)")
      ->check(CLI::IsMember({"safe", "unsafe"}))
      ->group("Rules");
  command->add_option("--baseline", options->baseline, "findings that are known")->group("Rules");
  command->add_option("--write-baseline", options->write_baseline, "makes that file")
      ->group("Rules");
  command->callback([=, &action] { action = [=] { return lint_files(*options); }; });
}

}  // namespace berm
