#include "egress/refusal.h"

#include <fmt/format.h>

#include "base/text.h"

namespace berm {

std::string http_refusal(std::string_view status, std::string_view rule, std::string_view why) {
  const std::string body = fmt::format("berm: {}\n", printable(why));
  return fmt::format(
      "HTTP/1.1 {}\r\nx-berm-denied: {}\r\nContent-Type: text/plain\r\nContent-Length: "
      "{}\r\nConnection: close\r\n\r\n{}",
      status, printable(rule), body.size(), body);
}

}  // namespace berm
