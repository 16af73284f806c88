// Container registries: a token service takes the secret and answers with a token, which the client
// then shows the registry. Inside, both are placeholders.
// See the Docker Registry's "Token Authentication Specification".
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "egress/http_conversation.h"
#include "rules/egress/token_answer.h"

namespace berm {
namespace {

using boost::system::error_code;

constexpr std::size_t kLongestAnswer = 64 << 10;

}  // namespace

// The grant's secret goes to its token service: whatever else of the grant is no place of tokens.
bool HttpConversation::awaits_token() const {
  if (!credential_) return false;
  const std::vector<CredentialUse>& uses = chosen()->to;
  return uses[credential_->use].carrier != Carrier::exchanged &&
         std::ranges::any_of(
             uses, [](const CredentialUse& use) { return use.carrier == Carrier::exchanged; });
}

// Before everything that authenticates is taken off. What is no placeholder of ours goes without:
// the registry then says where to get a token.
void HttpConversation::take_exchanged() {
  exchanged_.reset();
  if (!credential_ || chosen()->to[credential_->use].carrier != Carrier::exchanged) return;
  const std::string_view value(request()[http::field::authorization]);
  exchanged_ = context_.secrets.exchanged(credential_->credential, bearer_token(value));
}

// Read whole, so that no byte of a token comes in before it is known.
Result<std::string> HttpConversation::exchanged_answer(
    http::response_parser<http::buffer_body>& parser) {
  std::size_t size = 0;
  Result<std::string> out = failure(Errc::denied, "read the token service's answer to its end");
  std::string text(kLongestAnswer, '\0');
  while (!parser.is_done()) {
    error_code error;
    parser.get().body().data = text.data() + size;
    parser.get().body().size = text.size() - size;
    http::read_some(*server_, server_buffer_, parser, error);
    if (error == http::error::need_buffer) error = {};
    size = text.size() - parser.get().body().size;
    if (error || (size == text.size() && !parser.is_done())) break;
  }
  if (parser.is_done()) {
    Result<TokenAnswer> answer = read_token_answer(std::string_view(text).substr(0, size));
    if (answer) {
      const std::string_view token = answer->token.reveal();
      Result<std::string> placeholder = context_.secrets.exchange(
          credential_->credential, Secret::filled(token.size(), [&](std::span<char> bytes) {
            std::ranges::copy(token, bytes.begin());
          }));
      out = placeholder ? write_token_answer(*answer, *placeholder) : std::move(placeholder);
    } else {
      out = tl::unexpected(answer.error());
    }
  }
  ::explicit_bzero(text.data(), text.size());
  return out;
}

bool HttpConversation::forward_token(http::response_parser<http::buffer_body>& parser, bool keep) {
  const Result<std::string> body = exchanged_answer(parser);
  server_.reset();  // its next answer would begin in the middle of one that was refused
  if (!body) {
    const std::string why = printable(body.error().what);
    context_.gate.deny(*admission_, "credentials", why);
    refuse({http::status::bad_gateway, "credentials", why});
    return false;
  }
  // A head of our own: a field of theirs may hold the token, too.
  http::response<http::string_body> answer(parser.get().result(), old_client_ ? 10 : 11, *body);
  answer.set(http::field::content_type, "application/json");
  answer.keep_alive(keep);
  answer.prepare_payload();
  received_ += body->size();
  if (admission_->account.reserve(body->size(), false) < body->size()) {
    refuse({http::status::forbidden, "network.budget", "the budget ends before the answer"});
    return false;
  }
  context_.gate.events().say({{"type", "credential.exchange"},
                              {"credential", printable(chosen()->name)},
                              {"host", admission_->to.host}});
  error_code error;
  http::write(*client_, answer, error);
  return !error && keep;
}

}  // namespace berm
