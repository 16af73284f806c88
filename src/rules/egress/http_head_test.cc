#include "rules/egress/http_head.h"

#include <gtest/gtest.h>

namespace berm {
namespace {

using namespace std::string_view_literals;

TEST(WhyAmbiguous, LetsPlainRequestsThrough) {
  for (const std::string_view head :
       {"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"sv,
        "POST http://a.example/x?y=1 HTTP/1.1\r\nHost: a.example:80\r\nContent-Length: 3\r\n\r\n"sv,
        "PUT /x HTTP/1.1\r\nhost:a.example\r\nTransfer-Encoding: chunked\r\n\r\n"sv,
        "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\nX: \xc3\xa9\r\n\r\n"sv,
        "CONNECT a.example:443 HTTP/1.0\r\n\r\n"sv}) {
    EXPECT_EQ(why_ambiguous(head), "") << head;
  }
}

// Each is read in two ways by some pair of servers (RFC 9112 §11.2; PortSwigger, "HTTP Desync
// Attacks").
TEST(WhyAmbiguous, RefusesWhatTwoParsersReadDifferently) {
  const std::string_view kHost = "Host: a.example\r\n";
  const std::string_view kHeads[] = {
      "POST / HTTP/1.1\r\n{}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
      "POST / HTTP/1.1\r\n{}Content-Length: 3\r\nContent-Length: 4\r\n\r\n",
      "POST / HTTP/1.1\r\n{}Content-Length: 3\r\nContent-Length: 3\r\n\r\n",
      "POST / HTTP/1.1\r\n{}Content-Length: 3, 3\r\n\r\n",
      "POST / HTTP/1.1\r\n{}Content-Length: +3\r\n\r\n",
      "POST / HTTP/1.1\r\n{}Content-Length: 0x3\r\n\r\n",
      "POST / HTTP/1.1\r\n{}Content-Length: 3 \x0b\r\n\r\n",
      "POST / HTTP/1.1\r\n{}Content-Length : 3\r\n\r\n",
      "POST / HTTP/1.1\r\n{}Content-Length: 99999999999999999999\r\n\r\n",
      "POST / HTTP/1.1\r\n{}Content-Length:\r\n\r\n",
      "POST / HTTP/1.1\r\n{}Transfer-Encoding: xchunked\r\n\r\n",
      "POST / HTTP/1.1\r\n{}Transfer-Encoding: chunked, identity\r\n\r\n",
      "POST / HTTP/1.1\r\n{}Transfer-Encoding: gzip, chunked\r\n\r\n",
      "POST / HTTP/1.1\r\n{}Transfer-Encoding:\x0b"
      "chunked\r\n\r\n",
      "POST / HTTP/1.1\r\n{}Transfer-Encoding : chunked\r\n\r\n",
      "POST / HTTP/1.1\r\n{} Transfer-Encoding: chunked\r\n\r\n",
      "POST / HTTP/1.1\r\n{}X: y\r\n Transfer-Encoding: chunked\r\n\r\n",
      "POST / HTTP/1.1\r\n{}X: y\nTransfer-Encoding: chunked\r\n\r\n",
      "POST / HTTP/1.1\r\n{}X: y\rTransfer-Encoding: chunked\r\n\r\n",
      "POST / HTTP/1.1\r\n{}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
      "POST / HTTP/1.0\r\n{}Transfer-Encoding: chunked\r\n\r\n",
      "GET / HTTP/1.1\r\n{}Host: b.example\r\n\r\n",
      "GET / HTTP/1.1\r\n{}host: a.example\r\n\r\n",
      "POST / HTTP/1.1\r\n{}Content-Type: a/b\r\nContent-Type: c/d\r\n\r\n",
      "GET / HTTP/1.1\r\n{}: x\r\n\r\n",
      "GET / HTTP/1.1\r\n{}X\r\n\r\n",
      "GET / HTTP/1.1\r\n{}X y: z\r\n\r\n",
      "GET / HTTP/2.0\r\n{}\r\n",
      "GET / HTTP/1.1 \r\n{}\r\n",
      "GET  / HTTP/1.1\r\n{}\r\n",
      "GET /a b HTTP/1.1\r\n{}\r\n",
      "GET /#x HTTP/1.1\r\n{}\r\n",
      "GET /\xc3\xa9 HTTP/1.1\r\n{}\r\n",
      "GET / http/1.1\r\n{}\r\n",
      "G@T / HTTP/1.1\r\n{}\r\n",
      " GET / HTTP/1.1\r\n{}\r\n",
      "GET /\r\n{}\r\n",
      "\r\nGET / HTTP/1.1\r\n{}\r\n",
  };
  for (const std::string_view pattern : kHeads) {
    std::string head(pattern);
    head.replace(head.find("{}"), 2, kHost);
    EXPECT_NE(why_ambiguous(head), "") << head;
  }
  EXPECT_NE(why_ambiguous("GET / HTTP/1.1\r\n\r\n"), "") << "no Host";
  EXPECT_NE(why_ambiguous("GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n"sv), "") << "NUL";
}

TEST(WhyAmbiguous, HasLimits) {
  std::string head = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 101; ++i) head += "X: y\r\n";
  EXPECT_EQ(why_ambiguous(head + "\r\n"), "more than 100 headers");
  const std::string huge =
      "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(70000, 'x') + "\r\n\r\n";
  EXPECT_EQ(why_ambiguous(huge), "a head of more than 64 KiB");
}

}  // namespace
}  // namespace berm
