#include "egress/model_proxy.h"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "egress/connect_proxy.h"
#include "egress/resolve.h"

namespace berm {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using Request = http::request<http::buffer_body>;
using Response = http::response<http::buffer_body>;

constexpr std::uint32_t kMaxHead = 64 << 10;

// Every header by which an agent could authenticate as somebody else (an attacker's key would turn
// the model API into a way out), or that belongs to one hop only.
void set_credentials(Request& request, const ModelTarget& target) {
  for (const char* name :
       {"authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "proxy-authorization",
        "proxy-connection", "connection", "keep-alive", "trailer", "forwarded", "x-forwarded-for",
        "x-forwarded-host", "upgrade", "expect", "te"}) {
    request.erase(name);
  }
  const std::string value = target.header == "authorization"
                                ? fmt::format("Bearer {}", target.key->reveal())
                                : std::string(target.key->reveal());
  request.set(target.header, value);
  const bool usual = target.port == (target.tls ? 443 : 80);
  request.set(http::field::host,
              usual ? target.host : fmt::format("{}:{}", target.host, target.port));
}

bool is_reachable(const Request& request) {
  // What the client needs, method by method: TRACE would hand the key back, /v1/files would be a
  // store.
  const std::string_view target(request.target().data(), request.target().size());
  const std::string_view path = target.substr(0, target.find('?'));
  if (request.method() == http::verb::post) {
    return path == "/v1/messages" || path == "/v1/messages/count_tokens";
  }
  return request.method() == http::verb::get &&
         (path == "/v1/models" || (path.starts_with("/v1/models/") &&
                                   path.find_first_of("/%", 11) == std::string_view::npos));
}

// Carries one message's body, piece by piece: an event stream must not wait for a full buffer.
template <bool is_request, class In, class Out>
void relay_body(In& in, Out& out, beast::flat_buffer& buffer,
                http::parser<is_request, http::buffer_body>& parser,
                http::serializer<is_request, http::buffer_body>& serializer, error_code& error) {
  char piece[16384];
  while (!serializer.is_done()) {
    auto& body = parser.get().body();
    if (!parser.is_done()) {
      body.data = piece;
      body.size = sizeof piece;
      http::read_some(in, buffer, parser, error);
      if (error == http::error::need_buffer) error = {};
      if (error) return;
      body.size = sizeof piece - body.size;
      body.data = piece;
      body.more = !parser.is_done();
      if (body.size == 0 && body.more) continue;
    } else {
      body.data = nullptr;
      body.size = 0;
      body.more = false;
    }
    http::write(out, serializer, error);
    if (error == http::error::need_buffer) error = {};
    if (error) return;
  }
}

template <class Client>
void answer(Client& client, http::status status, std::string_view reason, error_code& error) {
  http::response<http::string_body> response(status, 11);
  response.set(http::field::content_type, "application/json");
  const nlohmann::json body = {
      {"type", "error"},
      {"error", {{"type", "permission_error"}, {"message", fmt::format("berm: {}", reason)}}}};
  response.body() = body.dump();
  response.keep_alive(false);
  response.prepare_payload();
  http::write(client, response, error);
}

// One request and its response. Returns false when the connection is over.
template <class Client, class Server>
bool exchange(Client& client, Server& server, beast::flat_buffer& client_buffer,
              http::request_parser<http::buffer_body>& parser, const ModelTarget& target,
              EventSink& events) {
  error_code error;
  Request& request = parser.get();
  const std::string path(request.target());
  set_credentials(request, target);
  request.target(target.prefix + path);
  http::request_serializer<http::buffer_body> out(request);
  http::write_header(server, out, error);
  if (!error) relay_body<true>(client, server, client_buffer, parser, out, error);
  if (error) return false;
  beast::flat_buffer server_buffer;
  http::response_parser<http::buffer_body> response;
  response.header_limit(kMaxHead);
  response.body_limit(boost::none);
  http::read_header(server, server_buffer, response, error);
  if (error) return false;
  const unsigned status = response.get().result_int();
  http::response_serializer<http::buffer_body> in(response.get());
  http::write_header(client, in, error);
  if (!error) relay_body<false>(server, client, server_buffer, response, in, error);
  events.say({{"type", "model.request"},
              {"host", target.host},
              {"path", printable(path.substr(0, path.find('?')))},
              {"status", status}});
  return !error && response.get().keep_alive();
}

class ModelConnection {
 public:
  ModelConnection(UniqueFd client, const ModelTarget& target, EventSink& events)
      : client_(context_, asio::ip::tcp::v4(), client.release()),
        target_(target),
        events_(events) {}

