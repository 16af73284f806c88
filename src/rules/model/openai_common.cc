// src/rules/model/openai_common.cc: what Responses and Chat Completions share.
#include "rules/model/request_check.h"

namespace berm {

// The default, and an explicit true, keep the response at the provider for 30 days: input of a
// later request by its id alone. A client that sends its history along, as Codex does, loses
// nothing (developers.openai.com/api/docs/guides/your-data).
Result<void> force_no_store(RequestCheck& check) {
  const bool may = check.rules().hosted_tools == HostedTools::allow || check.is_permitted("store");
  if (may) return {};
  const Json* store = member(check.body(), "store");
  if (store != nullptr && *store == false) return {};
  if (store != nullptr && check.rules().hosted_tools == HostedTools::refuse) {
    return refuse("the provider would keep the response:", "store");
  }
  set_member(check.body(), "store", false);
  check.note("store");
  return {};
}

// "auto" stays: it means what the project's owner has set.
Result<void> check_openai_tier(RequestCheck& check) {
  constexpr std::string_view kStandard[] = {"auto", "default", "flex"};
  const Json* tier = member(check.body(), "service_tier");
  if (tier == nullptr || check.rules().premium == PremiumTier::allow) return {};
  if (is_one_of(text_member(check.body(), "service_tier"), kStandard)) return {};
  set_member(check.body(), "service_tier", "default");
  check.note("service_tier");
  return {};
}

// These models search the web whatever tools the request has.
Result<void> check_openai_model(RequestCheck& check) {
  const std::string_view model = text_member(check.body(), "model");
  BERM_TRY(check.check_model(model));
  const bool searches = model.find("-search-") != std::string_view::npos ||
                        model.find("deep-research") != std::string_view::npos;
  if (!searches) return {};
  return check.require(model, "this model searches the web by itself:");
}

}  // namespace berm
