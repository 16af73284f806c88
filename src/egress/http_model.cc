// Requests to a model API: read whole, checked, written anew, and metered by what comes back.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/text.h"
#include "egress/http_conversation.h"
#include "rules/egress/request.h"
#include "rules/model/request.h"

namespace berm {
namespace {

using boost::system::error_code;

constexpr std::size_t kMostModelBody = 32U << 20;
// What an answer without a limit of its own is counted as until it says better: who hangs up pays.
constexpr std::uint64_t kUnboundedAnswer = 32'000;
constexpr std::size_t kMostSignedBody = 16U << 20;  // services beside S3 take less in one request

std::optional<ModelApi> api_named(std::string_view name) {
  for (const ModelApi api : {ModelApi::anthropic, ModelApi::openai, ModelApi::gemini}) {
    if (name_of(api) == name) return api;
  }
  return std::nullopt;
}

}  // namespace

// Which endpoint a request with a model API's secret means; others would be a store, or a way out.
std::optional<Refusal> HttpConversation::classify_call(std::string_view path) {
  call_.reset();
  const EgressCredential* const credential = chosen();
  const std::optional<ModelApi> api =
      credential == nullptr ? std::nullopt : api_named(credential->model.api);
  if (!api) {
    if (task_.kind != HttpTask::Kind::model) return std::nullopt;
  } else if (!websocket_) {
    call_ = classify_model_call(*api, method(), path);
  }
  if (call_) {
    keep_known_query();
    return std::nullopt;
  }
  constexpr const char* kWhy = "only messages and models of the model API are reachable";
  context_.gate.deny(*admission_, "model", fmt::format("{}: {} {}", kWhy, method(), path));
  return Refusal{http::status::forbidden, "model", kWhy};
}

// Others could shape the answer so that it does not say what it used (Google's "fields").
void HttpConversation::keep_known_query() {
  constexpr std::string_view kKnown[] = {
      "beta=true", "alt=sse", "limit=", "after_id=", "before_id=", "pageSize=", "pageToken="};
  const std::size_t at = path_.find('?');
  for (const char* field : {"x-goog-fieldmask", "x-http-method-override"}) request().erase(field);
  if (at == std::string::npos) return;
  std::string kept;
  for (const std::string_view pair : split(std::string_view(path_).substr(at + 1), '&')) {
    const bool known = std::ranges::any_of(kKnown, [&](std::string_view key) {
      return key.ends_with('=') ? pair.starts_with(key) : pair == key;
    });
    if (known) kept += (kept.empty() ? "?" : "&") + std::string(pair);
  }
  path_ = path_.substr(0, at) + kept;
}

// Everything that must be known of the body before the first byte is sent on.
std::optional<Refusal> HttpConversation::prepare_body() {
  whole_body_.reset();
  refusal_.reset();
  sent_whole_ = false;
  const bool has_body = request().chunked() || parser_->content_length().value_or(0) > 0;
  if (!has_body) return std::nullopt;
  if (claim_ && claim_->payload_hash.empty()) return read_whole_body(kMostSignedBody);
  if (!call_) return std::nullopt;
  if (auto refusal = read_whole_body(kMostModelBody)) return refusal;
  return check_call();
}

std::optional<Refusal> HttpConversation::read_whole_body(std::size_t most) {
  if (beast::iequals(request()[http::field::expect], "100-continue")) {
    error_code error;
    client_->write_some(boost::asio::buffer(std::string_view("HTTP/1.1 100 Continue\r\n\r\n")),
                        error);
    request().erase(http::field::expect);
  }
  std::string body;
  char piece[kPiece];
  const auto fields = std::distance(request().begin(), request().end());
  while (!parser_->is_done()) {
    request().body().data = piece;
    request().body().size = sizeof piece;
    error_code error;
    http::read_some(*client_, client_buffer_, *parser_, error);
    if (error == http::error::need_buffer) error = {};
    if (error) return Refusal{http::status::bad_request, "malformed", "the body ended early"};
    body.append(piece, sizeof piece - request().body().size);
    if (body.size() > most) {
      return Refusal{http::status::payload_too_large, "malformed",
                     fmt::format("a body of more than {} MiB", most >> 20)};
    }
  }
  // The parser puts trailers among the fields, behind everything that was taken off the head.
  if (std::distance(request().begin(), request().end()) != fields) {
    context_.gate.deny(*admission_, "malformed", "a request with trailers");
    return Refusal{http::status::bad_request, "malformed", "trailers are not passed on"};
  }
  whole_body_ = std::move(body);
  return std::nullopt;
}

std::optional<Refusal> HttpConversation::check_call() {
  // Not the placeholder: the agent tells its model what it sees, and this one is the issuer's own.
  LeakCheck leak(context_.secrets.values());
  (void)leak.feed(*whole_body_, true);
  if (!leak.found().empty()) return misplaced(leak.found());
  Result<CheckedRequest> checked = check_model_request(*call_, *whole_body_, chosen()->model);
  if (!checked) {
    const std::string why = printable(checked.error().what);
    context_.gate.deny(*admission_, "model", why);
    return Refusal{http::status::forbidden, "model", why};
  }
  whole_body_ = std::move(checked->body);
  context_.tool_results.note(checked->tool_results);
  if (!checked->stripped.empty()) {
    std::string names;
    for (const std::string& name : checked->stripped) names += (names.empty() ? "" : ", ") + name;
    context_.gate.deny(*admission_, "model.hosted_tools", printable(names));
  }
  if (!is_billed(*call_)) return std::nullopt;
  metered_ = {.api = call_->api,
              .model = checked->model,
              .body_bytes = whole_body_->size(),
              .max_tokens = checked->max_tokens.value_or(kUnboundedAnswer)};
  const Result<SpendLedger::Id> admitted = context_.meter.admit(metered_);
  if (admitted) {
    spending_ = *admitted;
    return std::nullopt;
  }
  context_.gate.deny(*admission_, admitted.error().fix, admitted.error().what);
  return Refusal{http::status::forbidden, admitted.error().fix, admitted.error().what};
}

bool HttpConversation::send_whole_body() {
  http::request<http::string_body> whole;
  whole.method_string(request().method_string());
  whole.target(request().target());
  whole.version(11);
  for (const auto& field : request()) {
    const std::string_view name = field.name_string();
    if (field.name() == http::field::content_length ||
        field.name() == http::field::transfer_encoding) {
      continue;
    }
    whole.insert(name, field.value());
  }
  whole.body() = *whole_body_;
  whole.content_length(whole_body_->size());
  const std::uint64_t size = whole_body_->size();
  if (admission_->account.reserve(size, true) < size) {
    context_.gate.deny(*admission_, "network.budget", admission_->account.exhausted());
    return false;
  }
  sent_ += size;
  server_->set_timeout(kSlowest);
  error_code error;
  http::write(*server_, whole, error);
  refused_early_ = static_cast<bool>(error);
  return !error;
}

void HttpConversation::begin_metering(const Response& response) {
  usage_.reset();
  if (!spending_) return;
  if (response.result_int() < 200 || response.result_int() > 299) {
    context_.meter.release(*std::exchange(spending_, std::nullopt));
    return;
  }
  const std::string type = lower(std::string_view(response[http::field::content_type]));
  usage_.emplace(metered_, type.starts_with("text/event-stream") ? ResponseForm::event_stream
                                                                 : ResponseForm::json);
}

void HttpConversation::end_metering(bool whole) {
  if (!spending_) return;
  const SpendLedger::Id id = *std::exchange(spending_, std::nullopt);
  if (!usage_ && !sent_whole_) return context_.meter.release(id);
  // Asked for, and perhaps billed, but never answered.
  if (!usage_) usage_.emplace(metered_, ResponseForm::json);
  const TokenUsage used = usage_->finish(whole ? UsageMeter::End::whole : UsageMeter::End::cut);
  usage_.reset();
  context_.meter.settle(id, call_->api, used);
}

}  // namespace berm
