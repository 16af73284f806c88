#include "net/https_client.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <cerrno>
#include <mutex>
#include <optional>

#include "base/text.h"
#include "net/dial.h"
#include "net/resolve.h"
#include "net/tls_stream.h"
#include "net/upstream_proxy.h"
#include "net/upstream_trust.h"

namespace berm {

namespace beast = boost::beast;
namespace http = beast::http;
using std::chrono::milliseconds;

struct HttpsClient::World {
  HttpsTrust choice;
  bool started = false;  ///< the resolver's threads
  std::mutex mutex;
  SslContext trust;
  Resolver* resolver = nullptr;
  std::optional<std::optional<UpstreamProxy>> proxy;

  Result<SSL_CTX*> roots();
  Result<Resolver*> names();
  Result<std::optional<UpstreamProxy>> way_out();
};

struct HttpsClient::Kept {
  std::string to;
  std::unique_ptr<ByteStream> stream;
  std::chrono::steady_clock::time_point since;
};

namespace {

// Servers close what is idle: shorter than most of them, so that few requests meet such an end.
constexpr std::chrono::seconds kLongestIdle{20};

constexpr std::size_t kMostBody = 1 << 20;
constexpr std::uint32_t kMostHead = 64 << 10;
constexpr std::size_t kMostProxyHead = 8 << 10;
constexpr int kMostInterim = 4;

bool is_visible(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

bool is_loopback(const IpAddress& address) {
  static constexpr IpAddress kV6 = {.bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1},
                                    .v6 = true};
  return address.v6 ? address == kV6 : address.bytes[0] == 127;
}

tl::unexpected<Error> bad_url(std::string_view url, std::string_view why) {
  return failure(Errc::usage, fmt::format("use the URL '{}': {}", printable(url), why),
                 "write https://HOST[:PORT][/PATH]");
}

// RFC 9110 §5.5: a field ends where the line ends. A line feed in a value would begin another.
bool is_field(const HttpsHeader& field) {
  const auto plain = [](std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
  };
  const auto is_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !field.name.empty() && std::ranges::all_of(field.name, is_name) && plain(field.text) &&
         (field.secret == nullptr || plain(field.secret->reveal()));
}

// The request as bytes. Written by hand, into memory of a secret: Beast's own fields would leave
// copies on the heap.
Result<Secret> serialised(const HttpsRequest& request, const HttpsUrl& url,
                          std::string_view connection) {
  std::vector<std::string_view> parts;
  const std::string start =
      fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: berm/{}\r\nConnection: {}\r\n",
                  request.method, url.target, host_field(url), BERM_VERSION, connection);
  parts.emplace_back(start);
  for (const HttpsHeader& field : request.headers) {
    if (!is_field(field)) {
      return failure(Errc::usage, fmt::format("send the header field '{}': its name or value has "
                                              "bytes that a header must not have",
                                              printable(field.name)));
    }
    for (const std::string_view part :
         {std::string_view(field.name), std::string_view(": "), std::string_view(field.text)}) {
      parts.push_back(part);
    }
    if (field.secret != nullptr) parts.push_back(field.secret->reveal());
    parts.emplace_back("\r\n");
  }
  std::string length;
  const std::size_t body = request.body.reveal().size() + request.text.size();
  const bool bodiless = request.method == "GET" || request.method == "HEAD";
  if (!request.content_type.empty() || body > 0 || !bodiless) {
    length = fmt::format("Content-Length: {}\r\n", body);
    if (!request.content_type.empty()) {
      length += fmt::format("Content-Type: {}\r\n", request.content_type);
    }
  }
  parts.emplace_back(length);
  parts.emplace_back("\r\n");
  parts.push_back(request.body.reveal());
  std::size_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  return Secret::filled(size, [&](std::span<char> bytes) {
    auto at = bytes.begin();
    for (const std::string_view part : parts) at = std::ranges::copy(part, at).out;
  });
}

tl::unexpected<Error> stream_error(std::string what, const boost::system::error_code& error) {
  if (error == beast::error::timeout) return os_error(std::move(what), ETIMEDOUT);
  return failure(Errc::kernel, fmt::format("{}: {}", what, error.message()));
}

// CONNECT to the host's own proxy. Read byte by byte: what follows the head belongs to the tunnel.
Result<UniqueFd> pass_proxy(UniqueFd fd, const UpstreamProxy& proxy, const Destination& to,
                            const Deadline& deadline) {
  std::string request = fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n", to_text(to));
  if (!proxy.authorization.empty()) {
    request += fmt::format("Proxy-Authorization: {}\r\n", proxy.authorization);
  }
  request += "\r\n";
  SocketStream stream(std::move(fd), deadline.left());
  boost::system::error_code error;
  for (std::string_view rest = request; !rest.empty() && !error;) {
    rest.remove_prefix(stream.write_bytes(rest, error));
  }
  std::string head;
  while (!error && !head.ends_with("\r\n\r\n") && head.size() < kMostProxyHead) {
    stream.set_timeout(deadline.left());
    char byte = 0;
    if (stream.read_bytes({&byte, 1}, error) == 1) head += byte;
  }
  if (error) return stream_error("pass the host's HTTPS_PROXY", error);
  if (head.starts_with("HTTP/1.1 200") || head.starts_with("HTTP/1.0 200")) return stream.release();
  const std::string line = printable(head.substr(0, std::min<std::size_t>(head.find('\r'), 80)));
  return failure(Errc::kernel, fmt::format("pass the host's HTTPS_PROXY: it says '{}'", line),
                 "let the proxy through to this host, or name the host in NO_PROXY");
}

using Parser = http::response_parser<http::string_body>;

// Feeds `parser` from `stream` until it has a whole response.
Result<void> read_response(ByteStream& stream, beast::flat_buffer& buffer, Parser& parser,
                           const Deadline& deadline) {
  boost::system::error_code error;
  while (!parser.is_done()) {
    if (buffer.size() > 0) {
      buffer.consume(parser.put(buffer.data(), error));
      if (error == http::error::need_more) error = {};
      if (error) break;
      if (parser.is_done()) return {};
    }
    stream.set_timeout(deadline.left());
    const auto space = buffer.prepare(std::min<std::size_t>(8192, kMostHead * 2 - buffer.size()));
    // A line of a chunk has no limit in the parser.
    if (space.size() == 0) error = http::error::buffer_overflow;
    if (error) break;
    const std::size_t got =
        stream.read_bytes({static_cast<char*>(space.data()), space.size()}, error);
    buffer.commit(got);
    if (error == boost::asio::error::eof) {
      // Only an end that TLS vouches for may end a body without a length.
      error = {};
      if (parser.got_some()) parser.put_eof(error);
      if (!parser.is_done() && !error) error = http::error::end_of_stream;
    }
    if (error) break;
  }
  if (!error) return {};
  if (error == beast::error::timeout) return os_error("read the response", ETIMEDOUT);
  const Errc code = error.category() == http::make_error_code(http::error::bad_version).category()
                        ? Errc::unsupported
                        : Errc::kernel;
  return failure(code, fmt::format("read the response: {}", error.message()));
}

Result<HttpsResponse> read_answer(ByteStream& stream, const HttpsRequest& request,
                                  const Deadline& deadline, bool& keeps) {
  beast::flat_buffer buffer(kMostHead * 2);
  HttpsResponse out;
  for (int interim = 0;; ++interim) {
    Parser parser;
    parser.body_limit(kMostBody);
    parser.header_limit(kMostHead);
    parser.eager(true);  // head and body by one put()
    parser.skip(request.method == "HEAD");
    const Result<void> read = read_response(stream, buffer, parser, deadline);
    if (parser.is_header_done()) out.status = parser.get().result_int();
    // RFC 9110 §15.2: an interim response may come before the final one.
    if (read && out.status >= 100 && out.status < 200 && interim < kMostInterim) continue;
    if (read) {
      for (const auto& field : parser.get()) {
        out.headers[lower(std::string(field.name_string()))] = std::string(field.value());
      }
    }
    // What follows an answer unasked could pass for the next one.
    keeps = read && out.status >= 200 && parser.keep_alive() && buffer.size() == 0;
    out.body = Secret(std::move(parser.get().body()));
    ::explicit_bzero(buffer.data().data(), buffer.size());
    BERM_TRY(read);
    return out;
  }
}

/// @param keeps  the connection may serve another request
Result<HttpsResponse> exchange(ByteStream& stream, const Secret& head, const HttpsRequest& request,
                               const Deadline& deadline, bool& keeps) {
  keeps = false;
  boost::system::error_code error;
  for (std::string_view rest : {head.reveal(), std::string_view(request.text)}) {
    while (!rest.empty() && !error) {
      stream.set_timeout(deadline.left());
      rest.remove_prefix(stream.write_bytes(rest, error));
    }
  }
  if (!error) return read_answer(stream, request, deadline, keeps);
  // It refused before it had read all, and closed: its reason is worth more than a broken pipe.
  // Nothing that it did not read whole can count as taken.
  if (error != beast::error::timeout) {
    Result<HttpsResponse> early = read_answer(stream, request, deadline, keeps);
    keeps = false;
    if (early && early->status >= 400) return early;
  }
  return stream_error("send the request", error);
}

// Whoever speaks unasked, or has ended, serves no request.
bool is_quiet(const ByteStream& stream) {
  char byte = 0;
  const ssize_t got = ::recv(stream.fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) && !stream.has_pending();
}

tl::unexpected<Error> redirected(const HttpsUrl& url, const HttpsResponse& response) {
  const auto to = response.headers.find("location");
  const std::string where = to == response.headers.end() ? "" : to->second.substr(0, 200);
  return failure(Errc::denied,
                 fmt::format("follow the redirect ({}) of {} to '{}': a credential goes nowhere "
                             "else",
                             response.status, to_text(url.to), printable(where)),
                 "name the final address as the endpoint");
}

}  // namespace

