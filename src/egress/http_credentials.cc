// What of a request authenticates: the agent's own is taken off, ours is set where it belongs.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/base64.h"
#include "base/text.h"
#include "egress/http_conversation.h"
#include "rules/egress/request.h"

namespace berm {
namespace {

// The user and password of a Basic header, else "".
std::string decoded_basic(std::string_view value) {
  if (lower(value.substr(0, 6)) != "basic ") return "";
  return base64_decoded(trim(value.substr(6))).value_or("");
}

std::string filled(std::string text, std::string_view secret) {
  return text.replace(text.find("{}"), 2, secret);
}

}  // namespace

const std::vector<EgressCredential>& HttpConversation::credentials() const {
  return context_.gate.configuration().credentials;
}

// Which grant admits this request, if any. `path` is "" where servers could read it in two ways:
// then only a grant of every path does.
void HttpConversation::choose_credential(std::string_view path) {
  credential_.reset();
  const Destination& to = admission_->to;
  if (task_.kind == HttpTask::Kind::inspected) {
    keyed_ = has_credential(credentials(), to.host, to.port);
    credential_ = find_credential(credentials(), to.host, to.port, method(), path);
  } else if (task_.kind == HttpTask::Kind::model) {
    const auto& name = context_.gate.configuration().model->credential;
    keyed_ = true;
    for (std::size_t i = 0; i < credentials().size(); ++i) {
      if (credentials()[i].name == name) credential_ = CredentialMatch{.credential = i, .use = 0};
    }
  }
}

// A grant of every path takes one with two readings, unless one of them is excepted.
bool HttpConversation::is_plain_enough(std::string_view path) const {
  const CredentialUse& use = chosen()->to[credential_->use];
  if (use.except.empty()) return true;
  const std::optional<std::string> other = path_with_slashes(path);
  return other && !is_excepted(use, *other);
}

const EgressCredential* HttpConversation::chosen() const {
  return credential_ ? &credentials()[credential_->credential] : nullptr;
}

// A placeholder is worth nothing, but one that goes where it does not belong says that somebody
// inside tries to carry a secret away.
std::string HttpConversation::misplaced_in(std::string_view text) const {
  const auto holds = [](std::string_view where, std::string_view what) {
    return where.find(what) != std::string_view::npos;
  };
  for (const EgressCredential& credential : credentials()) {
    if (holds(text, credential.placeholder)) return credential.name;
  }
  return "";
}

// After our own places of a keyed host were cleared.
std::optional<Refusal> HttpConversation::look_for_placeholders() {
  std::string found = misplaced_in(percent_decoded(path_));
  for (const auto& field : request()) {
    const std::string_view value = field.value();
    if (found.empty()) found = misplaced_in(value);
    if (found.empty()) found = misplaced_in(decoded_basic(value));
    if (found.empty()) found = misplaced_in(std::string_view(field.name_string()));
  }
  if (found.empty()) return std::nullopt;
  return misplaced(found);
}

Refusal HttpConversation::misplaced(const std::string& name) {
  const std::string why =
      fmt::format("the placeholder of credential '{}' does not belong here", printable(name));
  context_.gate.deny(*admission_, "credentials", why);
  return {http::status::forbidden, "credentials", why};
}

// A header that some grant uses, in any spelling that a server behind CGI reads as it.
bool HttpConversation::carries_ours(std::string_view name) const {
  const auto folded = [](std::string_view text) {
    std::string out = lower(text);
    std::ranges::replace(out, '_', '-');
    return out;
  };
  for (const EgressCredential& credential : credentials()) {
    for (const CredentialUse& use : credential.to) {
      if (use.carrier == Carrier::header && folded(use.name) == folded(name)) return true;
    }
  }
  return false;
}

void HttpConversation::remove_authentication() {
  for (auto field = request().begin(); field != request().end();) {
    const auto next = std::next(field);
    const std::string_view name = field->name_string();
    if (is_authentication_header(name) || carries_ours(name)) request().erase(field);
    field = next;
  }
  const std::size_t at = path_.find('?');
  if (at == std::string::npos) return;
  std::string query =
      without_authentication(std::string_view(path_).substr(at + 1), admission_->to.host);
  for (const EgressCredential& credential : credentials()) {
    for (const CredentialUse& use : credential.to) {
      if (use.carrier == Carrier::query) query = without_key(query, use.name);
    }
  }
  path_.resize(at);
  if (!query.empty()) path_ += "?" + query;
}

// What the agent's own client was told stands for the secret must be gone by now.
std::optional<Refusal> HttpConversation::clear_credentials() {
  if (auto refusal = read_aws_claim()) return refusal;
  take_exchanged();
  if (keyed_) remove_authentication();
  return look_for_placeholders();
}

void HttpConversation::set_credential() {
  if (may_reflect()) {
    // An answer that is encoded could not be looked through for the secret, and one that comes in
    // slices of eleven bytes would bring it unseen.
    request().set(http::field::accept_encoding, "identity");
    for (const char* field : {"range", "if-range", "request-range", "request_range"}) {
      request().erase(field);
    }
  }
  if (!credential_) return;
  const std::shared_ptr<const Secret> secret = context_.secrets.get(credential_->credential);
  const CredentialUse& use = chosen()->to[credential_->use];
  const std::string_view value = secret->reveal();
  switch (use.carrier) {
    case Carrier::header:
      request().set(use.name, filled(use.format, value));
      break;
    case Carrier::basic:
      request().set(http::field::authorization,
                    basic_authorization(fmt::format("{}:{}", use.name, value)));
      break;
    case Carrier::query:
      target_ += fmt::format("{}{}={}", target_.find('?') == std::string::npos ? '?' : '&',
                             use.name, percent_encoded(value));
      break;
    case Carrier::sigv4:
      break;  // signed when the body is known
    case Carrier::exchanged:
      if (exchanged_) {
        request().set(http::field::authorization, fmt::format("Bearer {}", exchanged_->reveal()));
      }
      break;
  }
}

Refusal HttpConversation::reflected(const std::string& name) {
  const std::string why =
      fmt::format("the answer holds the secret of credential '{}'", printable(name));
  context_.gate.deny(*admission_, "credentials", why);
  return {http::status::bad_gateway, "credentials", why};
}

// A host that hands back what it was sent, now or later, would hand the secret to the agent. A
// signature is none.
bool HttpConversation::may_reflect() const {
  return credential_ ? chosen()->to[credential_->use].carrier != Carrier::sigv4 : keyed_;
}

std::optional<std::string> HttpConversation::why_unreadable(const Response& response) {
  if (!may_reflect()) return std::nullopt;
  // Every field of the name counts, and the transfer's own encodings too (RFC 9112 §7).
  const bool readable = std::ranges::all_of(response, [](const auto& field) {
    const std::string value = lower(trim(std::string_view(field.value())));
    if (field.name() == http::field::content_encoding) return value.empty() || value == "identity";
    return field.name() != http::field::transfer_encoding || value == "chunked";
  });
  if (readable) return std::nullopt;
  const std::string why =
      "the answer is encoded though it was not asked to be, and cannot be looked through for the "
      "secret that was sent";
  context_.gate.deny(*admission_, "credentials", why);
  return why;
}

void HttpConversation::redact_fields(Response& response) {
  const std::shared_ptr<const KnownSecrets> known = context_.secrets.values();
  if (known->empty()) return;
  for (auto field = response.begin(); field != response.end();) {
    const auto next = std::next(field);
    LeakCheck leak(known);
    const std::string line = fmt::format("{}: {}", std::string_view(field->name_string()),
                                         std::string_view(field->value()));
    (void)leak.feed(line, true);
    if (!leak.found().empty()) {
      (void)reflected(leak.found());
      response.erase(field);
    }
    field = next;
  }
  response.reason(http::obsolete_reason(response.result()));
}

}  // namespace berm
