#include "session/tool_answers.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "policy/parse.h"
#include "record/chain.h"
#include "sys/fd.h"

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

Result<void> append_rule(const std::string& repository, const std::string& pattern) {
  const std::string path = repository + "/berm.toml";
  const Result<std::string> old = exists(path) ? read_plain_file(path, 1 << 20) : std::string();
  if (!old) return tl::unexpected(old.error());
  std::string text = *old;
  if (text.empty()) text = "version = 1\n";
  if (!text.ends_with('\n')) text += '\n';
  text += fmt::format("\n[[tools.rule]]\nmatch = {}\naction = \"allow\"\n", quoted(pattern));
  // A file that could not be read again must not be left behind.
  BERM_TRY(in_context("adding to berm.toml", parse_policy(text, "berm.toml")));
  return replace_file(path, text, 0644);
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

void allow_for_good(const std::string& repository, const json& question,
                    std::vector<std::string>& notes) {
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
  const Result<void> added = append_rule(repository, pattern);
  notes.push_back(added ? fmt::format("berm.toml allows {} from now on; commit it: the policy is "
                                      "read from what is committed",
                                      printable(pattern))
                        : "not written to the policy: " + sentence(added.error()));
}

}  // namespace berm