Result<SSL_CTX*> HttpsClient::World::roots() {
  const std::lock_guard lock(mutex);
  if (!trust) {
    std::string pem = choice.roots;
    if (pem.empty()) pem = BERM_TRY(read_host_roots(trust_sources_from_environment()));
    SslContext made = BERM_TRY(upstream_context(pem));
    if (!choice.certificate.empty()) {
      BERM_TRY(use_certificate(made.get(), choice.certificate, choice.key));
    }
    trust = std::move(made);
  }
  return trust.get();
}

Result<Resolver*> HttpsClient::World::names() {
  const std::lock_guard lock(mutex);
  if (resolver == nullptr) {
    // Never freed: its threads live as long as the process.
    resolver = BERM_TRY(Resolver::create()).release();
  }
  if (!started) resolver->start();
  started = true;
  return resolver;
}

Result<std::optional<UpstreamProxy>> HttpsClient::World::way_out() {
  const std::lock_guard lock(mutex);
  if (!proxy) proxy = BERM_TRY(host_proxy());
  return *proxy;
}

HttpsClient::HttpsClient(milliseconds timeout)
    : timeout_(timeout), world_(std::make_unique<World>()) {}

HttpsClient::HttpsClient(HttpsTrust trust, milliseconds timeout) : HttpsClient(timeout) {
  world_->choice = std::move(trust);
}

