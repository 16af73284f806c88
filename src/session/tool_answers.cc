#include "session/tool_answers.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "base/text.h"
#include "policy/parse.h"
#include "record/chain.h"
#include "session/policy_sources.h"
#include "sys/fd.h"
#include "workspace/repository.h"

namespace berm {
namespace {

using nlohmann::json;

std::string text_of(const json& value, const char* key) {
  const auto found = value.find(key);
  return found != value.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// A basic string of TOML.
std::string quoted(const std::string& text) {
  return json(text).dump(-1, ' ', true, json::error_handler_t::replace);
}

}  // namespace

std::string exact_pattern(const json& question) {
  const std::string tool = text_of(question, "tool");
  const json input = parse_event(text_of(question, "input"));
  if (!input.is_object() || tool.empty()) return "";
  std::string inner = text_of(input, "command");
  if (inner.empty() && input.contains("file_path")) inner = "/" + text_of(input, "file_path");
  if (inner.empty()) return "";
  // In a pattern '*' is more than itself.
  if (inner.find_first_of("*?[\n\r") != std::string::npos || inner.size() > 1000) return "";
  return fmt::format("{}({})", tool, inner);
}

Result<void> PolicyAnswers::append_rule(const std::string& pattern) {
  const std::string path = repository_.root.str() + "/berm.toml";
  std::string text;
  if (exists(path)) text = BERM_TRY(read_plain_file(path, 1 << 20));
  // HEAD as it is now: the user may have committed meanwhile.
  const std::string head = resolve_ref(repository_, "HEAD");
  std::optional<std::string> committed;
  if (!head.empty()) committed = BERM_TRY(committed_policy(repository_, head, state_));
  const bool as_committed = committed ? text == *committed : text.empty();
  const bool as_we_left_it = !ours_.empty() && text == ours_;
  if (!as_committed && !as_we_left_it) {
    return failure(Errc::denied,
                   "add to berm.toml: it is not what HEAD holds, and the agent may have changed it",
                   "read 'git diff HEAD -- berm.toml', commit it or undo it, and answer again");
  }
  if (text.empty()) text = "version = 1\n";
  if (!text.ends_with('\n')) text += '\n';
  text += fmt::format("\n[[tools.rule]]\nmatch = {}\naction = \"allow\"\n", quoted(pattern));
  // A file that could not be read again must not be left behind.
  BERM_TRY(in_context("adding to berm.toml", parse_policy(text, "berm.toml")));
  BERM_TRY(replace_file(path, text, 0644));
  ours_ = std::move(text);
  return {};
}

void PolicyAnswers::allow_for_good(const json& question, std::vector<std::string>& notes) {
  if (const std::string host = text_of(question, "host"); !host.empty()) {
    notes.push_back(fmt::format("to grant it for good, add \"{}:{}\" to network.allow in berm.toml",
                                printable(host),
                                question.contains("port") ? question["port"].dump() : "443"));
    return;
  }
  const std::string pattern = exact_pattern(question);
  if (pattern.empty()) {
    notes.emplace_back("not written to the policy: no pattern says just this call");
    return;
  }
  const Result<void> added = append_rule(pattern);
  notes.push_back(added ? fmt::format("berm.toml allows {} from now on; commit it: the policy is "
                                      "read from what is committed",
                                      printable(pattern))
                        : fmt::format("not written to the policy: {}{}{}", sentence(added.error()),
                                      added.error().fix.empty() ? "" : "; ", added.error().fix));
}

}  // namespace berm
