// berm's own policy file: one that cannot be read holds nothing, and some keys give much away.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "lint/agents.h"
#include "lint/model.h"
#include "lint/rules/rules.h"
#include "policy/parse.h"

namespace berm::lint {
namespace {

// The parser's message begins with FILE:LINE:COLUMN.
Span place_of(const Source& file, std::string_view message) {
  const std::size_t colon = message.find(':');
  std::size_t line = 0;
  if (colon != message.npos)
    std::from_chars(message.data() + colon + 1, message.data() + message.size(), line);
  if (line == 0 || line > file.lines()) return {0, std::min<std::size_t>(file.text().size(), 1)};
  const std::size_t begin = file.start_of(line);
  return {begin, begin + file.line(line).size()};
}

void check_readable(const File& file, Report& report) {
  const Result<PolicyLayer> layer = parse_policy(file.source->text(), "policy");
  if (layer) return;
  const std::string& what = layer.error().what;
  Finding& found =
      report.add(*file.source, place_of(*file.source, what),
                 "every run is refused: " + printable(what.substr(0, what.find('\n'))));
  found.severity = Severity::high;
}

void weak(const File& file, const Node* node, Severity severity, std::string message,
          Report& report) {
  Finding& found = report.add(*file.source, follow(node)->span, std::move(message));
  found.severity = severity;
}

void check_weak(const File& file, const Node* root, Report& report) {
  const auto value = [&](std::initializer_list<std::string_view> path) { return get(root, path); };
  if (const Node* mode = value({"network", "mode"}); text_of(mode) == "open")
    weak(file, mode, Severity::high, "the agent reaches every host", report);
  if (const Node* mode = value({"workspace", "mode"}); text_of(mode) == "direct")
    weak(file, mode, Severity::high, "the agent works in the tree itself: nothing judges first",
         report);
  if (const Node* done = value({"workspace", "on_success"}); text_of(done) == "apply")
    weak(file, done, Severity::low, "what the guard lets through is applied without a look",
         report);
  if (const Node* hooks = value({"tools", "unhooked"}); is_true(hooks))
    weak(file, hooks, Severity::high, "nobody judges the agent's tool calls", report);
  if (const Node* secrets = value({"changes", "secrets"}); text_of(secrets) == "report")
    weak(file, secrets, Severity::medium, "a key in a change is reported, and let through", report);
  if (const Node* protect = value({"changes", "protect"});
      is_sequence(protect) && items_of(protect).empty())
    weak(file, protect, Severity::high, "CI files, hooks and settings may be changed", report);
  if (const Node* hosted = value({"network", "model", "hosted_tools"}); text_of(hosted) == "allow")
    weak(file, hosted, Severity::medium,
         "the model's host fetches what the agent asks, past the allow-list", report);
  for (const char* key : {"allow", "opaque", "internal"}) {
    for (const Node* host : words_of(value({"network", key}))) {
      const bool public_paste = text_of(host).find("pastebin") != std::string::npos ||
                                text_of(host).find("ngrok") != std::string::npos ||
                                text_of(host).find("webhook.site") != std::string::npos;
      if (public_paste)
        weak(file, host, Severity::high, "whatever the agent sends there is somebody else's",
             report);
    }
  }
  for (const Node* name : words_of(value({"env", "pass"}))) {
    if (is_key_name(text_of(name)))
      weak(file, name, Severity::high,
           fmt::format("{} itself is inside; a [credentials] grant would keep it outside",
                       printable(text_of(name))),
           report);
  }
}

void check(const Model& model, Report& report) {
  for (const File& file : model.files) {
    if (file.kind != File::Kind::policy) continue;
    check_readable(file, report);
    if (!file.tree.documents.empty()) check_weak(file, file.tree.documents.front(), report);
  }
}

}  // namespace

const Rule berm_policy{
    .id = "berm-policy",
    .title = "a policy that cannot be read, or that gives a guarantee away",
    .severity = Severity::medium,
    .why =
        "Each of these keys is there for somebody who knows why; who does not loses what he thinks "
        "he has (docs/guarantees.md).",
    .bad = "[network]\nmode = \"open\"",
    .good = "[network]\nallow = [\"api.example.com\"]",
    .fix = "remove the key, or say why it stays: # berm: allow berm-policy -- reason",
    .check = check};

}  // namespace berm::lint