  void serve() {
    for (;;) {
      http::request_parser<http::buffer_body> parser;
      parser.header_limit(kMaxHead);
      parser.body_limit(256 << 20);
      error_code error;
      http::read_header(client_, buffer_, parser, error);
      if (error) return;
      const std::string_view encoding(parser.get()[http::field::transfer_encoding]);
      const bool odd_framing = !encoding.empty() && encoding != "chunked";
      if (odd_framing || !is_reachable(parser.get())) {
        const std::string path(parser.get().target());
        events_.say({{"type", "net.denied"},
                     {"host", target_.host},
                     {"port", target_.port},
                     {"reason", "only messages and models of the model API are reachable"},
                     {"path", printable(path.substr(0, 256))}});
        return answer(client_, http::status::forbidden,
                      "only messages and models of the model API are reachable", error);
      }
      if (!one(parser)) return;
    }
  }

 private:
  bool one(http::request_parser<http::buffer_body>& parser) {
    const Result<std::vector<ResolvedAddress>> addresses = resolve_host(target_.host, target_.port);
    // The user named this upstream himself: a gateway on his own machine is his choice.
    const Result<ResolvedAddress> address = addresses
                                                ? choose_address(*addresses, LocalAddresses::allow)
                                                : tl::unexpected(addresses.error());
    Result<UniqueFd> fd = address ? dial(*address) : tl::unexpected(address.error());
    error_code error;
    if (!fd) {
      events_.say({{"type", "net.denied"},
                   {"host", target_.host},
                   {"port", target_.port},
                   {"reason", "the model API does not answer"}});
      answer(client_, http::status::bad_gateway, "the model API does not answer", error);
      return false;
    }
    const auto family =
        address->address.ss_family == AF_INET ? asio::ip::tcp::v4() : asio::ip::tcp::v6();
    if (!target_.tls) {
      asio::ip::tcp::socket server(context_, family, fd->release());
      return exchange(client_, server, buffer_, parser, target_, events_);
    }
    asio::ssl::context tls(asio::ssl::context::tls_client);
    tls.set_default_verify_paths(error);
    tls.set_verify_mode(asio::ssl::verify_peer, error);
    asio::ssl::stream<asio::ip::tcp::socket> server(
        asio::ip::tcp::socket(context_, family, fd->release()), tls);
    server.set_verify_callback(asio::ssl::host_name_verification(target_.host), error);
    SSL_set_tlsext_host_name(server.native_handle(), target_.host.c_str());
    server.handshake(asio::ssl::stream_base::client, error);
    if (error) {
      events_.say({{"type", "net.denied"},
                   {"host", target_.host},
                   {"port", target_.port},
                   {"reason", "TLS: " + error.message()}});
      answer(client_, http::status::bad_gateway, "TLS with the model API failed", error);
      return false;
    }
    return exchange(client_, server, buffer_, parser, target_, events_);
  }

  asio::io_context context_;
  asio::ip::tcp::socket client_;
  beast::flat_buffer buffer_;
  const ModelTarget& target_;
  EventSink& events_;
};

}  // namespace

Result<ModelTarget> parse_model_target(const std::string& url) {
  ModelTarget target;
  std::string_view rest = url;
  target.tls = rest.starts_with("https://");
  if (!target.tls && !rest.starts_with("http://")) {
    return failure(Errc::usage, fmt::format("'{}' is not the URL of a model API", url));
  }
  rest.remove_prefix(target.tls ? 8 : 7);
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  std::string_view authority = rest.substr(0, slash);
  target.prefix = std::string(rest.substr(slash));
  while (target.prefix.ends_with('/')) target.prefix.pop_back();
  target.port = target.tls ? 443 : 80;
  if (const std::size_t colon = authority.rfind(':'); colon != std::string_view::npos) {
    const std::string_view digits = authority.substr(colon + 1);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), target.port);
    if (error != std::errc() || end != digits.data() + digits.size()) {
      return failure(Errc::usage, fmt::format("'{}' has no valid port", url));
    }
    authority = authority.substr(0, colon);
  }
  target.host = lower(authority);
  const bool plain =
      !target.host.empty() &&
      target.host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-") == std::string::npos;
  if (!plain) return failure(Errc::usage, fmt::format("'{}' has no plain host name", url));
  return target;
}

void serve_model(UniqueFd client, const ModelTarget& target, EventSink& events) {
  // Beast and Asio throw only where no error_code is taken; a stray one ends this connection alone.
  try {
    ModelConnection(std::move(client), target, events).serve();
  } catch (const std::exception& error) {
    events.say({{"type", "egress.error"}, {"what", printable(error.what())}});
  }
}

}  // namespace berm
