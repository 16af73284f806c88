// src/net/https_client.h: one HTTPS request, one response; for issuers of credentials and their
// like, which are asked before a run and after it.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "net/tls_stream.h"
#include "rules/egress/destination.h"

namespace berm {

/// Where a request goes.
struct HttpsUrl {
  bool tls = true;
  Destination to;
  std::string target;  ///< path and query: "/v1/x?y=z"
};

/// "https://HOST[:PORT][/PATH]", or "http://" with a loopback address (not a name: whoever answers
/// for it decides where it leads). No user, no fragment, visible ASCII only.
[[nodiscard]] Result<HttpsUrl> parse_https_url(std::string_view url);

/// The Host field of a request to `url`: without the default port, as every other client writes it.
[[nodiscard]] std::string host_field(const HttpsUrl& url);

/// A field of the request: `text`, then the secret behind it if there is one ("Bearer " + …).
struct HttpsHeader {
  std::string name;
  std::string text;
  const Secret* secret = nullptr;
};

struct HttpsRequest {
  std::string method = "GET";
  std::string url;
  std::vector<HttpsHeader> headers;
  std::string content_type;  ///< of the body
  Secret body;
  std::string text = {};  ///< a body that is no secret, behind the other
};

/// Whom a client trusts, and who it is.
struct HttpsTrust {
  std::string roots;        ///< PEM; "" = those of the host
  std::string certificate;  ///< PEM, with its chain; "" = none
  Secret key;               ///< of the certificate; PEM
};

struct HttpsResponse {
  unsigned status = 0;
  std::map<std::string, std::string> headers;  ///< names in lower case; of several, the last
  Secret body;
};

/// A connection that speaks another protocol now.
struct HttpsUpgraded {
  std::unique_ptr<ByteStream> stream;
  std::string early;                           ///< what the server said in it already
  std::map<std::string, std::string> headers;  ///< of its answer; names in lower case
};

/// Asks servers that this host trusts (SSL_CERT_FILE, SSL_CERT_DIR, or the distribution's bundle),
/// through the host's HTTPS_PROXY if it has one. Blocks. Thread safe.
class HttpsClient {
 public:
  /// @param timeout  For a request as a whole, from the name's lookup to the last byte.
  explicit HttpsClient(std::chrono::milliseconds timeout = std::chrono::seconds(15));
  HttpsClient(HttpsTrust trust, std::chrono::milliseconds timeout);
  ~HttpsClient();
  HttpsClient(const HttpsClient&) = delete;
  HttpsClient& operator=(const HttpsClient&) = delete;

  /// Reads roots, resolver and proxy now: a process that gives up its files calls it before.
  [[nodiscard]] Result<void> make_ready();

  /// From now on a connection serves the next request to the same server, for as long as both sides
  /// want it. Only for one thread, and for requests that may be sent twice: one that meets a
  /// connection which the server has just closed goes again by a new one.
  void keep_connection();

  /// The response of any status but a redirect: a credential goes nowhere else.
  ///
  /// @return  Errc::usage   the URL or a field cannot be sent;
  ///          Errc::denied  the certificate is refused, or the server redirects;
  ///          Errc::kernel  no connection, or one that broke or took too long (ETIMEDOUT);
  ///          Errc::unsupported  a response that is not HTTP/1.1, or of more than 1 MiB.
  [[nodiscard]] Result<HttpsResponse> send(const HttpsRequest& request);

  /// The same for a body that goes on: each part of it as it comes, by a connection of its own.
  /// @param take  returns false to hear no more; asked each second of silence, too, with nothing
  /// @param silence  the longest wait for a part
  /// @return the response, without its body if its status is 200
  [[nodiscard]] Result<HttpsResponse> stream(const HttpsRequest& request,
                                             const std::function<bool(std::string_view)>& take,
                                             std::chrono::milliseconds silence);

  /// A connection that the server has agreed to speak `protocol` on (RFC 9110 §7.8).
  /// @return Errc::denied with the server's words when it does not
  [[nodiscard]] Result<HttpsUpgraded> upgrade(HttpsRequest request, const std::string& protocol);

 private:
  struct World;  ///< roots, resolver, proxy: read when first needed
  struct Kept;   ///< a connection for the next request
  [[nodiscard]] Result<std::unique_ptr<ByteStream>> connect(const HttpsUrl& url,
                                                            std::chrono::milliseconds patience);
  [[nodiscard]] Result<std::unique_ptr<ByteStream>> ask(const HttpsRequest& request,
                                                        std::string_view connection,
                                                        std::chrono::milliseconds patience);
  [[nodiscard]] std::unique_ptr<ByteStream> take_kept(const std::string& to);

  std::chrono::milliseconds timeout_;
  std::unique_ptr<World> world_;
  std::unique_ptr<Kept> kept_;  ///< nullptr: each request has its own
};

}  // namespace berm