HttpsClient::~HttpsClient() = default;

Result<void> HttpsClient::make_ready() {
  BERM_TRY(world_->roots());
  BERM_TRY(world_->way_out());
  const std::lock_guard lock(world_->mutex);
  if (world_->resolver == nullptr) world_->resolver = BERM_TRY(Resolver::create()).release();
  return {};
}

std::string host_field(const HttpsUrl& url) {
  const std::string text = to_text(url.to);
  const std::string_view usual = url.tls ? ":443" : ":80";
  return text.ends_with(usual) ? text.substr(0, text.size() - usual.size()) : text;
}

Result<HttpsUrl> parse_https_url(std::string_view text) {
  HttpsUrl url;
  if (!is_visible(text)) return bad_url(text, "it has blanks or bytes that a URL has not");
  std::string_view rest = text;
  url.tls = rest.starts_with("https://");
  if (!url.tls && !rest.starts_with("http://")) return bad_url(text, "it is not https://");
  rest.remove_prefix(url.tls ? 8 : 7);
  const std::size_t end = std::min(rest.find_first_of("/?#"), rest.size());
  const std::optional<Destination> to =
      parse_authority(rest.substr(0, end), url.tls ? std::uint16_t{443} : std::uint16_t{80});
  if (!to) return bad_url(text, "it names no plain host and port");
  url.to = *to;
  if (!url.tls && !(to->address && is_loopback(*to->address))) {
    return bad_url(text, "http:// is for loopback addresses only");
  }
  if (rest.find('#') != std::string_view::npos) return bad_url(text, "it has a fragment");
  url.target = std::string(rest.substr(end));
  if (!url.target.starts_with('/')) url.target = "/" + url.target;
  return url;
}

