#include "egress/telemetry.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "egress/http_conversation.h"
#include "rules/hooks/telemetry.h"

namespace berm {
namespace {

using boost::system::error_code;
constexpr std::size_t kMostBody = 4U << 20;
constexpr std::chrono::seconds kIdle{120};

void tell(EventSink& events, std::string_view body) {
  const Result<std::vector<TelemetryEvent>> told = read_telemetry(body);
  if (!told) return;
  for (const TelemetryEvent& event : *told) {
    nlohmann::json out = {{"type", "agent.telemetry"}, {"name", event.name}};
    std::size_t size = 0;
    for (const auto& [key, value] : event.attributes) {
      size += key.size() + value.size();
      if (size > 2000) break;  // a line of at most PIPE_BUF, escapes and all
      if (key != "type" && key != "name") out[printable(key)] = printable(value);
    }
    events.say(out);
  }
}

bool answer_one(const HttpContext& context, ByteStream& stream, beast::flat_buffer& buffer) {
  http::request_parser<http::string_body> parser;
  parser.body_limit(kMostBody);
  parser.header_limit(16 << 10);
  error_code error;
  http::read(stream, buffer, parser, error);
  if (error) return false;
  const auto& request = parser.get();
  const bool known = request.method() == http::verb::post &&
                     (request.target() == "/v1/logs" || request.target() == "/v1/metrics" ||
                      request.target() == "/v1/traces");
  if (known && request.target() == "/v1/logs") tell(context.gate.events(), request.body());
  http::response<http::string_body> response(known ? http::status::ok : http::status::not_found,
                                             11);
  response.set(http::field::content_type, "application/json");
  response.body() = "{}";
  response.keep_alive(request.keep_alive());
  response.prepare_payload();
  http::write(stream, response, error);
  return !error && request.keep_alive();
}

}  // namespace

void serve_telemetry(const HttpContext& context, UniqueFd client, std::string early) {
  SocketStream stream(std::move(client), kIdle);
  beast::flat_buffer buffer;
  boost::asio::buffer_copy(buffer.prepare(early.size()), boost::asio::buffer(early));
  buffer.commit(early.size());
  while (answer_one(context, stream, buffer)) continue;
}

}  // namespace berm
