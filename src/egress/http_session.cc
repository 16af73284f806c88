#include "egress/http_session.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "egress/client.h"
#include "egress/tls_stream.h"
#include "rules/egress/client_hello.h"
#include "rules/egress/http_head.h"
#include "rules/egress/request.h"

namespace berm {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Request = http::request<http::buffer_body>;
using Response = http::response<http::buffer_body>;
using RequestParser = http::request_parser<http::buffer_body>;
using ResponseParser = http::response_parser<http::buffer_body>;

constexpr std::uint32_t kMaxResponseHead = 128 << 10;
constexpr std::size_t kPiece = 16 << 10;
constexpr std::size_t kMostBuffered = 256 << 10;
constexpr seconds kIdleClient{75};     // between two requests
constexpr seconds kCrowdedClient{5};   // the same, when others wait
constexpr seconds kSlowest{60};        // between two pieces of a request
constexpr minutes kSlowestAnswer{15};  // a model thinks
constexpr seconds kHandshake{15};

// What belongs to the hop between the agent and us (RFC 9110 §7.6.1), or would let an agent speak
// as somebody else's proxy.
constexpr const char* kHopFields[] = {
    "connection", "proxy-connection", "keep-alive",       "proxy-authorization",
    "te",         "trailer",          "upgrade",          "expect",
    "forwarded",  "x-forwarded-for",  "x-forwarded-host", "via"};
// Fields by which servers let a request be another one than its first line says: past the rules.
constexpr const char* kOverrideFields[] = {"x-http-method-override", "x-http-method",
                                           "x-method-override", "x-original-url", "x-rewrite-url"};
// Every field by which an agent could authenticate to the model API as somebody else: an attacker's
// key would turn it into a way out.
constexpr const char* kCredentialFields[] = {
    "authorization", "x-api-key", "api-key", "cookie", "proxy-authorization", "x-goog-api-key"};

/// Why a request is not passed on.
struct Refusal {
  http::status status = http::status::forbidden;
  std::string rule;
  std::string why;
};

class HttpSession {
 public:
  HttpSession(const HttpContext& context, std::unique_ptr<ByteStream> client, std::string early,
              HttpTask task)
      : context_(context),
        client_(std::move(client)),
        unread_(std::move(early)),
        task_(std::move(task)) {}