Result<std::unique_ptr<ByteStream>> HttpsClient::connect(const HttpsUrl& url,
                                                         milliseconds patience) {
  const Deadline deadline = Deadline::in(patience);
  std::optional<UpstreamProxy> proxy;
  if (url.tls) proxy = BERM_TRY(world_->way_out());
  if (proxy && goes_direct(*proxy, url.to.host)) proxy.reset();

  Destination first = url.to;
  if (proxy) first = {proxy->host, parse_ip(proxy->host), proxy->port};
  std::vector<IpAddress> addresses;
  if (first.address) {
    addresses = {*first.address};
  } else {
    Resolver* const resolver = BERM_TRY(world_->names());
    addresses = BERM_TRY(addresses_of(*resolver, first.host, deadline));
  }
  UniqueFd fd = BERM_TRY(dial(std::move(addresses), first, deadline));
  if (proxy) fd = BERM_TRY(pass_proxy(std::move(fd), *proxy, url.to, deadline));
  if (!url.tls) return std::make_unique<SocketStream>(std::move(fd));
  SSL_CTX* const roots = BERM_TRY(world_->roots());
  return std::make_unique<TlsStream>(
      BERM_TRY(TlsStream::connect(roots, std::move(fd), url.to.host, deadline.left())));
}

void HttpsClient::keep_connection() { kept_ = std::make_unique<Kept>(); }

// The one of the request before, if it leads there and is still good.
std::unique_ptr<ByteStream> HttpsClient::take_kept(const std::string& to) {
  if (!kept_ || !kept_->stream) return nullptr;
  std::unique_ptr<ByteStream> stream = std::move(kept_->stream);
  const bool fresh = std::chrono::steady_clock::now() - kept_->since < kLongestIdle;
  if (fresh && kept_->to == to && is_quiet(*stream)) return stream;
  return nullptr;
}

Result<HttpsResponse> HttpsClient::send(const HttpsRequest& request) {
  const HttpsUrl url = BERM_TRY(parse_https_url(request.url));
  const Secret bytes = BERM_TRY(serialised(request, url, kept_ ? "keep-alive" : "close"));
  const Deadline deadline = Deadline::in(timeout_);
  const std::string to = fmt::format("{} {}", url.tls ? "https" : "http", to_text(url.to));
  std::unique_ptr<ByteStream> stream = take_kept(to);
  bool keeps = false;
  Result<HttpsResponse> response = failure(Errc::internal, "ask nobody");
  if (stream) {
    response = exchange(*stream, bytes, request, deadline, keeps);
    if (!response && response.error().os_errno == ETIMEDOUT) return response;
  }
  if (!response) {
    stream = BERM_TRY(connect(url, deadline.left()));
    response = exchange(*stream, bytes, request, deadline, keeps);
  }
  if (!response) return response;
  if (kept_ && keeps) {
    *kept_ = {.to = to, .stream = std::move(stream), .since = std::chrono::steady_clock::now()};
  } else {
    stream->finish();
  }
  if (response->status >= 300 && response->status < 400) return redirected(url, *response);
  return response;
}

Result<std::unique_ptr<ByteStream>> HttpsClient::ask(const HttpsRequest& request,
                                                     std::string_view connection,
                                                     milliseconds patience) {
  const HttpsUrl url = BERM_TRY(parse_https_url(request.url));
  const Secret bytes = BERM_TRY(serialised(request, url, connection));
  const Deadline deadline = Deadline::in(patience);
  std::unique_ptr<ByteStream> stream = BERM_TRY(connect(url, deadline.left()));
  boost::system::error_code error;
  for (std::string_view rest : {bytes.reveal(), std::string_view(request.text)}) {
    while (!rest.empty() && !error) {
      stream->set_timeout(deadline.left());
      rest.remove_prefix(stream->write_bytes(rest, error));
    }
  }
  if (error) return stream_error("send the request", error);
  return stream;
}

