// Requests to AWS: an agent signs with a placeholder, egress signs anew.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "egress/http_conversation.h"
#include "rules/aws/key_services.h"

namespace berm {
namespace {

std::vector<std::string> or_any(const std::vector<std::string>& patterns) {
  return patterns.empty() ? std::vector<std::string>{"*"} : patterns;
}

std::vector<AwsHeader> headers_of(const http::request<http::buffer_body>& request) {
  std::vector<AwsHeader> out;
  for (const auto& field : request) {
    out.push_back({std::string(field.name_string()), std::string(field.value())});
  }
  return out;
}

AwsRequest taken_apart(std::string_view method, std::string_view target,
                       std::span<const AwsHeader> headers) {
  const std::size_t at = std::min(target.find('?'), target.size());
  return {.method = method,
          .path = target.substr(0, at),
          .query = at == target.size() ? "" : target.substr(at + 1),
          .headers = headers};
}

}  // namespace

bool HttpConversation::signs_for_aws() const {
  return credential_ && chosen()->to[credential_->use].carrier == Carrier::sigv4;
}

// Before anything is taken off: the scope to sign for is the one that the agent has signed for.
std::optional<Refusal> HttpConversation::read_aws_claim() {
  claim_.reset();
  if (!signs_for_aws()) return std::nullopt;
  const std::string used = method();
  const std::vector<AwsHeader> headers = headers_of(request());
  const AwsGrant grant{.regions = or_any(chosen()->to[credential_->use].regions),
                       .services = or_any(chosen()->to[credential_->use].services),
                       .unsigned_payload = true};  // upstream is always TLS
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  Result<SigV4Claim> claim = parse_sigv4(taken_apart(used, path_, headers), grant, now);
  const std::vector<std::string>& services = chosen()->to[credential_->use].services;
  const std::string_view keys = claim ? hands_out_keys(claim->service, path_) : "";
  if (!keys.empty() && std::ranges::find(services, keys) == services.end()) {
    claim =
        failure(Errc::denied,
                fmt::format("'{}' hands out keys: the policy must name it in 'services'", keys));
  }
  if (claim) {
    claim_ = *std::move(claim);
    return std::nullopt;
  }
  const std::string why = printable(claim.error().what);
  context_.gate.deny(*admission_, "credentials", why);
  return Refusal{http::status::forbidden, "credentials", why};
}

// The last change to the head: what is changed after it breaks the signature.
Result<void> HttpConversation::sign_for_aws() {
  if (!claim_) return {};
  const std::shared_ptr<const Secret> secret = context_.secrets.get(credential_->credential);
  const AwsKey key = BERM_TRY(parse_aws_key(secret->reveal()));
  const bool empty = parser_->is_done() && !whole_body_;
  std::optional<std::string_view> body;
  if (whole_body_) body = *whole_body_;
  if (empty) body = "";
  const std::string hash = BERM_TRY(payload_hash(*claim_, body));
  const std::string used = method();
  const std::vector<AwsHeader> headers = headers_of(request());
  const SigV4Headers changed =
      BERM_TRY(sign_sigv4(taken_apart(used, target_, headers), key, *claim_, hash));
  for (const std::string& name : changed.remove) request().erase(name);
  for (const AwsHeader& header : changed.set) request().set(header.name, header.value);
  return {};
}

}  // namespace berm
