// src/egress/http_conversation.h: the inside of http_session.h.
#pragma once

#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "egress/http_session.h"
#include "net/tls_stream.h"
#include "rules/aws/sigv4.h"
#include "rules/model/usage.h"

namespace berm {

namespace beast = boost::beast;
namespace http = beast::http;

/// Why a request is not passed on.
struct Refusal {
  http::status status = http::status::forbidden;
  std::string rule;
  std::string why;
};

/// One client connection that speaks HTTP, request by request: read strictly (http_aim.cc), judged,
/// written anew and answered (http_forward.cc).
class HttpConversation {
 public:
  HttpConversation(const HttpContext& context, std::unique_ptr<ByteStream> client,
                   std::string early, HttpTask task)
      : context_(context),
        client_(std::move(client)),
        unread_(std::move(early)),
        task_(std::move(task)) {}

  /// A reservation that an exception left would hold up everybody else's.
  ~HttpConversation() { end_metering(false); }
  HttpConversation(const HttpConversation&) = delete;
  HttpConversation& operator=(const HttpConversation&) = delete;

  void serve();  ///< to the connection's end

 private:
  using Request = http::request<http::buffer_body>;
  using Response = http::response<http::buffer_body>;
  static constexpr std::size_t kPiece = 16 << 10;
  static constexpr std::size_t kMostBuffered = 256 << 10;
  static constexpr std::chrono::seconds kSlowest{60};  ///< between two pieces of a request

  bool serve_one();
  bool read_head();
  std::optional<Refusal> aim();
  std::optional<Refusal> aim_at_proxy_target(std::string_view target);
  std::optional<Refusal> judge();
  std::optional<Refusal> judge_inspected(std::string_view path);
  std::optional<Refusal> judge_by_rules(const std::optional<std::string>& path);
  Result<void> reach_server();
  void rewrite_fields();
  [[nodiscard]] const std::vector<EgressCredential>& credentials() const;
  [[nodiscard]] const EgressCredential* chosen() const;  ///< nullptr: no secret belongs here
  void choose_credential(std::string_view path);
  [[nodiscard]] bool is_plain_enough(std::string_view path) const;
  std::optional<Refusal> clear_credentials();
  void remove_authentication();
  [[nodiscard]] bool carries_ours(std::string_view name) const;
  std::optional<Refusal> look_for_placeholders();
  [[nodiscard]] std::string misplaced_in(std::string_view text) const;
  Refusal misplaced(const std::string& name);
  void set_credential();
  [[nodiscard]] bool speaks_tls_upstream() const;
  bool forward();
  bool forward_request(http::request_serializer<http::buffer_body>& out);
  bool forward_response();
  bool pay_for_head(const Response& response);
  // http_model.cc: requests to a model API are read whole, checked, and metered.
  std::optional<Refusal> classify_call(std::string_view path);
  void keep_known_query();
  std::optional<Refusal> prepare_body();
  std::optional<Refusal> check_call();
  std::optional<Refusal> read_whole_body(std::size_t most);
  bool send_whole_body();
  void begin_metering(const Response& response);
  void end_metering(bool whole);
  // http_aws.cc: what is signed with a placeholder is signed anew.
  [[nodiscard]] bool signs_for_aws() const;
  std::optional<Refusal> read_aws_claim();
  Result<void> sign_for_aws();
  // http_exchange.cc: a token service's answer comes in with a placeholder for its token.
  [[nodiscard]] bool awaits_token() const;
  void take_exchanged();
  Result<std::string> exchanged_answer(http::response_parser<http::buffer_body>& parser);
  bool forward_token(http::response_parser<http::buffer_body>& parser, bool keep);
  // http_credentials.cc: what comes back may not hold the secret.
  [[nodiscard]] bool may_reflect() const;
  Refusal reflected(const std::string& name);
  std::optional<std::string> why_unreadable(const Response& response);
  void redact_fields(Response& response);
  bool send_upgrade(http::response_serializer<http::buffer_body>& in);
  void refuse(const Refusal& refusal);
  void tunnel();

  template <bool is_request>
  bool relay_body(ByteStream& in, ByteStream& out, beast::flat_buffer& buffer,
                  http::parser<is_request, http::buffer_body>& parser,
                  http::serializer<is_request, http::buffer_body>& serializer);

  [[nodiscard]] Request& request() { return parser_->get(); }
  [[nodiscard]] std::string method() { return std::string(request().method_string()); }

  const HttpContext& context_;
  std::unique_ptr<ByteStream> client_;
  std::string unread_;  ///< of the client, before a head is parsed
  HttpTask task_;
  std::optional<Admission> admission_;  ///< of this request
  std::optional<http::request_parser<http::buffer_body>> parser_;
  // Bounded: a chunk extension or a trailer of any length would otherwise be kept whole.
  beast::flat_buffer client_buffer_{kMostBuffered};
  beast::flat_buffer server_buffer_{kMostBuffered};
  std::unique_ptr<ByteStream> server_;
  std::optional<Destination> server_is_;       ///< where server_ leads
  std::string path_;                           ///< as it may be recorded
  std::string target_;                         ///< as sent on, perhaps with a secret
  bool keyed_ = false;                         ///< the host has a credential
  std::optional<CredentialMatch> credential_;  ///< the one of this request
  std::shared_ptr<const Secret> exchanged_;    ///< what the request's placeholder stands for
  std::optional<SigV4Claim> claim_;            ///< how the agent has signed the request
  std::optional<ModelCall> call_;              ///< a request to a model API
  std::optional<std::string> whole_body_;      ///< read before anything is sent on
  std::optional<SpendLedger::Id> spending_;
  bool sent_whole_ = false;  ///< the request has reached the server
  MeteredRequest metered_;
  std::optional<UsageMeter> usage_;
  std::optional<LeakCheck> leak_;   ///< of the body that is being carried
  std::optional<Refusal> refusal_;  ///< found while the request was under way
  std::optional<Bytes> max_upload_;
  bool websocket_ = false;
  unsigned status_ = 0;
  std::size_t head_size_ = 0;   ///< of this request
  bool keep_alive_ = false;     ///< the client's wish
  bool old_client_ = false;     ///< HTTP/1.0
  bool refused_early_ = false;  ///< the server does not take the rest of the body
  bool broken_ = false;         ///< what the client has got is not whole
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
};

}  // namespace berm