namespace {

using PartParser = http::response_parser<http::buffer_body>;

// The next part of a body, or of what comes before it. @return false at the end.
Result<bool> read_part(ByteStream& stream, beast::flat_buffer& buffer, PartParser& parser,
                       std::span<char> part, std::size_t& size) {
  boost::system::error_code error;
  parser.get().body().data = part.data();
  parser.get().body().size = part.size();
  parser.get().body().more = true;
  size = 0;
  while (!parser.is_done() && size == 0) {
    if (buffer.size() == 0) {
      const auto space = buffer.prepare(8192);
      const std::size_t got =
          stream.read_bytes({static_cast<char*>(space.data()), space.size()}, error);
      buffer.commit(got);
      if (error == beast::error::timeout) return true;
      if (error == boost::asio::error::eof) {
        error = {};
        if (!parser.is_done()) parser.put_eof(error);
        return error ? Result<bool>(stream_error("read the response", error)) : false;
      }
      if (error) return stream_error("read the response", error);
    }
    const std::size_t used = parser.put(buffer.data(), error);
    buffer.consume(used);
    if (parser.is_header_done()) size = part.size() - parser.get().body().size;
    if (error == http::error::need_buffer) return true;
    if (error == http::error::need_more) {
      error = {};
      // What is left of the buffer is half of something: more must come behind it.
      if (used > 0 || buffer.size() == 0) continue;
      const auto space = buffer.prepare(8192);
      const std::size_t got =
          stream.read_bytes({static_cast<char*>(space.data()), space.size()}, error);
      buffer.commit(got);
      if (error == beast::error::timeout) return true;
    }
    if (error) return stream_error("read the response", error);
  }
  return size > 0 || !parser.is_done();
}

void take_head(const http::response_header<>& head, HttpsResponse& out) {
  out.status = head.result_int();
  for (const auto& field : head) {
    out.headers[lower(std::string(field.name_string()))] = std::string(field.value());
  }
}

}  // namespace

Result<HttpsResponse> HttpsClient::stream(const HttpsRequest& request,
                                          const std::function<bool(std::string_view)>& take,
                                          milliseconds silence) {
  const std::unique_ptr<ByteStream> stream = BERM_TRY(ask(request, "close", timeout_));
  stream->set_timeout(std::chrono::seconds(1));
  auto heard = std::chrono::steady_clock::now();
  PartParser parser;
  parser.header_limit(kMostHead);
  parser.body_limit(boost::none);
  beast::flat_buffer buffer(kMostHead * 2);
  std::array<char, 32 << 10> part;
  HttpsResponse out;
  std::string body;
  for (;;) {
    std::size_t size = 0;
    const bool more = BERM_TRY(read_part(*stream, buffer, parser, part, size));
    const auto now = std::chrono::steady_clock::now();
    if (size > 0) heard = now;
    if (now - heard > silence) return os_error("read the response", ETIMEDOUT);
    if (size == 0 && more && !take({})) return out;
    if (out.status == 0 && parser.is_header_done()) take_head(parser.get(), out);
    const std::string_view bytes(part.data(), size);
    if (size > 0 && out.status == 200 && !take(bytes)) return out;
    if (out.status != 200 && body.size() < kMostBody) body += bytes;
    if (!more) break;
  }
  out.body = Secret(std::move(body));
  return out;
}

Result<HttpsUpgraded> HttpsClient::upgrade(HttpsRequest request, const std::string& protocol) {
  request.headers.push_back({"Upgrade", protocol});
  HttpsUpgraded out{
      .stream = BERM_TRY(ask(request, "Upgrade", timeout_)), .early = {}, .headers = {}};
  const Deadline deadline = Deadline::in(timeout_);
  http::response_parser<http::string_body> parser;
  parser.header_limit(kMostHead);
  parser.body_limit(kMostBody);
  beast::flat_buffer buffer(kMostHead * 2);
  boost::system::error_code error;
  while (!error && !parser.is_header_done()) {
    out.stream->set_timeout(deadline.left());
    const auto space = buffer.prepare(4096);
    buffer.commit(out.stream->read_bytes({static_cast<char*>(space.data()), space.size()}, error));
    if (error) break;
    buffer.consume(parser.put(buffer.data(), error));
    if (error == http::error::need_more) error = {};
  }
  if (error) return stream_error("read the response", error);
  HttpsResponse head;
  take_head(parser.get(), head);
  if (head.status != 101) {
    while (!error && !parser.is_done()) {
      if (buffer.size() > 0) buffer.consume(parser.put(buffer.data(), error));
      if (error || parser.is_done()) break;
      const auto space = buffer.prepare(4096);
      buffer.commit(
          out.stream->read_bytes({static_cast<char*>(space.data()), space.size()}, error));
    }
    return failure(Errc::denied,
                   fmt::format("be let through by {}: status {} {}", printable(request.url),
                               head.status, printable(parser.get().body().substr(0, 500))));
  }
  out.headers = std::move(head.headers);
  out.early.assign(static_cast<const char*>(buffer.data().data()), buffer.size());
  return out;
}

}  // namespace berm
