// A request that may go, to its server, and the answer back.
#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "egress/http_conversation.h"

namespace berm {
namespace {

using boost::system::error_code;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::uint32_t kMaxResponseHead = 60 << 10;  // a field may have 64 KiB in Beast
constexpr minutes kSlowestAnswer{15};                 // a model thinks
constexpr seconds kHandshake{15};

// What belongs to the hop between the agent and us (RFC 9110 §7.6.1), or would let an agent speak
// as somebody else's proxy.
constexpr const char* kHopFields[] = {
    "connection", "proxy-connection", "keep-alive",       "proxy-authorization",
    "te",         "trailer",          "upgrade",          "expect",
    "forwarded",  "x-forwarded-for",  "x-forwarded-host", "via"};
// Fields by which servers let a request be another one than its first line says: past the rules.
constexpr std::string_view kOverrideFields[] = {"x-http-method-override", "x-http-method",
                                                "x-method-override", "x-original-url",
                                                "x-rewrite-url"};
// CGI and its kin read "X_Original_Url" and "X-Original-Url" as one variable.
void erase_overrides(http::request<http::buffer_body>& request) {
  for (auto field = request.begin(); field != request.end();) {
    std::string name = lower(std::string_view(field->name_string()));
    std::ranges::replace(name, '_', '-');
    const auto next = std::next(field);
    if (std::ranges::find(kOverrideFields, name) != std::end(kOverrideFields)) {
      request.erase(field);
    }
    field = next;
  }
}

}  // namespace

Result<void> HttpConversation::reach_server() {
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
  // A client that keeps its connection makes us open another: that is one of the budget's, too.
  if (server_is_ == admission_->to && task_.kind != HttpTask::Kind::model) {
    if (const std::string full = admission_->account.take_connection(); !full.empty()) {
      context_.gate.deny(*admission_, "network.budget", full);
      return failure(Errc::denied, full, "network.budget");
    }
  }
  Dialled dialled = BERM_TRY(context_.connect(*admission_));
  if (speaks_tls_upstream()) {
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

bool HttpConversation::speaks_tls_upstream() const {
  return task_.kind == HttpTask::Kind::model ? context_.upstream.model->tls
                                             : task_.kind == HttpTask::Kind::inspected;
}

void HttpConversation::rewrite_fields() {
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
  if (task_.kind == HttpTask::Kind::inspected || credential_) erase_overrides(request());
  if (websocket_) {
    request().set(http::field::connection, "Upgrade");
    request().set(http::field::upgrade, "websocket");
  }
  target_ = task_.kind == HttpTask::Kind::model ? context_.upstream.model->prefix + path_ : path_;
  request().version(11);
  const Destination& to = admission_->to;
  const bool usual = to.port == (speaks_tls_upstream() ? 443 : 80);
  request().set(http::field::host, usual ? to.host : to_text(to));
  set_credential();
  request().target(target_);
}

// Carries one message's body, piece by piece: an event stream must not wait for a full buffer.
template <bool is_request>
bool HttpConversation::relay_body(ByteStream& in, ByteStream& out, beast::flat_buffer& buffer,
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
      if (is_request && max_upload_ && count - head_size_ > max_upload_->count) {
        context_.gate.deny(*admission_, "network.rule", "the body is larger than max_upload");
        return false;
      }
      if (!is_request && usage_) usage_->feed({piece, got});
      const std::string_view clean = leak_->feed({piece, got}, parser.is_done());
      if (!leak_->found().empty()) {
        refusal_ = is_request ? misplaced(leak_->found()) : reflected(leak_->found());
        return false;
      }
      // Not an empty piece: Beast would write it as a chunk of no length, which is a chunked body's
      // end, before the end, and what follows would be another request to the server.
      body.data = clean.empty() ? nullptr : const_cast<char*>(clean.data());
      body.size = clean.size();
      body.more = !parser.is_done();
      if (clean.empty() && body.more) continue;
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

bool HttpConversation::forward_request(http::request_serializer<http::buffer_body>& out) {
  if (whole_body_) return send_whole_body();
  leak_.emplace(context_.secrets.values_and_placeholders());
  server_->set_timeout(kSlowest);
  error_code error;
  http::write_header(*server_, out, error);
  refused_early_ = static_cast<bool>(error);
  return !error && relay_body<true>(*client_, *server_, client_buffer_, *parser_, out);
}

bool HttpConversation::send_upgrade(http::response_serializer<http::buffer_body>& in) {
  error_code error;
  http::write_header(*client_, in, error);
  if (!error) tunnel();
  return false;
}

bool HttpConversation::pay_for_head(const Response& response) {
  std::uint64_t size = 32;
  for (const auto& field : response) size += field.name_string().size() + field.value().size() + 4;
  received_ += size;
  if (admission_->account.reserve(size, false) == size) return true;
  context_.gate.deny(*admission_, "network.budget", admission_->account.exhausted());
  return false;
}

bool HttpConversation::forward_response() {
  server_->set_timeout(kSlowestAnswer);
  error_code error;
  for (;;) {
    http::response_parser<http::buffer_body> parser;
    parser.header_limit(kMaxResponseHead);
    parser.body_limit(boost::none);
    if (request().method() == http::verb::head) parser.skip(true);
    http::read_header(*server_, server_buffer_, parser, error);
    if (error) return false;
    Response& response = parser.get();
    status_ = response.result_int();
    const bool switching = status_ == 101;
    if (status_ < 200 && !switching) {  // 100, 103: hints for our hop
      status_ = 0;
      continue;
    }
    if (switching && !websocket_) {
      status_ = 0;
      return false;
    }
    const bool bodiless =
        status_ == 204 || status_ == 304 || request().method() == http::verb::head;
    const bool keep = keep_alive_ && !old_client_ && (bodiless || !parser.need_eof());
    const bool server_keeps = parser.keep_alive();
    for (const char* field : {"proxy-authenticate", "proxy-connection", "keep-alive", "alt-svc"}) {
      response.erase(field);  // alt-svc would send the client to a port that it cannot reach
    }
    if (may_reflect() && (status_ == 206 || response.count(http::field::content_range) > 0)) {
      context_.gate.deny(*admission_, "credentials", "a part of an answer that nobody asked for");
      refuse({http::status::bad_gateway, "credentials", "a part of an answer"});
      return false;
    }
    begin_metering(response);  // first: what is refused below was billed all the same
    if (const std::optional<std::string> why = why_unreadable(response)) {
      refuse({http::status::bad_gateway, "credentials", *why});
      return false;
    }
    if (awaits_token() && status_ >= 200 && status_ < 300 && !bodiless) {
      return forward_token(parser, keep);
    }
    redact_fields(response);
    leak_.emplace(context_.secrets.values());
    if (!pay_for_head(response)) {
      refuse({http::status::forbidden, "network.budget", "the budget ends before the answer"});
      return false;
    }
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
    // What stands behind an answer would be taken for the answer to the next request.
    const bool more = server_buffer_.size() > 0;
    if (!server_keeps || bodiless || parser.need_eof() || more) server_.reset();
    return keep;
  }
}

bool HttpConversation::forward() {
  const bool expects = beast::iequals(request()[http::field::expect], "100-continue");
  keep_alive_ = request().keep_alive();
  old_client_ = request().version() == 10;
  rewrite_fields();
  if (const Result<void> signed_anew = sign_for_aws(); !signed_anew) {
    context_.gate.deny(*admission_, "credentials", printable(signed_anew.error().what));
    refuse({http::status::forbidden, "credentials", printable(signed_anew.error().what)});
    return false;
  }
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
  sent_whole_ = went;
  // A server may have answered and closed before it has read everything (413).
  const bool answered = went || refused_early_;
  if (!answered) broken_ = true;
  const bool goes_on = answered && forward_response() && went;
  end_metering(answered && !broken_);
  if (!goes_on) server_.reset();
  const std::string shown = printable(std::string_view(path_).substr(0, path_.find('?')));
  context_.gate.events().say(
      {{"type", task_.kind == HttpTask::Kind::model ? "model.request" : "http.request"},
       {"host", admission_->to.host},
       {"port", admission_->to.port},
       {"method", printable(method())},
       {"path", shown.substr(0, 512)},
       {"credential", chosen() != nullptr ? printable(chosen()->name) : std::string()},
       {"status", status_},
       {"sent", sent_},
       {"received", received_}});
  if (refusal_ && !answered) {
    broken_ = false;
    refuse(*refusal_);
  } else if (answered && status_ == 0) {
    refuse({http::status::bad_gateway, "unreachable", "the server sent no valid answer"});
  }
  if (!goes_on) return false;
  // What the client sent behind its request is its next one.
  unread_ = beast::buffers_to_string(client_buffer_.data());
  client_buffer_.clear();
  return true;
}

// A websocket: bytes both ways until one side ends.
void HttpConversation::tunnel() {
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

}  // namespace berm
