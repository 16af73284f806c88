#include "rules/model/request.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/glob.h"
#include "base/text.h"
#include "rules/model/request_check.h"
#include "rules/model/tool_results.h"

namespace berm {
namespace {

bool matches_any(const std::vector<std::string>& patterns, std::string_view name) {
  return std::ranges::any_of(
      patterns, [&](const std::string& pattern) { return component_matches(pattern, name); });
}

// Names in messages come from the agent: printable and short.
std::string shown(std::string_view name) { return printable(name.substr(0, 80)); }

Result<void> check_by_api(RequestCheck& check) {
  switch (check.call().endpoint) {
    case ModelEndpoint::messages:
      return check_anthropic(check);
    case ModelEndpoint::responses:
    case ModelEndpoint::compact:
      return check_openai_responses(check);
    case ModelEndpoint::chat:
      return check_openai_chat(check);
    case ModelEndpoint::generate:
    case ModelEndpoint::stream_generate:
      return check_gemini(check);
    case ModelEndpoint::count_tokens:
      return check.call().api == ModelApi::gemini ? check_gemini(check) : check_anthropic(check);
    case ModelEndpoint::list_models:
      break;
  }
  return malformed("this request has no body");
}

}  // namespace

tl::unexpected<Error> refuse(std::string_view what, std::string_view name) {
  return failure(Errc::denied, fmt::format("send this model request: {} '{}'", what, shown(name)),
                 fmt::format("leave it out, or permit it: model.permit = [\"{}\"]", shown(name)));
}

tl::unexpected<Error> malformed(std::string_view why) {
  return failure(Errc::denied, fmt::format("send this model request: {}", why));
}

bool is_one_of(std::string_view word, Names words) {
  return std::ranges::find(words, word) != words.end();
}

bool model_is_allowed(const ModelRules& rules, std::string_view model) {
  return rules.models.empty() || matches_any(rules.models, model);
}

bool RequestCheck::is_permitted(std::string_view name) const {
  return matches_any(rules_.permit, name);
}

Result<RequestCheck::Fate> RequestCheck::judge(std::string_view name) const {
  if (rules_.hosted_tools == HostedTools::allow || is_permitted(name)) return Fate::keep;
  if (rules_.hosted_tools == HostedTools::strip) return Fate::strip;
  return refuse("model.hosted_tools refuses what the provider would do for the agent:", name);
}

Result<void> RequestCheck::require(std::string_view name, std::string_view what) const {
  if (rules_.hosted_tools == HostedTools::allow || is_permitted(name)) return {};
  return refuse(what, name);
}

Result<void> RequestCheck::require_known(std::string_view kind, std::string_view name,
                                         Names known) const {
  if (is_one_of(name, known) || is_permitted(name)) return {};
  return refuse(fmt::format("berm does not know the {}", kind), name);
}

void RequestCheck::note(std::string_view name) {
  const auto at = std::ranges::lower_bound(out_.stripped, name);
  if (at == out_.stripped.end() || *at != name) out_.stripped.emplace(at, shown(name));
}

Result<void> RequestCheck::check_fields(const Json& object, Names known) const {
  for (const auto& [key, value] : object.items()) {
    if (!value.is_null()) BERM_TRY(require_known("field", key, known));
  }
  return {};
}

Result<void> RequestCheck::strip_field(std::string_view name) {
  if (member(body_, name) == nullptr) return {};
  const Fate fate = BERM_TRY(judge(name));
  if (fate == Fate::keep) return {};
  erase_member(body_, name);
  note(name);
  return {};
}

Result<void> RequestCheck::check_model(std::string_view model) {
  if (model.empty()) return malformed("it names no model");
  if (!model_is_allowed(rules_, model)) {
    return failure(
        Errc::denied,
        fmt::format("send this model request: model.models does not list '{}'", shown(model)),
        "use a model of the list, or add this one to model.models");
  }
  out_.model = std::string(model);
  return {};
}

Result<bool> RequestCheck::cap_tokens(Json& object, std::string_view key) {
  Json* asked = member(object, key);
  if (asked == nullptr) return false;
  if (!asked->is_number_unsigned()) return malformed(fmt::format("{} is not a number", key));
  const auto cap = rules_.max_output_tokens;
  if (cap && asked->get<std::uint64_t>() > *cap) {
    *asked = *cap;
    note(key);
  }
  const auto sent = asked->get<std::uint64_t>();
  out_.max_tokens = std::max(out_.max_tokens.value_or(0), sent);
  return true;
}

Result<void> RequestCheck::refuse_many_answers(const Json& object, std::string_view key) const {
  const Json* many = member(object, key);
  if (many == nullptr || *many == 1 || is_permitted(key)) return {};
  return refuse("more than one answer at once is not metered:", key);
}

Result<bool> RequestCheck::read_stream() const {
  const Json* stream = member(body_, "stream");
  if (stream == nullptr) return false;
  if (!stream->is_boolean()) return malformed("stream is neither true nor false");
  return stream->get<bool>();
}

Result<void> RequestCheck::check_address(const Json& value) const {
  const bool is_data =
      value.is_string() && lower(value.get_ref<const std::string&>().substr(0, 5)) == "data:";
  if (is_data) return {};
  return require("url source", "the provider would fetch an address:");
}

Result<CheckedRequest> check_model_request(const ModelCall& call, std::string_view body,
                                           const ModelRules& rules) {
  Json parsed = BERM_TRY(parse_strict_json(body));
  if (!parsed.is_object()) return malformed("its body is not a JSON object");
  RequestCheck check(call, rules, parsed);
  BERM_TRY(check_by_api(check));
  check.out().tool_results = tool_results_in(call.api, parsed);
  check.out().body = BERM_TRY(to_json_text(parsed));
  return std::move(check.out());
}

}  // namespace berm
