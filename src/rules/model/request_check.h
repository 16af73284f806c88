// src/rules/model/request_check.h: what the checks of the three APIs share. Inside this folder
// only.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "rules/model/request.h"
#include "rules/model/strict_json.h"

namespace berm {

using Names = std::span<const std::string_view>;

/// A refusal of what the policy does not permit; `name` is what model.permit would have to list.
[[nodiscard]] tl::unexpected<Error> refuse(std::string_view what, std::string_view name);

/// A refusal of a body that the API would not take either.
[[nodiscard]] tl::unexpected<Error> malformed(std::string_view why);

[[nodiscard]] bool is_one_of(std::string_view word, Names words);

/// One request on its way through the checks.
class RequestCheck {
 public:
  RequestCheck(const ModelCall& call, const ModelRules& rules, Json& body)
      : call_(call), rules_(rules), body_(body) {}

  [[nodiscard]] const ModelCall& call() const { return call_; }
  [[nodiscard]] const ModelRules& rules() const { return rules_; }
  [[nodiscard]] Json& body() { return body_; }
  [[nodiscard]] const Json& body_view() const { return body_; }
  [[nodiscard]] CheckedRequest& out() { return out_; }

  [[nodiscard]] bool is_permitted(std::string_view name) const;

  enum class Fate : std::uint8_t { keep, strip };
  /// What to do with a hosted tool or field that can be taken out.
  [[nodiscard]] Result<Fate> judge(std::string_view name) const;
  /// For what cannot be taken out without changing what the agent asked.
  [[nodiscard]] Result<void> require(std::string_view name, std::string_view what) const;
  /// For what this code has never heard of.
  [[nodiscard]] Result<void> require_known(std::string_view kind, std::string_view name,
                                           Names known) const;

  void note(std::string_view name);  ///< adds to `stripped`

  /// Every field of the body is one of `known`.
  [[nodiscard]] Result<void> check_fields(const Json& object, Names known) const;
  /// Takes the field `name` of the body out, or refuses, or keeps it; absent and null are fine.
  [[nodiscard]] Result<void> strip_field(std::string_view name);
  /// `model` is text and on the list.
  [[nodiscard]] Result<void> check_model(std::string_view model);
  /// Lowers `object[key]` to the cap. Absent stays absent: true if it was there.
  [[nodiscard]] Result<bool> cap_tokens(Json& object, std::string_view key);
  /// More than one answer at once multiplies what the cap allows.
  [[nodiscard]] Result<void> refuse_many_answers(const Json& object, std::string_view key) const;
  /// `stream` is true, false or absent.
  [[nodiscard]] Result<bool> read_stream() const;
  /// An address is only data that travels along ("data:…"), nothing to fetch.
  [[nodiscard]] Result<void> check_address(const Json& value) const;

 private:
  const ModelCall& call_;
  const ModelRules& rules_;
  Json& body_;
  CheckedRequest out_;
};

/// Which side runs a tool.
enum class ToolSide : std::uint8_t { client, hosted, unknown };

/// True if `model` is on the list; an empty list has every model.
[[nodiscard]] bool model_is_allowed(const ModelRules& rules, std::string_view model);

// One per API (anthropic.cc, openai_responses.cc, openai_chat.cc, gemini.cc).
[[nodiscard]] Result<void> check_anthropic(RequestCheck& check);
[[nodiscard]] Result<void> check_openai_responses(RequestCheck& check);
[[nodiscard]] Result<void> check_openai_chat(RequestCheck& check);
[[nodiscard]] Result<void> check_gemini(RequestCheck& check);

// Shared by OpenAI's two APIs (openai_common.cc).
[[nodiscard]] Result<void> check_openai_tier(RequestCheck& check);
[[nodiscard]] Result<void> force_no_store(RequestCheck& check);
[[nodiscard]] Result<void> check_openai_model(RequestCheck& check);

}  // namespace berm
