// Where a request goes, and whether it may.
#include <fmt/format.h>

#include <boost/beast/core.hpp>

#include "base/text.h"
#include "egress/http_conversation.h"
#include "rules/egress/http_head.h"
#include "rules/egress/request.h"

namespace berm {
namespace {

using boost::system::error_code;
using std::chrono::seconds;

constexpr seconds kIdleClient{75};    // between two requests
constexpr seconds kCrowdedClient{5};  // the same, when others wait

}  // namespace

// The head is looked at as bytes before any parser may make sense of it.
bool HttpConversation::read_head() {
  client_->set_timeout(context_.is_crowded() ? kCrowdedClient : kIdleClient);
  error_code error;
  std::size_t length = 0;
  while ((length = head_length(unread_)) == 0) {
    if (unread_.size() > kMaxRequestHead) {
      refuse({http::status::request_header_fields_too_large, "malformed",
              "a head of more than 64 KiB"});
      return false;
    }
    char bytes[kPiece];
    const std::size_t got = client_->read_bytes(bytes, error);
    if (error) return false;
    unread_.append(bytes, got);
    client_->set_timeout(kSlowest);
  }
  client_->set_timeout(kSlowest);
  head_size_ = length;
  const std::string head = unread_.substr(0, length);
  if (const std::string why = why_ambiguous(head); !why.empty()) {
    context_.gate.deny_unreadable(Via::http, head.substr(0, head.find('\r')), why);
    refuse({http::status::bad_request, "malformed", why});
    return false;
  }
  parser_.emplace();
  parser_->header_limit(kMaxRequestHead);
  parser_->body_limit(boost::none);
  parser_->put(boost::asio::buffer(head), error);
  if (error || !parser_->is_header_done()) {
    context_.gate.deny_unreadable(Via::http, head.substr(0, head.find('\r')), error.message());
    refuse({http::status::bad_request, "malformed", "a request that cannot be parsed"});
    return false;
  }
  client_buffer_.clear();
  const std::string_view rest = std::string_view(unread_).substr(length);
  client_buffer_.commit(
      boost::asio::buffer_copy(client_buffer_.prepare(rest.size()), boost::asio::buffer(rest)));
  unread_.clear();
  return true;
}

std::optional<Refusal> HttpConversation::aim_at_proxy_target(std::string_view target) {
  if (!target.starts_with("http://")) {
    return Refusal{http::status::forbidden, "malformed",
                   "a proxy request names http://HOST/PATH; https goes through CONNECT"};
  }
  target.remove_prefix(7);
  const std::size_t slash = std::min(target.find_first_of("/?"), target.size());
  const std::optional<Destination> to = parse_authority(target.substr(0, slash), 80);
  if (!to) {
    context_.gate.deny_unreadable(Via::http, std::string(target), "not a plain host name and port");
    return Refusal{http::status::forbidden, "malformed", "not a plain host name and port"};
  }
  const std::string_view host(request()[http::field::host]);
  const bool old_client = request().version() == 10 && host.empty();
  if (!old_client && parse_authority(host, 80) != to) {
    context_.gate.deny_unreadable(Via::http, std::string(target), "Host is not the URL's host");
    return Refusal{http::status::misdirected_request, "malformed", "Host is not the URL's host"};
  }
  if (to->port == 443) {
    // In clear to a port of TLS: past its server name, and past the rules of an inspected host.
    context_.gate.deny_unreadable(Via::http, std::string(target), "http:// to port 443");
    return Refusal{http::status::forbidden, "malformed", "port 443 is reached by https"};
  }
  path_ = std::string(target.substr(slash));
  if (!path_.starts_with('/')) path_.insert(0, "/");
  if (admission_ && admission_->to == *to) return std::nullopt;
  Result<Admission> admission = context_.gate.admit(*to, Via::http);
  if (!admission) {
    return Refusal{http::status::forbidden, admission.error().fix, admission.error().what};
  }
  admission_ = *std::move(admission);
  return std::nullopt;
}

// Finds where the request goes: admission_ and path_.
std::optional<Refusal> HttpConversation::aim() {
  const std::string target(request().target());
  if (task_.kind == HttpTask::Kind::proxy) return aim_at_proxy_target(target);
  path_ = target;
  if (!target.starts_with('/')) {
    return Refusal{http::status::bad_request, "malformed", "the target is no path"};
  }
  if (task_.kind == HttpTask::Kind::model) {
    const ModelRoute& model = *context_.upstream.model;
    if (admission_) return std::nullopt;
    // The user named this upstream himself: a gateway on his own machine is his choice.
    admission_ = Admission{.to = model.to,
                           .grant = {.allowed = true, .rule = "model", .why = "", .internal = true},
                           .via = Via::model,
                           .account = context_.gate.unlimited()};
    return std::nullopt;
  }
  admission_ = task_.admission;
  const std::optional<Destination> host =
      parse_authority(request()[http::field::host], admission_->to.port);
  if (host == admission_->to) return std::nullopt;
  // Domain fronting: the connection was admitted for one name, the request asks for another.
  const std::string why = fmt::format("Host is '{}', the connection is to {}",
                                      printable(std::string_view(request()[http::field::host])),
                                      to_text(admission_->to));
  context_.gate.deny(*admission_, "host", why);
  return Refusal{http::status::misdirected_request, "host", why};
}

std::optional<Refusal> HttpConversation::judge_by_rules(const std::optional<std::string>& path) {
  RequestFacts facts{.method = method(),
                     .path = path.value_or(""),
                     .content_type = std::string(request()[http::field::content_type]),
                     .content_length = std::nullopt,
                     .has_body = false,
                     .websocket = websocket_};
  if (const auto length = parser_->content_length()) facts.content_length = *length;
  facts.has_body = facts.content_length.value_or(0) > 0 || request().chunked();
  const RequestDecision decision =
      decide_request(context_.gate.configuration().rules.inspect, admission_->to.host, facts);
  if (decision.allowed) {
    max_upload_ = decision.max_upload;
    return std::nullopt;
  }
  const std::string rule = keyed_ ? "credentials" : decision.rule;
  const std::string why =
      keyed_ ? fmt::format("no credential and no rule of the policy covers this request")
             : decision.why;
  context_.gate.deny(*admission_, rule, fmt::format("{} {}: {}", facts.method, facts.path, why));
  return Refusal{http::status::forbidden, rule, why};
}

// A credential admits what its methods and paths say; what a rule admits goes without a secret.
std::optional<Refusal> HttpConversation::judge_inspected(std::string_view path) {
  const std::optional<std::string> normal = normalized_path(path);
  choose_credential(normal.value_or(""));
  if (!normal && credential_ && !is_plain_enough(path)) credential_.reset();
  if (!normal && !credential_) {
    context_.gate.deny(*admission_, "path", "a path that servers read in two ways");
    return Refusal{http::status::bad_request, "path", "a path that servers read in two ways"};
  }
  if (!credential_) {
    if (auto refusal = judge_by_rules(normal)) return refusal;
  } else if (websocket_ || request().method() == http::verb::trace) {
    constexpr const char* kWhy = "no websocket and no TRACE carries a credential";
    context_.gate.deny(*admission_, "credentials", kWhy);
    // 426 is what clients fall back to plain HTTP on; 403 makes some of them try for seconds.
    return Refusal{websocket_ ? http::status::upgrade_required : http::status::forbidden,
                   "credentials", kWhy};
  }
  const std::size_t query = path.find('?');
  if (normal) {
    path_ = *normal + (query == std::string_view::npos ? "" : std::string(path.substr(query)));
  }
  return std::nullopt;
}

std::optional<Refusal> HttpConversation::judge() {
  const std::string upgrade = lower(std::string_view(request()[http::field::upgrade]));
  websocket_ = upgrade == "websocket" && request().method() == http::verb::get;
  if (!upgrade.empty() && !websocket_ && upgrade != "h2c") {
    return Refusal{http::status::forbidden, "upgrade", "only an upgrade to websocket is passed on"};
  }
  max_upload_.reset();
  keyed_ = false;
  if (task_.kind == HttpTask::Kind::inspected) {
    const std::string path = path_;
    if (auto refusal = judge_inspected(path)) return refusal;
  } else {
    choose_credential("");
  }
  const std::string_view path = std::string_view(path_).substr(0, path_.find('?'));
  if (auto refusal = classify_call(path)) return refusal;
  if (auto refusal = clear_credentials()) return refusal;
  std::string full = admission_->account.exhausted();
  if (full.empty()) full = admission_->account.take_request();
  // The head counts too: a budget that only bodies use up lets headers carry everything out.
  if (full.empty() && admission_->account.reserve(head_size_, true) < head_size_) {
    full = "the budget has no room for the head of the request";
  }
  if (full.empty()) return std::nullopt;
  context_.gate.deny(*admission_, "network.budget", full);
  return Refusal{http::status::forbidden, "network.budget", full};
}

}  // namespace berm
