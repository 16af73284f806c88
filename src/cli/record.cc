// berm show, log: the story of a run, its events, and whether they can be trusted.
#include "cli/record.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/record_html.h"
#include "cli/show_report.h"
#include "record/asked_for.h"
#include "record/chain.h"
#include "record/export.h"
#include "record/proof.h"
#include "record/schema.h"
#include "record/story.h"
#include "session/run_directory.h"
#include "session/run_session.h"

namespace berm {
namespace {

using nlohmann::json;

struct RecordOptions {
  std::string run = "latest";
  std::string type;
  std::string html;
  std::string format;
  bool schema = false;
  bool json = false;
  std::optional<std::uint64_t> prove;
  std::optional<std::uint64_t> prove_growth;
};

// A record may come from anybody: any key may hold any type.
std::string text_of(const json& value, const char* key) {
  const auto found = value.is_object() ? value.find(key) : value.end();
  return value.is_object() && found != value.end() && found->is_string()
             ? printable(found->get<std::string>())
             : std::string();
}
std::int64_t number_of(const json& value, const char* key) {
  const auto found = value.is_object() ? value.find(key) : value.end();
  return value.is_object() && found != value.end() && found->is_number_integer()
             ? found->get<std::int64_t>()
             : 0;
}
bool flag_of(const json& value, const char* key) {
  const auto found = value.is_object() ? value.find(key) : value.end();
  return value.is_object() && found != value.end() && found->is_boolean() && found->get<bool>();
}
json part_of(const json& value, const char* key) {
  const auto found = value.is_object() ? value.find(key) : value.end();
  return value.is_object() && found != value.end() ? *found : json();
}

// One event as a person reads it: "+1.234s type  key=value …".
std::string line_of(const json& event, std::int64_t start) {
  const double seconds =
      (static_cast<double>(number_of(event, "mono")) - static_cast<double>(start)) / 1e9;
  std::string out = fmt::format("{:>9.3f}s  {:<14}", seconds, text_of(event, "type"));
  const json data = part_of(event, "data");
  for (const auto& [key, value] : data.items()) {
    std::string text = value.is_string()
                           ? value.get<std::string>()
                           : value.dump(-1, ' ', false, json::error_handler_t::replace);
    if (text.size() > 120) text = text.substr(0, 117) + "…";
    out += fmt::format(" {}={}", printable(key), printable(text));
  }
  return out + "\n";
}

std::vector<json> events_of(const std::string& text) {
  std::vector<json> events;
  for (const std::string_view line : split(text, '\n')) {
    json event = parse_event(line);
    if (event.is_object()) events.push_back(std::move(event));
  }
  return events;
}

// Lines that are no events come, too: whoever checks the whole record needs them.
int log_formatted(const std::string& text, const RecordOptions& options) {
  const std::optional<EventFormat> format = event_format_of(options.format);
  if (!format) {
    return fail({.code = Errc::usage,
                 .what = fmt::format("write events as '{}'", printable(options.format)),
                 .fix = "use --format ocsf, ecs, cef or native"});
  }
  for (const std::string_view line : split(text, '\n')) {
    if (line.empty()) continue;
    if (!options.type.empty() && !text_of(parse_event(line), "type").starts_with(options.type)) {
      continue;
    }
    put(formatted(*format, line) + "\n");
  }
  return kDone;
}

int log(const RecordOptions& options) {
  if (options.schema) {
    put(std::string(kRecordSchema));
    return kDone;
  }
  const Result<std::string> path = record_path(options.run);
  if (!path) return fail(path.error());
  const Result<std::string> text = read_file(*path, kMaxRecord);
  if (!text) return fail(text.error());
  if (options.prove || options.prove_growth) {
    const Result<json> proof = options.prove ? prove_event(*text, *options.prove)
                                             : prove_record_growth(*text, *options.prove_growth);
    if (!proof) return fail(proof.error());
    put_json(*proof);
    return kDone;
  }
  if (!options.format.empty()) return log_formatted(*text, options);
  const std::vector<json> events = events_of(*text);
  const std::int64_t start = events.empty() ? 0 : number_of(events.front(), "mono");
  for (const json& event : events) {
    if (!options.type.empty() && !text_of(event, "type").starts_with(options.type)) continue;
    put(options.json ? event.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"
                     : line_of(event, start));
  }
  return kDone;
}

std::string changes_story(const json& data) {
  std::string out;
  std::size_t shown = 0;
  const json files = part_of(data, "files");
  for (const json& file : files) {
    if (++shown > 20) {
      return out + fmt::format("    … and {} more (berm diff --stat)\n", files.size() - 20);
    }
    out += fmt::format("    {:<12} {}{}\n", text_of(file, "kind"), text_of(file, "path"),
                       flag_of(file, "ignored") ? "  (ignored by git)" : "");
  }
  return out.empty() ? "    none\n" : out;
}

std::string line_of_story(const json& event) {
  const std::string type = text_of(event, "type");
  const json data = part_of(event, "data");
  const auto text = [&](const char* key) { return text_of(data, key); };
  if (type == "run.start") {
    std::string argv;
    for (const json& word : part_of(data, "argv")) {
      argv += (argv.empty() ? "" : " ") + (word.is_string() ? word.get<std::string>() : "?");
    }
    return fmt::format("  command   {}\n  in        {} at {}\n", printable(argv),
                       text("repository"), text_of(part_of(data, "base"), "head").substr(0, 12));
  }
  if (type == "enforcement") {
    std::string out = "  enforced\n";
    for (const json& layer : part_of(data, "layers")) {
      out += fmt::format("    {:<11} {:<10} {}\n", text_of(layer, "layer"),
                         text_of(layer, "strength"), text_of(layer, "how"));
    }
    return out;
  }
  if (type == "net.denied") {
    return fmt::format("  DENIED    {}:{} by {} [{}] ({})\n", text("host"), number_of(data, "port"),
                       text("via"), text("rule"), text("reason"));
  }
  if (type == "net.allowed") {
    return fmt::format("  reached   {}:{} at {} by {} [{}]\n", text("host"),
                       number_of(data, "port"), text("address"), text("via"), text("rule"));
  }
  if (type == "net.closed") {
    return fmt::format("  closed    {}:{} after {} ms, {} bytes up, {} down\n", text("host"),
                       number_of(data, "port"), number_of(data, "ms"), number_of(data, "sent"),
                       number_of(data, "received"));
  }
  if (type == "net.attempt") {
    return fmt::format("  tried     {} by {} (pid {})\n", text("address"), text("executable"),
                       number_of(data, "pid"));
  }
  if (type == "http.request" || type == "model.request") {
    return fmt::format("  request   {} {}{} → {}, {} bytes up, {} down\n", text("method"),
                       text("host"), text("path"), number_of(data, "status"),
                       number_of(data, "sent"), number_of(data, "received"));
  }
  if (type == "limit.hit") {
    return fmt::format("  LIMIT     {} {}\n", text("limit"), text("culprit"));
  }
  if (type == "changes") return "  changes\n" + changes_story(data);
  if (type == "guard") {
    std::string out;
    for (const json& f : part_of(data, "findings")) {
      out += fmt::format("  {:<9} {} {} [{}]\n",
                         text_of(f, "severity") == "refuse" ? "REFUSED" : "note",
                         text_of(f, "path"), text_of(f, "message"), text_of(f, "rule"));
    }
    return out;
  }
  if (type == "verdict") {
    std::string out =
        fmt::format("  verdict   {} (exit {})\n", text("status"), number_of(data, "exit_code"));
    for (const json& reason : part_of(data, "reasons")) {
      out += fmt::format("            {}\n",
                         reason.is_string() ? printable(reason.get<std::string>()) : "?");
    }
    return out;
  }
  return "";
}

int show(const RecordOptions& options, const ReportForms& forms) {
  const Result<std::string> path = record_path(options.run);
  if (!path) return fail(path.error());
  if (forms.wanted() > 0) return show_report(*path, forms);
  const Result<std::string> text = read_file(*path, kMaxRecord);
  if (!text) return fail(text.error());
  if (!options.html.empty()) {
    const std::size_t slash = path->rfind('/');
    const std::string directory = slash == std::string::npos ? "." : path->substr(0, slash);
    const Result<json> run = load_run(directory);
    const Result<std::string> diffs = read_plain_file(directory + "/diffs.json");
    return show_html(*text, run ? text_of(*run, "record_head") : "", diffs.value_or(""),
                     options.html);
  }
  const std::vector<json> events = events_of(*text);
  const std::vector<AskedFor> asked = asked_for(events);
  if (options.json) {
    put_json({{"schema", "berm.show/1"},
              {"events", events},
              {"asked_for", asked_for_to_json(asked)},
              {"story", story_to_json(tell_story(events))}});
    return kDone;
  }
  put(fmt::format("{}\n", events.empty() ? printable(*path) : text_of(events.front(), "run")));
  // What happened stands before what came of it.
  const auto changes = std::ranges::find_if(
      events, [](const json& event) { return text_of(event, "type") == "changes"; });
  for (auto event = events.begin(); event != changes; ++event) put(line_of_story(*event));
  put(story_text(tell_story(events)));
  for (auto event = changes; event != events.end(); ++event) put(line_of_story(*event));
  if (!asked.empty()) put("  of the network\n");
  for (const AskedFor& one : asked) {
    put(fmt::format("    {} {} (×{}) · allow = [\"{}\"]\n",
                    one.learned ? "learned" : "asked for, not granted:", printable(one.destination),
                    one.times, printable(one.destination)));
  }
  const Result<json> run = load_run(path->substr(0, path->rfind('/')));
  const RecordCheck check =
      check_record(*text, {.head = run ? text_of(*run, "record_head") : "", .key = {}});
  put(fmt::format("  record    {} events, {}\n", check.events,
                  check.intact() && check.complete ? "intact"
                  : check.intact()                 ? "incomplete"
                                                   : "NOT INTACT (berm verify)"));
  return kDone;
}

std::shared_ptr<RecordOptions> add_common(CLI::App* command) {
  auto options = std::make_shared<RecordOptions>();
  command->add_option("RUN", options->run,
                      "id, part of it, 'latest', or the path of a record [latest]");
  command->add_flag("--json", options->json, "for machines");
  return options;
}

}  // namespace

Result<std::string> record_path(const std::string& name) {
  struct stat status {};
  if (name.find('/') != std::string::npos && ::stat(name.c_str(), &status) == 0 &&
      S_ISREG(status.st_mode)) {
    return name;
  }
  const std::string state = BERM_TRY(state_directory());
  return BERM_TRY(find_run(state, name)) + "/record.jsonl";
}

void add_show(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("show", "the story of one run");
  command->footer(
      "Examples:\n  berm show\n  berm show r-20261122-7f3a\n  berm show latest --json\n  berm show "
      "latest --html run.html\n  berm show latest --markdown comment.md --max-size 64KiB\n  berm "
      "show latest --sarif berm.sarif\n  berm show latest --junit > berm.xml");
  const auto options = add_common(command);
  const auto forms = add_report_forms(*command);
  command->add_option("--html", options->html,
                      "write a page for a browser to this file ('-': stdout)");
  command->callback([=, &action] { action = [=] { return show(*options, *forms); }; });
}

void add_log(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("log", "the events of a run");
  command->footer(
      "Examples:\n  berm log\n  berm log latest --type net.denied\n  berm log latest --json | jq "
      ".type\n  berm log latest --format ocsf > events.ocsf.jsonl");
  const auto options = add_common(command);
  command->add_option("--type", options->type, "only events whose type starts with this");
  command
      ->add_option("--format", options->format,
                   "ocsf, ecs, cef, or native: each line of the record as it is")
      ->excludes("--json");
  command->add_flag("--schema", options->schema, "print the JSON Schema of a record's lines");
  auto* event = command->add_option(
      "--prove", options->prove,
      "print a proof that event SEQ is in what was signed (berm verify --proof)");
  command
      ->add_option("--prove-growth", options->prove_growth,
                   "print a proof that the first N events are the beginning of what was signed")
      ->excludes(event);
  command->callback([=, &action] { action = [=] { return log(*options); }; });
}

}  // namespace berm