  void serve() {
    while (serve_one()) continue;
    if (!broken_) return client_->finish();
    // An orderly end would make half an answer look like a whole one.
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(client_->fd(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }

 private:
  bool serve_one();
  bool read_head();
  std::optional<Refusal> aim();
  std::optional<Refusal> aim_at_proxy_target(std::string_view target);
  std::optional<Refusal> judge();
  std::optional<Refusal> judge_inspected(std::string_view path);
  Result<void> reach_server();
  void rewrite_fields();
  bool forward();
  bool forward_request(http::request_serializer<http::buffer_body>& out);
  bool forward_response();
  bool pay_for_head(const Response& response);
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
  std::optional<RequestParser> parser_;
  // Bounded: a chunk extension or a trailer of any length would otherwise be kept whole.
  beast::flat_buffer client_buffer_{kMostBuffered};
  beast::flat_buffer server_buffer_{kMostBuffered};
  std::unique_ptr<ByteStream> server_;
  std::optional<Destination> server_is_;  ///< where server_ leads
  std::string path_;                      ///< as sent on
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

// The head is looked at as bytes before any parser may make sense of it.
bool HttpSession::read_head() {
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

std::optional<Refusal> HttpSession::aim_at_proxy_target(std::string_view target) {
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
std::optional<Refusal> HttpSession::aim() {
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

std::optional<Refusal> HttpSession::judge_inspected(std::string_view path) {
  const std::optional<std::string> normal = normalized_path(path);
  if (!normal) {
    context_.gate.deny(*admission_, "path", "a path that servers read in two ways");
    return Refusal{http::status::bad_request, "path", "a path that servers read in two ways"};
  }
  RequestFacts facts{.method = method(),
                     .path = *normal,
                     .content_type = std::string(request()[http::field::content_type]),
                     .content_length = std::nullopt,
                     .has_body = false,
                     .websocket = websocket_};
  if (const auto length = parser_->content_length()) facts.content_length = *length;
  facts.has_body = facts.content_length.value_or(0) > 0 || request().chunked();
  const RequestDecision decision =
      decide_request(context_.gate.configuration().rules.inspect, admission_->to.host, facts);
  if (!decision.allowed) {
    context_.gate.deny(*admission_, decision.rule,
                       fmt::format("{} {}: {}", facts.method, facts.path, decision.why));
    return Refusal{http::status::forbidden, decision.rule, decision.why};
  }
  max_upload_ = decision.max_upload;
  const std::size_t query = path.find('?');
  path_ = *normal + (query == std::string_view::npos ? "" : std::string(path.substr(query)));
  return std::nullopt;
}

std::optional<Refusal> HttpSession::judge() {
  const std::string upgrade = lower(std::string_view(request()[http::field::upgrade]));
  websocket_ = upgrade == "websocket" && request().method() == http::verb::get;
  if (!upgrade.empty() && !websocket_ && upgrade != "h2c") {
    return Refusal{http::status::forbidden, "upgrade", "only an upgrade to websocket is passed on"};
  }
  max_upload_.reset();
  if (task_.kind == HttpTask::Kind::inspected) {
    const std::string path = path_;
    if (auto refusal = judge_inspected(path)) return refusal;
  }
  if (task_.kind == HttpTask::Kind::model && (websocket_ || !is_model_request(method(), path_))) {
    constexpr const char* kWhy = "only messages and models of the model API are reachable";
    context_.gate.deny(*admission_, "model", fmt::format("{}: {} {}", kWhy, method(), path_));
    return Refusal{http::status::forbidden, "model", kWhy};
  }
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

Result<void> HttpSession::reach_server() {
  if (server_ && server_is_ == admission_->to) {
    // A server that has closed meanwhile shows as readable: then a new connection is made.
    pollfd fd{server_->fd(), POLLIN, 0};
    if (!server_->has_pending() && ::poll(&fd, 1, 0) == 0) return {};
  }
  server_.reset();
  server_buffer_.clear();
  const bool in_clear = task_.kind != HttpTask::Kind::inspected;
  if (admission_->grant.inspected && in_clear) {
    return failure(Errc::denied, "an inspected host is reached by https only", "network.rule");
  }
  Dialled dialled = BERM_TRY(context_.connect(*admission_));
  const bool model = task_.kind == HttpTask::Kind::model;
  const bool tls = model ? context_.upstream.model->tls : task_.kind == HttpTask::Kind::inspected;
  if (tls) {
    Result<TlsStream> stream = TlsStream::connect(
        context_.upstream.trust.get(), std::move(dialled.fd), admission_->to.host, kHandshake);
    if (!stream) {
      context_.gate.deny(*admission_, "tls", sentence(stream.error()));
      return tl::unexpected(stream.error());
    }
    server_ = std::make_unique<TlsStream>(*std::move(stream));
  } else {
    server_ = std::make_unique<SocketStream>(std::move(dialled.fd));
  }
  server_is_ = admission_->to;
  context_.gate.opened(*admission_, dialled.address);
  return {};
}

void HttpSession::rewrite_fields() {
  // Fields that the client calls its own hop's, but never those that frame or route the message.
  const std::string named = lower(std::string_view(request()[http::field::connection]));
  for (const std::string_view field : split(named, ',')) {
    const std::string name(trim(field));
    if (name != "host" && name != "content-length" && name != "transfer-encoding" &&
        name != "authorization" && name != "content-type" && !name.empty()) {
      request().erase(name);
    }
  }
  for (const char* field : kHopFields) request().erase(field);
  if (task_.kind == HttpTask::Kind::inspected) {
    for (const char* field : kOverrideFields) request().erase(field);
  }
  if (websocket_) {
    request().set(http::field::connection, "Upgrade");
    request().set(http::field::upgrade, "websocket");
  }
  request().target(path_);
  request().version(11);
  const Destination& to = admission_->to;
  const bool usual = to.port == (task_.kind == HttpTask::Kind::inspected ? 443 : 80);
  request().set(http::field::host, usual ? to.host : to_text(to));
  if (task_.kind != HttpTask::Kind::model) return;
  const ModelRoute& model = *context_.upstream.model;
  for (const char* field : kCredentialFields) request().erase(field);
  request().set(model.header, model.header == "authorization"
                                  ? fmt::format("Bearer {}", model.key->reveal())
                                  : std::string(model.key->reveal()));
  request().target(model.prefix + path_);
  const bool usual_model = to.port == (model.tls ? 443 : 80);
  request().set(http::field::host, usual_model ? to.host : to_text(to));
}

// Carries one message's body, piece by piece: an event stream must not wait for a full buffer.
template <bool is_request>
bool HttpSession::relay_body(ByteStream& in, ByteStream& out, beast::flat_buffer& buffer,
                             http::parser<is_request, http::buffer_body>& parser,
                             http::serializer<is_request, http::buffer_body>& serializer) {
  char piece[kPiece];
  std::uint64_t& count = is_request ? sent_ : received_;
  error_code error;
  while (!serializer.is_done()) {
    auto& body = parser.get().body();
    if (!parser.is_done()) {
      body.data = piece;
      body.size = sizeof piece;
      http::read_some(in, buffer, parser, error);
      if (error == http::error::need_buffer) error = {};
      const std::uint64_t got = sizeof piece - body.size;
      if (error) return false;
      // Reserved when it is there, not before: a body that is waited for would hold the budget of
      // everybody else. What does not fit is not sent on.
      const std::uint64_t room = admission_->account.reserve(got, is_request);
      count += room;
      if (room < got) {
        admission_->account.refund(room, is_request);
        context_.gate.deny(*admission_, "network.budget", "the budget ends within a body");
        return false;
      }
      if (is_request && max_upload_ && count > max_upload_->count) {
        context_.gate.deny(*admission_, "network.rule", "the body is larger than max_upload");
        return false;
      }
      // Not an empty piece: Beast would write it as a chunk of no length, which is a chunked body's
      // end, before the end, and what follows would be another request to the server.
      body.data = got == 0 ? nullptr : piece;
      body.size = got;
      body.more = !parser.is_done();
      if (got == 0 && body.more) continue;
    } else {
      body.data = nullptr;
      body.size = 0;
      body.more = false;
    }
    http::write(out, serializer, error);
    if (error == http::error::need_buffer) error = {};
    if (error) {
      refused_early_ = is_request;
      return false;
    }
  }
  return true;
}

bool HttpSession::forward_request(http::request_serializer<http::buffer_body>& out) {
  server_->set_timeout(kSlowest);
  refused_early_ = false;
  error_code error;
  http::write_header(*server_, out, error);
  return !error && relay_body<true>(*client_, *server_, client_buffer_, *parser_, out);
}

bool HttpSession::send_upgrade(http::response_serializer<http::buffer_body>& in) {
  error_code error;
  http::write_header(*client_, in, error);
  if (!error) tunnel();
  return false;
}

bool HttpSession::pay_for_head(const Response& response) {
  std::uint64_t size = 32;
  for (const auto& field : response) size += field.name_string().size() + field.value().size() + 4;
  received_ += size;
  if (admission_->account.reserve(size, false) == size) return true;
  context_.gate.deny(*admission_, "network.budget", admission_->account.exhausted());
  return false;
}

bool HttpSession::forward_response() {
  server_->set_timeout(kSlowestAnswer);
  error_code error;
  for (;;) {
    ResponseParser parser;
    parser.header_limit(kMaxResponseHead);
    parser.body_limit(boost::none);
    if (request().method() == http::verb::head) parser.skip(true);
    http::read_header(*server_, server_buffer_, parser, error);
    if (error) return false;
    Response& response = parser.get();
    status_ = response.result_int();
    const bool switching = status_ == 101;
    if (status_ < 200 && !switching) continue;  // 100, 103: hints for our hop
    if (switching && !websocket_) return false;
    const bool bodiless =
        status_ == 204 || status_ == 304 || request().method() == http::verb::head;
    const bool keep = keep_alive_ && !old_client_ && (bodiless || !parser.need_eof());
    const bool server_keeps = parser.keep_alive();
    for (const char* field : {"proxy-authenticate", "proxy-connection", "keep-alive", "alt-svc"}) {
      response.erase(field);  // alt-svc would send the client to a port that it cannot reach
    }
    if (!pay_for_head(response)) return false;
    const bool server_chunks = response.chunked();
    if (bodiless && server_chunks) response.erase(http::field::transfer_encoding);
    response.version(old_client_ ? 10 : 11);
    if (old_client_ && server_chunks) response.chunked(false);
    if (!switching) response.keep_alive(keep);
    http::response_serializer<http::buffer_body> in(response);
    if (switching) return send_upgrade(in);
    http::write_header(*client_, in, error);
    if (error) return false;
    if (!bodiless && !relay_body<false>(*server_, *client_, server_buffer_, parser, in)) {
      broken_ = true;
      return false;
    }
    if (!server_keeps || bodiless || parser.need_eof()) server_.reset();
    return keep;
  }
}

bool HttpSession::forward() {
  const bool expects = beast::iequals(request()[http::field::expect], "100-continue");
  keep_alive_ = request().keep_alive();
  old_client_ = request().version() == 10;
  rewrite_fields();
  if (expects) {
    error_code error;
    client_->write_some(boost::asio::buffer(std::string_view("HTTP/1.1 100 Continue\r\n\r\n")),
                        error);
    if (error) return false;
  }
  http::request_serializer<http::buffer_body> out(request());
  sent_ = head_size_;
  received_ = 0;
  status_ = 0;
  const bool went = forward_request(out);
  // A server may have answered and closed before it has read everything (413).
  const bool answered = went || refused_early_;
  if (!answered) broken_ = true;
  const bool goes_on = answered && forward_response() && went;
  if (!goes_on) server_.reset();
  const std::string shown = printable(std::string_view(path_).substr(0, path_.find('?')));
  context_.gate.events().say(
      {{"type", task_.kind == HttpTask::Kind::model ? "model.request" : "http.request"},
       {"host", admission_->to.host},
       {"port", admission_->to.port},
       {"method", printable(method())},
       {"path", shown.substr(0, 512)},
       {"status", status_},
       {"sent", sent_},
       {"received", received_}});
  if (answered && status_ == 0) {
    refuse({http::status::bad_gateway, "unreachable", "the server sent no valid answer"});
  }
  if (!goes_on) return false;
  // What the client sent behind its request is its next one.
  unread_ = beast::buffers_to_string(client_buffer_.data());
  client_buffer_.clear();
  return true;
}

bool HttpSession::serve_one() {
  if (!read_head()) return false;
  std::optional<Refusal> refusal = aim();
  if (!refusal) refusal = judge();
  if (refusal) {
    refuse(*refusal);
    return false;
  }
  if (const Result<void> reached = reach_server(); !reached) {
    const Error& error = reached.error();
    if (error.code == Errc::denied) {
      refuse({http::status::forbidden, error.fix.empty() ? "tls" : error.fix, error.what});
    } else {
      refuse({http::status::bad_gateway, "unreachable", sentence(error)});
    }
    return false;
  }
  return forward();
}

void HttpSession::refuse(const Refusal& refusal) {
  const auto number = static_cast<unsigned>(refusal.status);
  std::string text = http_refusal(
      fmt::format("{} {}", number, std::string_view(http::obsolete_reason(refusal.status))),
      refusal.rule, refusal.why);
  error_code error;
  client_->set_timeout(seconds(5));
  while (!text.empty() && !error) {
    text.erase(0, client_->write_some(boost::asio::buffer(text), error));
  }
  // The rest of the request is read and thrown away: a reset would eat the answer.
  client_->finish();
  client_->set_timeout(milliseconds(300));
  char rest[kPiece];
  for (int i = 0; i < 64 && !error; ++i) (void)client_->read_bytes(rest, error);
}

// A websocket: bytes both ways until one side ends.
void HttpSession::tunnel() {
  std::string up = beast::buffers_to_string(client_buffer_.data());
  std::string down = beast::buffers_to_string(server_buffer_.data());
  client_->set_timeout(kSlowest);
  server_->set_timeout(kSlowest);
  error_code error;
  const auto carry = [&](std::string_view bytes, ByteStream& to, bool upload) {
    const bool paid = admission_->account.reserve(bytes.size(), upload) == bytes.size();
    if (!paid) {
      context_.gate.deny(*admission_, "budget", admission_->account.exhausted());
      return false;
    }
    (upload ? sent_ : received_) += bytes.size();
    while (!bytes.empty() && !error) {
      bytes.remove_prefix(to.write_some(boost::asio::buffer(bytes), error));
    }
    return !error;
  };
  if (!carry(up, *server_, true) || !carry(down, *client_, false)) return;
  char bytes[kPiece];
  for (;;) {
    pollfd fds[2] = {{client_->fd(), POLLIN, 0}, {server_->fd(), POLLIN, 0}};
    const bool pending = client_->has_pending() || server_->has_pending();
    constexpr int kIdleTunnel = 3600'000;
    if (::poll(fds, 2, pending ? 0 : kIdleTunnel) == 0 && !pending) return;
    for (const bool upload : {true, false}) {
      ByteStream& from = upload ? *client_ : *server_;
      if (fds[upload ? 0 : 1].revents == 0 && !from.has_pending()) continue;
      from.set_timeout(kSlowest);
      const std::size_t got = from.read_bytes(bytes, error);
      if (error || !carry({bytes, got}, upload ? *server_ : *client_, upload)) return;
    }
  }
}

// Reads the ClientHello, compares its name, and answers it as the host.
Result<std::unique_ptr<ByteStream>> terminate(const HttpContext& context, UniqueFd fd,
                                              std::string early, const Admission& admission) {
  SocketStream raw(std::move(fd), kHandshake);
  HelloResult hello;
  for (;;) {
    hello = parse_client_hello({reinterpret_cast<const std::uint8_t*>(early.data()), early.size()});
    if (hello.state != HelloState::need_more) break;
    char bytes[4096];
    error_code error;
    const std::size_t got = raw.read_bytes(bytes, error);
    if (error) return failure(Errc::kernel, "read the ClientHello: " + error.message());
    early.append(bytes, got);
  }
  const std::optional<std::string> name = canonical_host(hello.hello.server_name);
  if (hello.state != HelloState::complete || name != admission.to.host) {
    const std::string why =
        hello.state != HelloState::complete
            ? "what the client says to an inspected host is not TLS"
            : fmt::format("the ClientHello asks for '{}', not for {}",
                          printable(hello.hello.server_name.substr(0, 100)), admission.to.host);
    context.gate.deny(admission, "tls", why);
    return failure(Errc::denied, why, "tls");
  }
  const SslContext server = BERM_TRY(context.upstream.authority->server_context(admission.to.host));
  TlsStream stream =
      BERM_TRY(TlsStream::accept(server.get(), raw.release(), std::move(early), kHandshake));
  return std::make_unique<TlsStream>(std::move(stream));
}

void serve(const HttpContext& context, UniqueFd client, std::string early, HttpTask task) {
  if (task.kind != HttpTask::Kind::inspected) {
    auto stream = std::make_unique<SocketStream>(std::move(client));
    HttpSession(context, std::move(stream), std::move(early), std::move(task)).serve();
    return;
  }
  Result<std::unique_ptr<ByteStream>> stream =
      terminate(context, std::move(client), std::move(early), *task.admission);
  if (stream) HttpSession(context, *std::move(stream), "", std::move(task)).serve();
}

}  // namespace

void serve_http(const HttpContext& context, UniqueFd client, std::string early, HttpTask task) {
  // Beast throws only where no error_code is taken; a stray one ends this connection alone.
  try {
    serve(context, std::move(client), std::move(early), std::move(task));
  } catch (const std::exception& error) {
    context.gate.events().say({{"type", "egress.error"}, {"what", printable(error.what())}});
  }
}

}  // namespace berm
